"""How long reads take to be graded, at every level, and how much memory it takes.

`python -m benchmarks.read_consistency [operations ...]` prints one line for each case (100,000 operations where none
are named): 10 and 500 clients on five keys at a time, 200 operations a key, three of five reads, from nodes that apply
one log at their own pace. Reads that wait do so for what their client has seen, others do not. Where one answer in ten
is lost, thousands of sessions come and go. No log index is reported, so everything is decided by values. Each case runs
in a process of its own, whose peak memory is what getrusage says of it.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from typing import Any, Final

from checkers.checker import Budget, Recording
from checkers.consistency import ReadConsistency
from checkers.events import Event, EventType
from checkers.history import History

NODES: Final = 5
KEYS: Final = 5
OPERATIONS_A_KEY: Final = 200
CASES: Final = (
    {"clients": 10, "waits": True, "unknown": 0.0},
    {"clients": 500, "waits": True, "unknown": 0.0},
    {"clients": 500, "waits": True, "unknown": 0.1},
    {"clients": 10, "waits": False, "unknown": 0.0},
    {"clients": 500, "waits": False, "unknown": 0.0},
)


class Cluster:
    """One log, and nodes that have applied a beginning of it."""

    def __init__(self, rng: random.Random) -> None:
        self.log: list[tuple[str, int]] = []
        self._rng = rng
        self._applied = [0] * NODES
        self._states: list[dict[str, int]] = [{} for _ in range(NODES)]

    def write(self, key: str, value: int) -> int:
        self.log.append((key, value))
        for node in range(NODES):
            if node == 0 or self._rng.random() < 0.3:
                self._apply(node, len(self.log))
        return len(self.log)

    def read(self, node: int, key: str, least: int) -> tuple[int | None, int]:
        """The value, and the index that the node has applied: at least `least`."""
        self._apply(node, least)
        return self._states[node].get(key), self._applied[node]

    def _apply(self, node: int, end: int) -> None:
        for key, value in self.log[self._applied[node] : end]:
            self._states[node][key] = value
        self._applied[node] = max(end, self._applied[node])


class Clients:
    def __init__(self, operations: int, clients: int, waits: bool, unknown: float) -> None:
        self._rng = random.Random(1)
        self._cluster = Cluster(self._rng)
        self._left, self._waits, self._unknown = operations, waits, unknown
        self._idle, self._next = list(range(clients)), clients
        self._pending: dict[int, tuple[str, str, int | None]] = {}
        self._seen: dict[int, int] = {}
        self._events: list[Event] = []

    def run(self) -> History:
        while self._left or self._pending:
            if self._left and self._idle and (not self._pending or self._rng.random() < 0.5):
                self._invoke(self._idle.pop(self._rng.randrange(len(self._idle))))
            else:
                self._complete(next(iter(self._pending)))
        return History(self._events)

    def _invoke(self, process: int) -> None:
        round_ = self._left // (OPERATIONS_A_KEY * KEYS)
        self._left -= 1
        key = f"r{round_ * KEYS + self._rng.randrange(KEYS)}"
        read = self._rng.random() < 0.6
        self._pending[process] = ("read", key, None) if read else ("write", key, self._left)
        self._record(process, EventType.INVOKE, *self._pending[process])

    def _complete(self, process: int) -> None:
        f, key, value = self._pending.pop(process)
        if f == "read":
            least = self._seen.get(process, 0) if self._waits else 0
            value, index = self._cluster.read(self._rng.randrange(NODES), key, least)
        else:
            assert value is not None
            index = self._cluster.write(key, value)
            if self._rng.random() < self._unknown:
                self._record(process, EventType.INFO, f, key, value)
                self._idle.append(self._next)
                self._next += 1
                return
        self._seen[process] = max(index, self._seen.get(process, 0))
        self._record(process, EventType.OK, f, key, value)
        self._idle.append(process)

    def _record(self, process: int, kind: EventType, f: str, key: str, value: int | None) -> None:
        at, mode = len(self._events), "stale" if f == "read" else None
        self._events.append(
            Event(index=at, time=at * 50_000, process=process, type=kind, f=f, key=key, value=value, read=mode)
        )


def measure(operations: int, case: dict[str, Any]) -> dict[str, Any]:
    history = Clients(operations, **case).run()
    sessions = len({operation.process for operation in history.operations})
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    result = ReadConsistency().check(Recording(history), Budget())
    return {
        "operations": operations,
        **case,
        "sessions": sessions,
        "cpu_s": round(time.process_time() - began, 1),
        "more_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) // 1024,
        "reached": result.details["modes"][0]["reached"],
    }


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[2].startswith("{"):
        print(json.dumps(measure(int(sys.argv[1]), json.loads(sys.argv[2]))))
        return
    for operations in sys.argv[1:] or ["100000"]:
        for case in CASES:
            subprocess.run([sys.executable, "-m", __spec__.name, operations, json.dumps(case)], check=True)


if __name__ == "__main__":
    main()
