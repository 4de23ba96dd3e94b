"""Kill and pause: processes that are gone, and processes that stand still.

Killing (SIGKILL) takes everything that the process held in memory, what it had written but not synced included, as far
as the node keeps to that; ending the fault starts it again. Pausing (SIGSTOP) is nastier than it looks: the process
wakes up later without knowing that time has passed.

Both are exclusive: a node that is down is not paused, a paused one is not killed, and nothing is started twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.nemesis.exact import all_free, check_names, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, FOLLOWERS, LEADER, MAJORITY, MINORITY, ONE, choose


@dataclass(frozen=True)
class Killing:
    targets: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.processes).kill(self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.processes).restart(self.targets)


@dataclass(frozen=True)
class Pausing:
    targets: tuple[str, ...]

    def describe(self) -> Mapping[str, Any]:
        return {}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.processes).pause(self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.processes).resume(self.targets)


@dataclass(frozen=True)
class ProcessFault:
    name: str
    injection: type[Killing] | type[Pausing]
    weights: Mapping[str, int]
    """By target."""
    needs: str = "processes"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {
            target: Variant(weight, brief=target in (FOLLOWERS, MAJORITY, ALL))
            for target, weight in self.weights.items()
        }

    def plan(self, variant: str, view: View, rng: Random) -> Killing | Pausing:
        return self.injection(choose(variant, view, rng))

    def exact(self, details: Mapping[str, Any], view: View) -> Killing | Pausing:
        """`nodes`: whom."""
        check_names(details, ["nodes"], f"a {self.name}")
        return self.injection(all_free(some_nodes(details, "nodes", view), view))

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"nodes": list(value["targets"])}


# Killing many shows what was acknowledged but not synced; pausing many shows little more than that time has passed.
KILL: Final = ProcessFault("kill", Killing, {ONE: 2, MINORITY: 2, LEADER: 4, FOLLOWERS: 1, MAJORITY: 2, ALL: 3})
PAUSE: Final = ProcessFault("pause", Pausing, {ONE: 2, MINORITY: 2, LEADER: 4, FOLLOWERS: 1, MAJORITY: 1, ALL: 1})
