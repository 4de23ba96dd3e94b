"""Packets: links that lose, double, corrupt, delay and reorder what is sent over them, that are narrow, or hold it back
for a while.

Each variant is a hindrance and where it is: on every link, on those of one node, or on one way between two nodes.
Several clogged links need not be freed in the order in which they were clogged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence, Hindrance, Link
from harness.errors import BadInput, ControlError
from harness.nemesis.exact import bytes_per_s, check_names, fraction, links, positive_seconds
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.grudges import both_ways, one_way
from harness.on_nodes.hindrance import NAMES
from harness.world import Future, World

LOSSY: Final = "lossy"
DUPLICATING: Final = "duplicating"
REORDERING: Final = "reordering"
SLOW: Final = "slow"
UNSTEADY: Final = "unsteady"
CORRUPTING: Final = "corrupting"
NARROW: Final = "narrow"
CLOGGED: Final = "clogged"
NARROW_BYTES_S: Final = (20_000, 500_000)
"""Raft between five nodes with a few hundred operations a second wants about the middle of it on each link."""
EVERYWHERE: Final = "everywhere"
NODE: Final = "node"
LINK: Final = "link"


@dataclass(frozen=True)
class Disturbance:
    links: frozenset[Link]
    hindrance: Hindrance

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(sorted({name for link in self.links for name in link}))

    def describe(self) -> Mapping[str, Any]:
        links = [link.words for link in sorted(self.links)]
        return {"links": links, **self.hindrance.as_dict()}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.packets).disturb(fault, self.links, self.hindrance)

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        """What hinders packets may have ended by itself: links were free for a while, and nobody knows since when."""
        await stop
        held = await offered(capabilities.packets).holds(fault)
        if not held.effective:
            raise ControlError(held.trouble or "the fault was not in force to its end")

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.packets).calm(fault)


def _hindrance(shape: str, rng: Random) -> Hindrance:
    if shape == LOSSY:
        return Hindrance(loss=round(rng.uniform(0.02, 0.5), 3))
    if shape == DUPLICATING:
        return Hindrance(duplicate=round(rng.uniform(0.05, 0.5), 3), slow=0.2, slow_s=round(rng.uniform(0.01, 1.0), 3))
    if shape == REORDERING:
        return Hindrance(slow=round(rng.uniform(0.05, 0.4), 3), slow_s=round(rng.uniform(0.005, 1.5), 3))
    if shape == SLOW:
        return Hindrance(delay_s=round(rng.uniform(0.01, 0.4), 3))
    if shape == UNSTEADY:
        delay_s = round(rng.uniform(0.01, 0.2), 3)
        return Hindrance(delay_s=delay_s, jitter_s=round(delay_s * rng.uniform(0.3, 1.0), 3))
    if shape == CORRUPTING:
        return Hindrance(corrupt=round(rng.uniform(0.02, 0.3), 3))
    if shape == NARROW:
        return Hindrance(bytes_per_s=float(round(exp(rng.uniform(log(NARROW_BYTES_S[0]), log(NARROW_BYTES_S[1]))))))
    return Hindrance(clogged=True)


_WEIGHTS: Final = {LOSSY: 2, DUPLICATING: 2, REORDERING: 2, SLOW: 3, CLOGGED: 2}
_REAL_WEIGHTS: Final = {UNSTEADY: 2, CORRUPTING: 1, NARROW: 2}
"""For real links. A simulated one that loses, delays and reorders shows a protocol all that these would, and where they
were in the deck it would meet each of the others less often."""
_PLACES: Final = {EVERYWHERE: 2, NODE: 2, LINK: 2}


@dataclass(frozen=True)
class PacketFault:
    name: str = "packets"
    needs: str = "packets"
    exclusive: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {
            f"{shape}-{place}": Variant(weight * place_weight, brief=(shape, place) == (CLOGGED, EVERYWHERE))
            for shape, weight in _WEIGHTS.items()
            for place, place_weight in _PLACES.items()
        } | {
            f"{shape}-{place}": Variant(weight * place_weight, simulated=False)
            for shape, weight in _REAL_WEIGHTS.items()
            for place, place_weight in _PLACES.items()
        }

    def plan(self, variant: str, view: View, rng: Random) -> Disturbance:
        shape, _, place = variant.partition("-")
        if len(view.nodes) < 2:
            raise NoTarget("there are no links between fewer than two nodes")
        return Disturbance(links_at(place, view, rng), _hindrance(shape, rng))

    def exact(self, details: Mapping[str, Any], view: View) -> Disturbance:
        """`links`, each a sender and one that it sends to, and what they do to messages: `loss`, `duplicate`, `slow`
        `corrupt` (probabilities), `slow_s` (how much longer the slow ones take, at most), `delay_s` (all of them),
        `jitter_s` (how much longer or shorter), `bytes_per_s` (all that it carries), `clogged`."""
        check_names(details, ["links", *NAMES], "a packets fault")
        clogged = details.get("clogged", False)
        if not isinstance(clogged, bool):
            raise BadInput(f"'clogged' takes true or false, not {clogged!r}")
        chances = {name: fraction(details, name) for name in ("loss", "duplicate", "slow", "corrupt")}
        waits = {name: positive_seconds(details, name) for name in ("slow_s", "delay_s", "jitter_s") if name in details}
        width = {"bytes_per_s": bytes_per_s(details)} if "bytes_per_s" in details else {}
        hindrance = Hindrance(**chances, **waits, **width, clogged=clogged)
        if hindrance == Hindrance():
            raise BadInput(
                "a packets fault takes 'loss', 'duplicate', 'corrupt', 'slow', 'delay_s', 'bytes_per_s' or 'clogged'"
            )
        return Disturbance(links(details, view), hindrance)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in NAMES if name in value}
        return {"links": [link.split("->") for link in value["links"]], **shape}


def links_at(place: str, view: View, rng: Random) -> frozenset[Link]:
    """Of every node, of one, or one of the links, as drawn."""
    if place == EVERYWHERE:
        return one_way(view.nodes, view.nodes)
    node = view.leader if view.leader is not None and rng.random() < 0.5 else rng.choice(view.nodes)
    others = [name for name in view.nodes if name != node]
    if place == NODE:
        return both_ways([node], others)
    other = rng.choice(others)
    return frozenset({Link(node, other) if rng.random() < 0.5 else Link(other, node)})


FAULT: Final = PacketFault()
