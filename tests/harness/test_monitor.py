"""The monitor: when all nodes have caught up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.monitor import Monitor
from harness.system import Status
from harness.world.virtual import VirtualWorld
from tests.workloads.memory import make_nodes

NODES = make_nodes(3)
HEALED_NS = 1_000_000_000


class Statuses:
    """A system of which only statuses are asked: (commit, applied) of each node, None for one that is silent."""

    def __init__(self, *known: tuple[int, int] | None) -> None:
        self._known = {node.name: status for node, status in zip(NODES, known, strict=True)}

    async def status(self, world: Any, node: Any, *, timeout_s: float) -> Status | None:
        known = self._known[node.name]
        if known is None:
            return None
        commit, applied = known
        return Status(
            id=node.name, term=1, role="follower", leader=None, commit=commit, applied=applied, wall=0, mono=0
        )


@pytest.mark.parametrize("clock", [None, 1_700_000_000_000_000_000])
def test_a_node_need_not_tell_its_clocks(clock: int | None) -> None:
    class OneStatus:
        async def status(self, world: Any, node: Any, *, timeout_s: float) -> Status:
            return Status(id=node.name, term=3, role="leader", leader=None, commit=9, applied=8, wall=clock, mono=clock)

    world, lines = VirtualWorld(), list[dict[str, Any]]()
    system: Any = OneStatus()
    monitor = Monitor(world, system, NODES[:1], lambda line: lines.append(json.loads(line)), wall_base_ns=clock or 0)

    async def watch() -> None:
        monitor.start()
        await world.sleep(0.1)
        monitor.stop()

    world.run(watch())
    told = {"time": 0, "node": "n1", "term": 3, "role": "leader", "leader": None, "commit": 9, "applied": 8}
    assert lines == [told if clock is None else {**told, "offset_ns": 0, "mono": clock}]


@pytest.mark.parametrize(
    ("known", "caught_up"),
    [
        ([(9, 9), (9, 9), (9, 9)], True),
        ([(9, 9), (7, 7), (9, 9)], False),
        ([(9, 9), (9, 8), (9, 9)], False),
        ([(9, 9), None, (9, 9)], False),
    ],
)
def test_all_nodes_have_applied_what_any_has_committed(known: list[tuple[int, int] | None], caught_up: bool) -> None:
    world = VirtualWorld()
    system: Any = Statuses(*known)
    monitor = Monitor(world, system, NODES, lambda line: None, wall_base_ns=0)

    async def watch() -> None:
        monitor.start()
        await world.sleep(2)
        assert not monitor.caught_up(world.now() + 1), "what was said before does not count"
        monitor.stop()

    world.run(watch())
    assert monitor.caught_up(HEALED_NS) is caught_up
