"""Connections that are reset, again and again: what was under way is lost, and nobody knows how much of it came.

A partition holds back what is sent, and TCP makes up for much of it; a reset takes the connection away in the middle of
a message, and the next one begins anew, as with a middlebox that forgets, or a peer's kernel that runs out of memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence, Link
from harness.nemesis.exact import check_names, links, positive_seconds
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.packets import EVERYWHERE, LINK, NODE, links_at

EVERY_S: Final = (0.05, 2.0)
_WEIGHTS: Final = {EVERYWHERE: 2, NODE: 2, LINK: 1}


@dataclass(frozen=True)
class Resetting:
    """`links`: connections dialled by the first to the second."""

    links: frozenset[Link]
    every_s: float

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(sorted({name for link in self.links for name in link}))

    def describe(self) -> Mapping[str, Any]:
        return {"links": [link.words for link in sorted(self.links)], "every_s": self.every_s}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.resets).begin(fault, self.links, self.every_s)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.resets).end(fault)


@dataclass(frozen=True)
class ResetFault:
    name: str = "reset"
    needs: str = "resets"
    exclusive: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: Variant(weight) for name, weight in _WEIGHTS.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Resetting:
        if len(view.nodes) < 2:
            raise NoTarget("there are no connections between fewer than two nodes")
        low, high = EVERY_S
        return Resetting(links_at(variant, view, rng), round(exp(rng.uniform(log(low), log(high))), 3))

    def exact(self, details: Mapping[str, Any], view: View) -> Resetting:
        """`links`: connections that the first node of each has dialled to the second; `every_s`: how often, in
        seconds."""
        check_names(details, ["links", "every_s"], "a reset fault")
        return Resetting(links(details, view), positive_seconds(details, "every_s"))

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"links": [link.split("->") for link in value["links"]], "every_s": value["every_s"]}


FAULT: Final = ResetFault()
