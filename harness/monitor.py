"""The monitor: asks every node for its status while a run goes on.

What it hears is written to status.jsonl (one line an answer, or a silence) and kept as the newest sighting of each
node, which tells the nemesis who leads and people what goes on. It is an observer: nothing that it sees takes part
in the verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from harness.cluster import Node
from harness.system import Status, System
from harness.world import Task, World

INTERVAL_S = 0.5
TIMEOUT_S = 1.0
FRESH_NS = 2_000_000_000
"""A sighting older than this says nothing about now."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What a node said (None: it did not answer), and when (run time, ns)."""

    status: Status | None
    time: int


class Monitor:
    """`write` takes lines of status.jsonl. `wall_base_ns` is the harness's wall clock at run time 0: a node's offset
    is its own wall clock less the harness's, in the middle of the request."""

    def __init__(
        self,
        world: World,
        system: System,
        nodes: Sequence[Node],
        write: Callable[[bytes], object],
        *,
        wall_base_ns: int,
    ) -> None:
        self._world = world
        self._system = system
        self._nodes = nodes
        self._write = write
        self._wall_base_ns = wall_base_ns
        self._tasks: list[Task[None]] = []
        self._sightings: dict[str, Sighting] = {}

    def start(self) -> None:
        self._tasks = [self._world.spawn(self._watch(node), name=f"monitor-{node.name}") for node in self._nodes]

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    @property
    def sightings(self) -> Mapping[str, Sighting]:
        return self._sightings

    def view(self) -> dict[str, Status | None]:
        """The newest status of each node; None where there is none that is fresh."""
        horizon = self._world.now() - FRESH_NS
        seen = {name: sighting.status for name, sighting in self._sightings.items() if sighting.time >= horizon}
        return {node.name: seen.get(node.name) for node in self._nodes}

    def leader(self) -> Status | None:
        """The node that leads in the highest term, as far as is known."""
        leaders = [status for status in self.view().values() if status is not None and status.role == "leader"]
        return max(leaders, key=lambda status: status.term, default=None)

    def caught_up(self, since_ns: int) -> bool:
        """Whether every node answered since then, and has applied all that any of them had committed."""
        seen = [self._sightings.get(node.name) for node in self._nodes]
        statuses = [sight.status for sight in seen if sight is not None and sight.time >= since_ns]
        known = [status for status in statuses if status is not None]
        committed = max((status.commit for status in known), default=0)
        return len(known) == len(self._nodes) and all(status.applied >= committed for status in known)

    async def _watch(self, node: Node) -> None:
        while True:
            await self._poll(node)
            await self._world.sleep(INTERVAL_S)

    async def _poll(self, node: Node) -> None:
        asked = self._world.now()
        status = await self._system.status(self._world, node, timeout_s=TIMEOUT_S)
        answered = self._world.now()
        self._sightings[node.name] = Sighting(status=status, time=answered)
        line: dict[str, Any] = {"time": answered, "node": node.name}
        if status is None:
            line["error"] = "no answer"
        else:
            line |= {
                "term": status.term,
                "role": status.role,
                "leader": status.leader,
                "commit": status.commit,
                "applied": status.applied,
            }
            if status.wall is not None:
                middle = self._wall_base_ns + (asked + answered) // 2
                line |= {"offset_ns": status.wall - middle, "mono": status.mono}
        self._write(msgspec.json.encode(line) + b"\n")
