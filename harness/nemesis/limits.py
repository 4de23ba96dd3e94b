"""Limits: nodes that have too little processor time, and nodes whose memory is used up.

A starved node is neither up nor down: it answers late, now and then, and does not know why. One whose memory is used up
is ended by the kernel, and cannot come back before the fault ends.

Both are exclusive: a node that hardly runs proves no other fault in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, fraction, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, FOLLOWERS, LEADER, MAJORITY, MINORITY, ONE, choose

SHARE: Final = (0.02, 0.15)
"""Of one processor."""
LEAST_SHARE: Final = 0.01


@dataclass(frozen=True)
class Starving:
    targets: tuple[str, ...]
    share: float

    def describe(self) -> Mapping[str, Any]:
        return {"share": self.share}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.limits).limit_cpu(self.targets, self.share)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.limits).unlimit_cpu(self.targets)


@dataclass(frozen=True)
class Exhausting:
    targets: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.limits).limit_memory(self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.limits).unlimit_memory(self.targets)


@dataclass(frozen=True)
class CpuFault:
    name: str = "cpu"
    needs: str = "limits"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        weights = {ONE: 2, MINORITY: 2, LEADER: 4, FOLLOWERS: 1, MAJORITY: 1, ALL: 2}
        return {target: Variant(weight) for target, weight in weights.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Starving:
        """Shares are spread evenly on a logarithmic scale."""
        share = round(exp(rng.uniform(log(SHARE[0]), log(SHARE[1]))), 3)
        return Starving(choose(variant, view, rng), share)

    def exact(self, details: Mapping[str, Any], view: View) -> Starving:
        """`nodes`: whom; `share`: how much of one processor they have."""
        check_names(details, ["nodes", "share"], "a cpu fault")
        nodes = some_nodes(details, "nodes", view)
        if (share := fraction(details, "share")) < LEAST_SHARE:
            raise BadInput(f"'share' takes from {LEAST_SHARE:g} to 1 of a processor, not {share:g}")
        return Starving(all_free(nodes, view), share)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"nodes": list(value["targets"]), "share": value["share"]}


@dataclass(frozen=True)
class MemoryFault:
    name: str = "memory"
    needs: str = "limits"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        weights = {ONE: 2, MINORITY: 2, LEADER: 3, ALL: 1}
        return {target: Variant(weight, brief=target == ALL) for target, weight in weights.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Exhausting:
        return Exhausting(choose(variant, view, rng))

    def exact(self, details: Mapping[str, Any], view: View) -> Exhausting:
        """`nodes`: whose."""
        check_names(details, ["nodes"], "a memory fault")
        return Exhausting(all_free(some_nodes(details, "nodes", view), view))

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"nodes": list(value["targets"])}


CPU: Final = CpuFault()
MEMORY: Final = MemoryFault()
