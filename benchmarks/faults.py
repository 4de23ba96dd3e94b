"""How soon faults are in force, and lifted: five nodes in containers, every variant of every kind that they offer.

    python -m benchmarks.faults [--kinds partition,clock] [--rounds 3] [--json FILE]

From when a fault is asked for until it is in force, and until that is proven; and from when its end is asked for until
that is proven. It is in force when its evidence says so: at the latest when it is proven, but to show what links do to
packets takes longer than to have them do it. All of it the harness's own way, through the nemesis, one fault at a time,
on a cluster that has a leader and a client at each node, whose writes keep the logs growing: damage needs something to
do it to. Ending a fault that took a process away includes starting one that answers. Wanted, of the worst variant's
median: 0.5 s until in force; 1 s for clocks and disks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from tabulate import tabulate

from checkers.events import Event, EventType
from harness.cluster import IN_FORCE, Capabilities, Node
from harness.cluster.docker import DockerCluster
from harness.experiment import build, needs_frail_disks
from harness.image import ensure
from harness.monitor import Monitor
from harness.nemesis import Begin, Command, End, Nemesis, Stop, load_kinds
from harness.nemesis.fault import FaultKind
from harness.system import Definite, Indefinite
from harness.systems.raft import SYSTEM
from harness.world.real import RealWorld
from harness.world.sync import Queue

NODES = ("n1", "n2", "n3", "n4", "n5")
WANTED_S = {"clock": 1.0, "disk": 1.0}
WANTED_OTHERS_S = 0.5
LEADER_S = 30.0
CALL_TIMEOUT_S = 1.0
BETWEEN_WRITES_S = 0.05
FAULT_S = 90.0
"""Until a fault that was asked for must be in force, or lifted, on a machine that is very busy."""


@dataclass(frozen=True)
class Row:
    """Of one variant: medians of seconds, and the slowest."""

    kind: str
    variant: str
    rounds: int
    in_force_s: float
    in_force_worst_s: float
    proven_s: float
    lifted_s: float
    lifted_worst_s: float


class Events:
    """The nemesis's events as they come: `completed` waits for one."""

    def __init__(self, world: RealWorld) -> None:
        self._world = world
        self._events: list[Event] = []

    def record(self, **fields: Any) -> Event:
        kept = {name: value for name, value in fields.items() if value is not None or name == "value"}
        event = Event(index=len(self._events), time=self._world.now(), **kept)
        self._events.append(event)
        return event

    def next_fault(self) -> str:
        """An id that is not taken."""
        return f"f{len(self._events)}"

    async def completed(self, fault: str, action: str) -> Event:
        """The `ok` of a fault's action, whichever draw it is of. Raises TimeoutError."""
        async with asyncio.timeout(FAULT_S):
            while (event := self._ok(fault, action)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return event

    def seconds(self, event: Event) -> float:
        """From its invoke on: a fault that was drawn again is measured by the draw that took effect."""
        (asked,) = [
            other
            for other in self._events
            if other.type is EventType.INVOKE and (other.fault, other.value) == (event.fault, event.value)
        ]
        return (event.time - asked.time) / 1e9

    def _ok(self, fault: str, action: str) -> Event | None:
        for event in reversed(self._events):
            mine = (event.fault or "").partition(".")[0] == fault and event.value["action"] == action
            if mine and event.type is EventType.OK:
                return event
        return None


async def measured(kinds: Mapping[str, FaultKind], rounds: int) -> list[Row]:
    frail_disks = needs_frail_disks(list(kinds))
    name, image = f"benchmark-{uuid4().hex[:8]}", ensure(lambda line: None)
    cluster = DockerCluster(name, NODES, image=image, frail_disks=frail_disks)
    try:
        await cluster.up()
        await SYSTEM.install(cluster.nodes, {"small_files": frail_disks})
        await asyncio.gather(*(SYSTEM.start(node) for node in cluster.nodes))
        world = RealWorld(seed=1)
        monitor = Monitor(world, SYSTEM, cluster.nodes, lambda line: None, wall_base_ns=world.wall_base_ns)
        monitor.start()
        writing = [asyncio.create_task(_write(world, node)) for node in cluster.nodes]
        try:
            return await _all(world, cluster.able(world, SYSTEM), monitor, kinds, rounds)
        finally:
            for task in writing:
                task.cancel()
            await asyncio.gather(*writing, return_exceptions=True)
            monitor.stop()
    finally:
        await cluster.down()


async def _write(world: RealWorld, node: Node) -> None:
    session = SYSTEM.connect(world, node, timeout_s=CALL_TIMEOUT_S, session=f"writer-{node.name}")
    try:
        for number in count():
            with suppress(Definite, Indefinite):
                await session.write("k", number)
            await asyncio.sleep(BETWEEN_WRITES_S)
    finally:
        session.close()


async def _all(
    world: RealWorld, able: Capabilities, monitor: Monitor, kinds: Mapping[str, FaultKind], rounds: int
) -> list[Row]:
    events, commands = Events(world), Queue[Command](world)
    nemesis = Nemesis(world, kinds, able, events, monitor.view)
    running = world.spawn(nemesis.run(commands), name="nemesis")
    rows = [
        await _row(events, commands, monitor, name, variant, rounds)
        for name, kind in kinds.items()
        for variant in kind.variants
    ]
    commands.put(Stop())
    await running
    await nemesis.heal_all()
    return rows


async def _row(events: Events, commands: Queue[Command], monitor: Monitor, kind: str, variant: str, rounds: int) -> Row:
    begun: list[float] = []
    proven: list[float] = []
    lifted: list[float] = []
    for _ in range(rounds):
        await _leader(monitor)
        fault = events.next_fault()
        commands.put(Begin(fault, kind, variant, insist=True))
        event = await events.completed(fault, "begin")
        proven.append(events.seconds(event))
        begun.append(in_force_after_s(event) or proven[-1])
        commands.put(End(fault))
        lifted.append(events.seconds(await events.completed(fault, "end")))
    row = Row(kind, variant, rounds, median(begun), max(begun), median(proven), median(lifted), max(lifted))
    told = f"in force {row.in_force_s:.2f} s, proven {row.proven_s:.2f} s, lifted {row.lifted_s:.2f} s"
    print(f"{kind} {variant}: {told}", flush=True)
    return row


def in_force_after_s(event: Event) -> float | None:
    """Where the evidence tells it."""
    return (event.evidence or {}).get(IN_FORCE)


async def _leader(monitor: Monitor) -> None:
    async with asyncio.timeout(LEADER_S):
        while monitor.leader() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def table(rows: Sequence[Row]) -> str:
    """One line a kind: of its worst variant."""
    lines = []
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        worst = max(own, key=lambda row: row.in_force_s)
        wanted_s = WANTED_S.get(kind, WANTED_OTHERS_S)
        lines.append(
            [
                kind,
                median(row.in_force_s for row in own),
                worst.in_force_s,
                worst.variant,
                max(row.in_force_worst_s for row in own),
                wanted_s,
                "yes" if worst.in_force_s <= wanted_s else "no",
                max(row.proven_s for row in own),
                median(row.lifted_s for row in own),
                max(row.lifted_s for row in own),
            ]
        )
    headers = [
        "kind",
        "in force",
        "worst variant",
        "which",
        "worst of all",
        "wanted",
        "met",
        "proven, worst variant",
        "lifted",
        "worst variant",
    ]
    return tabulate(lines, headers=headers, floatfmt=".2f")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kinds", default="all", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="every variant's figures go to this file")
    options = parser.parse_args()
    kinds = load_kinds(build({"nemesis": options.kinds}).nemesis)
    rows = asyncio.run(measured(kinds, options.rounds))
    print(table(rows))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
