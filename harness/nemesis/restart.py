"""Restarts: servers that are killed and started again, over and over or one after another.

- storm: the same nodes go down together, come back, and go down again, until it ends. A server that has hardly
  recovered is the one whose log was just cut, whose vote was just read back, who is in the middle of catching up.
- rolling: one node after another, each once the one before it answers again: what operators do to bring out a new
  version. There is a quorum all the time, and never one that has been up for long.

Both hold all their nodes from beginning to end. What they did on the way is told when they end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, node_list, positive_seconds, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, FOLLOWERS, LEADER, MINORITY, ONE, choose
from harness.world import Future, World

STORM: Final = "storm"
ROLLING: Final = "rolling"
UP_S: Final = (0.02, 1.0)
"""From when a server listens again until it is killed again."""
DOWN_S: Final = (0.02, 0.3)

Kill = dict[str, Any]
"""What is told of one: who was killed, and the trouble, if there was any."""


@dataclass(frozen=True)
class Restarting:
    """What storms and rolling restarts share: they begin with a kill, note each that follows, and end with all up."""

    targets: tuple[str, ...]
    kills: list[Kill] = field(default_factory=list, compare=False, kw_only=True)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        up = await offered(capabilities.processes).restart(self.targets)
        return Evidence(effective=up.effective, details={**up.details, "kills": self.kills}, trouble=up.trouble)

    async def _kill(self, names: tuple[str, ...], capabilities: Capabilities) -> Evidence:
        killed = await offered(capabilities.processes).kill(names)
        trouble = {} if killed.effective else {"trouble": killed.trouble}
        self.kills.append({"nodes": list(names), **trouble})
        return killed


@dataclass(frozen=True)
class Storm(Restarting):
    up_s: float
    down_s: float

    def describe(self) -> Mapping[str, Any]:
        return {"shape": STORM, "up_s": self.up_s, "down_s": self.down_s}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await self._kill(self.targets, capabilities)

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        while not stop.done():
            await world.sleep(self.down_s)
            await offered(capabilities.processes).restart(self.targets, prove=False)
            if stop.done():
                return
            await world.sleep(self.up_s)
            await self._kill(self.targets, capabilities)


@dataclass(frozen=True)
class Rolling(Restarting):
    """`targets` in the order in which they are restarted."""

    def describe(self) -> Mapping[str, Any]:
        return {"shape": ROLLING}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await self._kill(self.targets[:1], capabilities)

    async def sustain(self, fault: str, capabilities: Capabilities, world: World, stop: Future[None]) -> None:
        processes = offered(capabilities.processes)
        for before, name in zip(self.targets, self.targets[1:], strict=False):
            up = await processes.restart((before,))
            if stop.done() or not up.effective:
                return
            await self._kill((name,), capabilities)
        await processes.restart(self.targets[-1:])


_STORM_WEIGHTS: Final = {ONE: 2, MINORITY: 2, LEADER: 3, FOLLOWERS: 1, ALL: 2}


@dataclass(frozen=True)
class RestartFault:
    name: str = "restart"
    needs: str = "processes"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        storms = {
            f"{STORM}-{target}": Variant(weight, long=target not in (FOLLOWERS, ALL))
            for target, weight in _STORM_WEIGHTS.items()
        }
        return {**storms, ROLLING: Variant(3, long=True)}

    def plan(self, variant: str, view: View, rng: Random) -> Storm | Rolling:
        if variant == ROLLING:
            everyone = choose(ALL, view, rng)
            return Rolling(tuple(rng.sample(everyone, len(everyone))))
        targets = choose(variant.removeprefix(f"{STORM}-"), view, rng)
        return Storm(targets, round(rng.uniform(*UP_S), 3), round(rng.uniform(*DOWN_S), 3))

    def exact(self, details: Mapping[str, Any], view: View) -> Storm | Rolling:
        """`shape`: storm, of these `nodes`, which stay up for `up_s` and down for `down_s`; or rolling, of these
        `nodes` in the order in which they are named."""
        check_names(details, ["nodes", "shape", "up_s", "down_s"], "a restart")
        shape = details.get("shape")
        if shape not in (STORM, ROLLING):
            raise BadInput(f"'shape' takes {STORM} or {ROLLING}, not {shape!r}")
        if shape == ROLLING:
            if "up_s" in details or "down_s" in details:
                raise BadInput("'up_s' and 'down_s' are a storm's: a rolling restart takes as long as nodes take")
            return Rolling(all_free(node_list(details.get("nodes"), "nodes", view), view))
        nodes = all_free(some_nodes(details, "nodes", view), view)
        return Storm(nodes, positive_seconds(details, "up_s"), positive_seconds(details, "down_s"))

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in ("shape", "up_s", "down_s") if name in value}
        return {"nodes": list(value["targets"]), **shape}


FAULT: Final = RestartFault()
