"""Membership: nodes that leave the cluster and come back, and leaders that hand over.

A node that has left runs on, hears nothing, and may not disturb; when it comes back it has to catch up. The change goes
through the system itself, by whatever it offers for that, in the middle of all other faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import check_names, some_nodes
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.targets import LEADER, MINORITY, ONE, choose, known_leader

ALL_BUT_ONE: Final = "all-but-one"
HAND_OVER: Final = "hand-over"


@dataclass(frozen=True)
class Leaving:
    targets: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.membership).remove(fault, self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.membership).restore(fault)


@dataclass(frozen=True)
class HandingOver:
    """There is nothing to lift: somebody leads, as before."""

    to: str

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.to,)

    def describe(self) -> Mapping[str, Any]:
        return {"to": self.to}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.membership).transfer(self.to)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return Evidence(effective=True)


@dataclass(frozen=True)
class MembershipFault:
    """Not exclusive: who has left can still be killed or paused. Which nodes have left, all faults together, is kept by
    the capability."""

    name: str = "membership"
    needs: str = "membership"
    exclusive: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        weights = {ONE: 2, LEADER: 3, MINORITY: 2, ALL_BUT_ONE: 1, HAND_OVER: 4}
        return {name: Variant(weight) for name, weight in weights.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Leaving | HandingOver:
        if len(view.nodes) < 2:
            raise NoTarget("there is nobody else")
        if variant == HAND_OVER:
            leader = known_leader(view)
            return HandingOver(rng.choice([name for name in view.nodes if name != leader]))
        if variant == ALL_BUT_ONE:
            stays = rng.choice(view.nodes)
            return Leaving(tuple(name for name in view.nodes if name != stays))
        return Leaving(choose(variant, view, rng))

    def exact(self, details: Mapping[str, Any], view: View) -> Leaving | HandingOver:
        """`nodes` that leave, or `to`, whom the leader hands over to."""
        check_names(details, ["nodes", "to"], "a membership fault")
        if len(details) != 1:
            raise BadInput("a membership fault takes either 'nodes', who leave, or 'to', who is to lead")
        if "to" in details:
            (to,) = some_nodes({"to": [details["to"]]}, "to", view)
            return HandingOver(to)
        nodes = some_nodes(details, "nodes", view)
        if len(nodes) == len(view.nodes):
            raise BadInput("somebody has to stay: 'nodes' names all of them")
        return Leaving(nodes)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"to": value["to"]} if "to" in value else {"nodes": list(value["targets"])}


FAULT: Final = MembershipFault()
