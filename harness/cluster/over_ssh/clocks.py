"""Clock faults by libfaketime: the offset that a node's server process adds to the wall clock stands in a file, which
is replaced while the process runs.

Each fault has its own offset; the file holds their sum. What a fault did is read from the server process itself: its
status tells its wall clock and its CLOCK_MONOTONIC at one moment, and the difference of the two is compared with the
same difference as the node's kernel has it. So no network delay and no clock of the harness comes into it, and half a
millisecond can be told.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.cluster import Evidence, Node
from harness.cluster.over_ssh.inspect import GONE, STOPPED, process_state
from harness.cluster.over_ssh.shell import Details, Trouble, on_each, run, script
from harness.system import System
from harness.world import World
from harness.world.sync import Lock

TOLERANCE_S: Final = 0.0005
READINGS: Final = 3
"""A process that is preempted between reading one clock and the other misreports once, not three times."""
STATUS_TIMEOUT_S: Final = 1.0
EPOCH_AGE_NS: Final = 10_000_000_000
"""How long the kernel's difference of wall and monotonic clock is taken for known: the host's clock is disciplined."""
_EPOCH_SCRIPT: Final = """\
from time import monotonic_ns, time_ns
readings = [(monotonic_ns(), time_ns(), monotonic_ns()) for _ in range(20)]
before, wall, after = min(readings, key=lambda reading: reading[2] - reading[0])
print(wall - (before + after) // 2)
"""
"""The tightest of twenty: the script may be preempted between two clocks as well."""


@dataclass
class _NodeClock:
    """One node's clock: what the file holds, in whose name."""

    node: Node
    lock: Lock
    """One shift at a time, so that what is read back belongs to what was written."""
    offsets_s: dict[str, float] = field(default_factory=dict)
    """By fault."""
    epoch_ns: int = 0
    """The kernel's wall clock less its monotonic clock."""
    epoch_read_ns: int | None = None
    """When that was read (run time)."""

    @property
    def total_s(self) -> float:
        return sum(self.offsets_s.values())


class ShellClocks:
    def __init__(self, world: World, nodes: Sequence[Node], system: System) -> None:
        self._world = world
        self._system = system
        self._clocks = {node.name: _NodeClock(node, Lock(world)) for node in nodes}

    async def shift(self, fault: str, offsets_s: Mapping[str, float], *, prove: bool = True) -> Evidence:
        shifts = {name: self._shift(self._clocks[name], fault, offsets_s[name], prove) for name in offsets_s}
        return await on_each(self._world, shifts, name="shift")

    async def verify_healed(self) -> Evidence:
        checks = {name: self._verify(clock) for name, clock in self._clocks.items()}
        return await on_each(self._world, checks, name="verify")

    async def _shift(self, clock: _NodeClock, fault: str, seconds: float, prove: bool) -> Details:
        async with clock.lock:
            clock.offsets_s[fault] = seconds
            await self._write(clock)
            details = await self._proof(clock, lifting=not seconds) if prove else {"set_s": _rounded(clock.total_s)}
            if not seconds:
                del clock.offsets_s[fault]
            return details

    async def _write(self, clock: _NodeClock) -> None:
        """Replaces the file at once, so that no half of it is ever read."""
        file = shlex.quote(clock.node.layout.clock_file)
        await run(clock.node, f"echo '{clock.total_s:+.6f}' > {file}.new && mv -f {file}.new {file}")

    async def _proof(self, clock: _NodeClock, *, lifting: bool) -> Details:
        offset_s = await self._read(clock, clock.total_s)
        if offset_s is None:
            return await self._proof_without_process(clock, lifting=lifting)
        if not _near(offset_s, clock.total_s):
            raise Trouble(f"{clock.node.name}: the clock is off by {offset_s:+.4f} s, not by {clock.total_s:+.4f} s")
        return {"set_s": _rounded(clock.total_s), "read_s": _rounded(offset_s)}

    async def _proof_without_process(self, clock: _NodeClock, *, lifting: bool) -> Details:
        """A process that is down or stopped has no clock to read. It will find the file as it is: enough for lifting,
        not for a fault."""
        state = await self._process_state(clock.node)
        if not lifting or state not in (GONE, STOPPED):
            raise Trouble(f"{clock.node.name}: the server does not tell its time (process state {state})")
        return {"set_s": _rounded(clock.total_s), "process": state}

    async def _process_state(self, node: Node) -> str:
        pid = await self._system.pid(node)
        return GONE if pid is None else await process_state(node, pid)

    async def _verify(self, clock: _NodeClock) -> Details:
        offset_s = await self._read(clock, 0.0)
        if offset_s is None:
            raise Trouble(f"{clock.node.name}: the server does not tell its time")
        if not _near(offset_s, 0.0):
            raise Trouble(f"{clock.node.name}: the clock is off by {offset_s:+.4f} s")
        return {"read_s": _rounded(offset_s)}

    async def _read(self, clock: _NodeClock, expected_s: float) -> float | None:
        """How far the server's wall clock is off, in seconds; the best of a few readings. None: it does not answer."""
        best: float | None = None
        for _ in range(READINGS):
            status = await self._system.status(self._world, clock.node, timeout_s=STATUS_TIMEOUT_S)
            if status is None or status.wall is None or status.mono is None:
                return best
            offset_s = (status.wall - status.mono - await self._epoch(clock)) / 1e9
            if best is None or abs(offset_s - expected_s) < abs(best - expected_s):
                best = offset_s
            if _near(best, expected_s):
                break
            clock.epoch_read_ns = None
        return best

    async def _epoch(self, clock: _NodeClock) -> int:
        now = self._world.now()
        if clock.epoch_read_ns is None or now - clock.epoch_read_ns > EPOCH_AGE_NS:
            clock.epoch_ns = int(await run(clock.node, script(clock.node, _EPOCH_SCRIPT)))
            clock.epoch_read_ns = now
        return clock.epoch_ns


def _near(offset_s: float, expected_s: float) -> bool:
    return abs(offset_s - expected_s) <= TOLERANCE_S


def _rounded(seconds: float) -> float:
    return round(seconds, 6)
