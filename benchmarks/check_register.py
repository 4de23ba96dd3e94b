"""How long one register takes to check, loading included.

`python -m benchmarks.check_register [operations ...]` prints one line for each size (100,000 and 1,000,000 where none
are named): 10 clients, distinct written values, half reads, a quarter writes and a quarter compare-and-sets, a few
unknown outcomes. Each size runs in a process of its own, whose peak memory is what getrusage says of it.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.history import decode, encode
from checkers.linearizability import Linearizability

CLIENTS: Final = 10
SIZES: Final = (100_000, 1_000_000)
UNKNOWN: Final = 0.002
"""Share of the writes whose outcome stays unknown."""


def history(operations: int, seed: int = 1) -> Iterator[Event]:
    """A linearizable history: each operation takes effect when it completes, or for unknown ones when invoked."""
    rng = random.Random(seed)
    index, value = 0, 0
    state: Any = None
    waiting: dict[int, tuple[str, Any]] = {}
    processes = list(range(CLIENTS))

    def event(process: int, kind: EventType, f: str, what: Any, **more: Any) -> Event:
        nonlocal index
        index += 1
        return Event(
            index=index - 1,
            time=index * 50_000,
            process=process,
            type=kind,
            f=f,
            key="r0",
            value=what,
            **more,
        )

    begun = 0
    while begun < operations or waiting:
        place = rng.randrange(CLIENTS)
        process = processes[place]
        if process not in waiting:
            if begun == operations:
                continue
            begun += 1
            f = rng.choice(("read", "read", "write", "cas"))
            value += f != "read"
            what: Any = {"read": None, "write": value, "cas": [state, value]}[f]
            waiting[process] = (f, what)
            yield event(process, EventType.INVOKE, f, what)
            continue
        f, what = waiting.pop(process)
        if f == "write" and rng.random() < UNKNOWN:
            processes[place] += CLIENTS
            state = what
            yield event(process, EventType.INFO, f, what, error="timeout")
        elif f == "read":
            yield event(process, EventType.OK, f, state)
        elif isinstance(what, list) and what[0] != state:
            yield event(process, EventType.OK, f, what, actual=state)
        else:
            state = what[1] if isinstance(what, list) else what
            yield event(process, EventType.OK, f, what)


def measure(path: Path) -> dict[str, object]:
    """Loads and checks in this process."""
    began = time.perf_counter()
    recorded = decode(path.read_bytes())
    operations = recorded.operations
    loaded = time.perf_counter()
    result = Linearizability().check(Recording(recorded), Budget())
    done = time.perf_counter()
    return {
        "operations": len(operations),
        "verdict": result.verdict.value,
        "algorithm": result.algorithm,
        "load_s": round(loaded - began, 3),
        "check_s": round(done - loaded, 3),
        "total_s": round(done - began, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def in_process(operations: int) -> dict[str, object]:
    """Generates the history into a temporary file, then measures in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        with path.open("wb") as file:
            file.writelines(encode(event) for event in history(operations))
        command = [sys.executable, "-m", "benchmarks.check_register", "--measure", str(path)]
        done = subprocess.run(command, check=True, capture_output=True)
        found: dict[str, object] = json.loads(done.stdout)
        return found


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--measure"]:
        print(json.dumps(measure(Path(arguments[1]))))
        return
    for size in map(int, arguments) if arguments else SIZES:
        found = in_process(size)
        print("{operations:>9,} operations: load {load_s} s, check {check_s} s".format(**found), end=", ")
        print("total {total_s} s, peak {peak_mb} MB, {verdict} by {algorithm}".format(**found))


if __name__ == "__main__":
    main(sys.argv[1:])
