"""Packets: links that lose, double, delay and reorder what is sent over them, or hold it back for a while.

Each variant is a hindrance and where it is: on every link, on those of one node, or on one way between two nodes.
Several clogged links need not be freed in the order in which they were clogged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence, Hindrance, Link
from harness.errors import BadInput
from harness.nemesis.exact import check_names, fraction, links, positive_seconds
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.grudges import both_ways, one_way

LOSSY: Final = "lossy"
DUPLICATING: Final = "duplicating"
REORDERING: Final = "reordering"
SLOW: Final = "slow"
CLOGGED: Final = "clogged"
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
        hindrance = {name: value for name in Hindrance.__struct_fields__ if (value := getattr(self.hindrance, name))}
        return {"links": [f"{link.source}->{link.target}" for link in sorted(self.links)], **hindrance}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.packets).disturb(fault, self.links, self.hindrance)

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
    return Hindrance(clogged=True)


_WEIGHTS: Final = {LOSSY: 2, DUPLICATING: 2, REORDERING: 2, SLOW: 3, CLOGGED: 2}
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
        }

    def plan(self, variant: str, view: View, rng: Random) -> Disturbance:
        shape, _, place = variant.partition("-")
        if len(view.nodes) < 2:
            raise NoTarget("there are no links between fewer than two nodes")
        return Disturbance(_links(place, view, rng), _hindrance(shape, rng))

    def exact(self, details: Mapping[str, Any], view: View) -> Disturbance:
        """`links`, each a sender and one that it sends to, and what they do to messages: `loss`, `duplicate`, `slow`
        (probabilities), `slow_s` (how much longer the slow ones take, at most), `delay_s` (all of them), `clogged`."""
        check_names(details, ["links", *Hindrance.__struct_fields__], "a packets fault")
        clogged = details.get("clogged", False)
        if not isinstance(clogged, bool):
            raise BadInput(f"'clogged' takes true or false, not {clogged!r}")
        chances = {name: fraction(details, name) for name in ("loss", "duplicate", "slow")}
        waits = {name: positive_seconds(details, name) for name in ("slow_s", "delay_s") if name in details}
        hindrance = Hindrance(**chances, **waits, clogged=clogged)
        if hindrance == Hindrance():
            raise BadInput("a packets fault takes 'loss', 'duplicate', 'slow', 'delay_s' or 'clogged'")
        return Disturbance(links(details, view), hindrance)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in Hindrance.__struct_fields__ if name in value}
        return {"links": [link.split("->") for link in value["links"]], **shape}


def _links(place: str, view: View, rng: Random) -> frozenset[Link]:
    if place == EVERYWHERE:
        return one_way(view.nodes, view.nodes)
    node = view.leader if view.leader is not None and rng.random() < 0.5 else rng.choice(view.nodes)
    others = [name for name in view.nodes if name != node]
    if place == NODE:
        return both_ways([node], others)
    other = rng.choice(others)
    return frozenset({Link(node, other) if rng.random() < 0.5 else Link(other, node)})


FAULT: Final = PacketFault()
