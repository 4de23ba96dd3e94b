"""Expiry: values and locks that end by themselves.

A time to live must not be judged by each node's clock: nodes would disagree. It ends by an entry of the log, EXPIRE,
which says whose lease it ends (the key, and the index of the entry that began it), so all nodes end it at the same
place, and one that was renewed meanwhile stays. The leader proposes it, when its monotonic clock says that the time has
passed since it applied the entry that began the lease. So nothing ends early, by a clock that runs true; it may end
late, where there is no leader just then.

Every node counts, from when it applied the entry, or read it from a snapshot; only the one that leads proposes. A
proposal can be lost with the leader that made it, so it is made again until the lease is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from math import inf
from typing import Final

from node_image.replica.command import Command, Operation, encode
from node_image.replica.state import Lease

AGAIN_S: Final = 1.0
"""When a proposal that has not been applied is made again."""
MOST_AT_ONCE: Final = 1000


class Timers:
    """When leases end. A lease that is renewed, or ends before its time, is noticed when its time would have come: so a
    key has one entry in the heap, however often it is written."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[float, int]] = {}
        """Key -> when its newest lease ends, and the index of the entry that began it."""
        self._heap: list[tuple[float, str]] = []
        """For every key of `_ends` an entry that is due then, or before."""

    @property
    def deadline(self) -> float:
        """When to ask for `due`; infinite when nothing will end. Monotonic seconds, like all deadlines."""
        return self._heap[0][0] if self._heap else inf

    def begin(self, keys: Iterable[str], leases: Mapping[str, Lease], now: float) -> None:
        """For keys whose lease has begun; some may be over already."""
        for key in keys:
            if key in leases:
                self._count(key, leases[key], now)

    def restart(self, leases: Mapping[str, Lease], now: float) -> None:
        """Of a state that has taken the place of all that was known."""
        self._ends.clear()
        self._heap.clear()
        self.begin(leases, leases, now)

    def due(self, leases: Mapping[str, Lease], now: float) -> list[bytes]:
        """Commands that end what has lived long enough."""
        commands: list[bytes] = []
        while self._heap and self._heap[0][0] <= now and len(commands) < MOST_AT_ONCE:
            _, key = heappop(self._heap)
            end, index = self._ends.pop(key, (inf, 0))
            if key not in leases or leases[key].log_index != index:
                continue
            if end <= now:
                commands.append(encode(Command(Operation.EXPIRE, "", 0, -1, key, index)))
                end = now + AGAIN_S
            self._wait(key, end, index)
        return commands

    def _count(self, key: str, lease: Lease, now: float) -> None:
        end = now + lease.ttl_ms / 1000
        earlier, _ = self._ends.get(key, (inf, 0))
        self._ends[key] = (end, lease.log_index)
        if end < earlier:
            heappush(self._heap, (end, key))

    def _wait(self, key: str, end: float, index: int) -> None:
        self._ends[key] = (end, index)
        heappush(self._heap, (end, key))
