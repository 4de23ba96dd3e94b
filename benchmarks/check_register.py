"""How long one register takes to check, beside Porcupine.

    python -m benchmarks.check_register [operations ...] [--clients 10 50 500] [--porcupine FOLDER]

Distinct written values, half reads, a quarter writes and a quarter compare-and-sets, a few unknown outcomes. For each
number of operations and of clients a line: loading, checking, and checking once more (warm), in a process of its own,
whose peak memory is what getrusage says of it. Seconds are of the process's own time, so that other work on the machine
counts little, and of the clock.

Porcupine judges a history of its own (benchmarks/peer.py): 30,000 reads and writes alone, 10 clients. The ratio is that
of checking alone, warm.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import peer
from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.history import decode, encode
from checkers.linearizability import Linearizability

SIZES: Final = (30_000, 1_000_000)
CLIENTS: Final = (10, 50, 500)
UNKNOWN: Final = 0.002
"""Share of the writes whose outcome stays unknown."""
PORCUPINE_SIZE: Final = 30_000
PORCUPINE_LIMIT_S: Final = 300.0


def history(
    operations: int, seed: int = 1, clients: int = 10, functions: Sequence[str] = ("read", "read", "write", "cas")
) -> Iterator[Event]:
    """A linearizable history: each operation takes effect at some moment while it is open, and clients are never
    idle."""
    rng = random.Random(seed)
    index, value = 0, 0
    state: Any = None
    waiting: dict[int, list[Any]] = {}
    """Process -> f, what it is about, whether it took effect, what it saw."""
    processes, idle = list(range(clients)), list(range(clients))

    def event(process: int, kind: EventType, f: str, what: Any, **more: Any) -> Event:
        nonlocal index
        index += 1
        fields: dict[str, Any] = {"index": index - 1, "time": index * 50_000, "process": process, "key": "r0"}
        return Event(type=kind, f=f, value=what, **fields, **more)

    begun = 0
    while begun < operations or waiting:
        if idle and begun < operations:
            process = processes[idle.pop()]
            begun += 1
            f = rng.choice(functions)
            value += f != "read"
            what: Any = {"read": None, "write": value, "cas": [state, value]}[f]
            waiting[process] = [f, what, False, None]
            yield event(process, EventType.INVOKE, f, what)
            continue
        place = rng.randrange(clients)
        process = processes[place]
        if process not in waiting:
            continue
        f, what, happened, saw = waiting[process]
        if not happened:
            waiting[process][2:] = True, state
            if f == "write" or (f == "cas" and what[0] == state):
                state = what if f == "write" else what[1]
            continue
        del waiting[process]
        idle.append(place)
        if f == "write" and rng.random() < UNKNOWN:
            processes[place] += clients
            yield event(process, EventType.INFO, f, what, error="timeout")
        elif f == "read":
            yield event(process, EventType.OK, f, saw)
        elif f == "cas" and what[0] != saw:
            yield event(process, EventType.OK, f, what, actual=saw)
        else:
            yield event(process, EventType.OK, f, what)


def measure(path: Path) -> dict[str, Any]:
    """Loads and checks in this process."""
    clock, own = time.perf_counter(), time.process_time()
    recorded = Recording(decode(path.read_bytes()))
    operations = len(recorded.history.operations)
    loaded = time.perf_counter() - clock
    result = Linearizability().check(recorded, Budget())
    total, total_own = time.perf_counter() - clock, time.process_time() - own
    again, own_again = time.perf_counter(), time.process_time()
    Linearizability().check(recorded, Budget())
    return {
        "operations": operations,
        "verdict": result.verdict.value,
        "algorithm": result.algorithm,
        "load_s": loaded,
        "check_s": total - loaded,
        "total_s": total,
        "own_s": total_own,
        "warm_s": time.perf_counter() - again,
        "warm_own_s": time.process_time() - own_again,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_process(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.check_register", "--measure", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def line(found: dict[str, Any], clients: int) -> str:
    return (
        "{operations:>9,} operations, {clients:>3} clients: load {load_s:.2f} s, check {check_s:.3f} s (warm "
        "{warm_s:.3f} s, {warm_own_s:.3f} s of its own), total {total_s:.2f} s ({own_s:.2f} s of its own), peak "
        "{peak_mb:.0f} MB, {verdict} by {algorithm}"
    ).format(**found, clients=clients)


def beside_porcupine(found: dict[str, Any], checkout: Path | None, folder: Path) -> str:
    porcupine = peer.build(checkout, folder)
    if isinstance(porcupine, str):
        recorded = peer.RECORDED.get(found["operations"])
        if recorded is None:
            return f"Porcupine did not run ({porcupine}), and nothing is recorded of this size."
        return (
            f"Porcupine did not run ({porcupine}); recorded on another machine: {recorded} s, "
            f"{recorded / found['warm_s']:,.0f} times as long."
        )
    [said] = porcupine.judge([decode((folder / "history.jsonl").read_bytes())], PORCUPINE_LIMIT_S)
    more = "more than " if said.answer == "unknown" else ""
    ratio, own_ratio = said.seconds / found["warm_s"], said.own_s / found["warm_own_s"]
    return (
        f"Porcupine: {said.answer}, {said.seconds:.2f} s ({said.own_s:.2f} s of its own), {more}{ratio:,.0f} times as "
        f"long ({own_ratio:,.0f} times by own time)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("operations", type=int, nargs="*", default=SIZES)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    peer.add_option(parser)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(options.measure)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in options.operations:
            for clients in options.clients:
                found = in_process(written(folder, history(size, clients=clients)))
                print(line(found, clients), flush=True)
        found = in_process(written(folder, history(PORCUPINE_SIZE, functions=("read", "write"))))
        print("Reads and writes alone:", line(found, 10))
        print(beside_porcupine(found, options.porcupine, folder))


def written(folder: Path, events: Iterator[Event]) -> Path:
    path = folder / "history.jsonl"
    with path.open("wb") as file:
        file.writelines(map(encode, events))
    return path


if __name__ == "__main__":
    main()
