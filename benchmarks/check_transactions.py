"""How long a history of transactions takes to check, loading included.

`python -m benchmarks.check_transactions [--model rw-register] [transactions ...]` prints one line for each size
(100,000 and 1,000,000 where none are named): 10 clients, 4 steps a transaction, half of them reads, over 10 keys of
which each is twice as likely as the next; a key is retired after 32 writes, as by Elle's generator. Each transaction
takes effect at one moment while its client waits; a few outcomes are unknown. Each size runs in a process of its own,
whose peak memory is what getrusage says of it.
"""

from __future__ import annotations

import gc
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

from checkers.checker import Budget, Checker, Recording
from checkers.events import Event, EventType
from checkers.history import decode, encode
from checkers.transactions import ListAppend, RwRegister

CLIENTS: Final = 10
STEPS: Final = 4
KEYS: Final = 10
WRITES_PER_KEY: Final = 32
SIZES: Final = (100_000, 1_000_000)
UNKNOWN: Final = 0.001
MODELS: Final[dict[str, Checker]] = {"list-append": ListAppend(), "rw-register": RwRegister()}

Steps = list[list[Any]]


class Database:
    """Keys with all that was written to them."""

    def __init__(self, rng: random.Random, write: str) -> None:
        self._rng, self._write = rng, write
        self._active = list(range(KEYS))
        self._next_key = KEYS
        self._asked: dict[int, int] = {}
        self._held: dict[int, list[int]] = {}

    def ask(self) -> Steps:
        return [self._step() for _ in range(STEPS)]

    def _step(self) -> list[Any]:
        """The first key is twice as likely as the second, and so on."""
        place = min(KEYS - 1, int(self._rng.expovariate(0.6931)))
        key = self._active[place]
        if self._rng.random() < 0.5:
            return ["r", str(key), None]
        self._asked[key] = value = self._asked.get(key, 0) + 1
        if value == WRITES_PER_KEY:
            self._active[place] = self._next_key
            self._next_key += 1
        return [self._write, str(key), value]

    def run(self, steps: Steps) -> Steps:
        return [self._run(*step) for step in steps]

    def _run(self, f: str, key: str, value: Any) -> list[Any]:
        held = self._held.setdefault(int(key), [])
        if f != "r":
            held.append(value)
            return [f, key, value]
        if self._write == "append":
            return [f, key, held[:]]
        return [f, key, held[-1] if held else None]


def history(transactions: int, write: str, seed: int = 1) -> Iterator[Event]:
    rng = random.Random(seed)
    database = Database(rng, write)
    processes = list(range(CLIENTS))
    waiting: dict[int, tuple[Steps, Steps | None]] = {}
    """Process -> what it asked for, and the answer once it has taken effect."""
    index = begun = 0
    while begun < transactions or waiting:
        place = rng.randrange(CLIENTS)
        process = processes[place]
        if process not in waiting:
            if begun == transactions:
                continue
            begun += 1
            kind, value = EventType.INVOKE, database.ask()
            waiting[process] = value, None
        elif waiting[process][1] is None:
            waiting[process] = waiting[process][0], database.run(waiting[process][0])
            continue
        else:
            asked, answer = waiting.pop(process)
            known = rng.random() >= UNKNOWN
            kind, value = (EventType.OK, answer or []) if known else (EventType.INFO, asked)
            processes[place] += 0 if known else CLIENTS
        yield Event(index=index, time=index * 50_000, process=process, type=kind, f="txn", value=value)
        index += 1


def measure(path: Path, model: str) -> dict[str, object]:
    """Loads and checks in this process. There is no garbage in it, so that nothing is collected meanwhile."""
    gc.disable()
    began, cpu = time.perf_counter(), time.process_time()
    recorded = decode(path.read_bytes())
    operations = recorded.operations
    loaded = time.perf_counter()
    result = MODELS[model].check(Recording(recorded), Budget())
    done = time.perf_counter()
    return {
        "transactions": len(operations),
        "verdict": result.verdict.value,
        "load_s": round(loaded - began, 2),
        "check_s": round(done - loaded, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "total_s": round(done - began, 2),
        "rate": round(len(operations) / (done - began)),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def in_process(transactions: int, model: str) -> dict[str, object]:
    """Generates the history into a temporary file, then measures in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        write = "append" if model == "list-append" else "w"
        with path.open("wb") as file:
            file.writelines(encode(event) for event in history(transactions, write))
        command = [sys.executable, "-m", "benchmarks.check_transactions", "--measure", model, str(path)]
        done = subprocess.run(command, check=True, capture_output=True)
        found: dict[str, object] = json.loads(done.stdout)
        return found


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--measure"]:
        print(json.dumps(measure(Path(arguments[2]), arguments[1])))
        return
    model = "list-append"
    if arguments[:1] == ["--model"]:
        model, arguments = arguments[1], arguments[2:]
    for size in map(int, arguments) if arguments else SIZES:
        found = in_process(size, model)
        print("{transactions:>9,} transactions: load {load_s} s, check {check_s} s".format(**found), end=", ")
        print("total {total_s} s ({cpu_s} s of CPU), {rate:,} a second,".format(**found), end=" ")
        print("peak {peak_mb:,} MB, {verdict}".format(**found))


if __name__ == "__main__":
    main(sys.argv[1:])
