"""How long the general search takes: registers whose values repeat, with unknown operations, beside Porcupine.

    python -m benchmarks.check_search [--operations 100000] [--limit 60] [--porcupine FOLDER]

10 clients and 100 unknown operations, of which a third took effect when they were sent, a third later, and a third
never. Each line is a history in a process of its own: seconds on the clock and of the process itself, without loading,
and its peak memory. Porcupine gets the same history and --limit seconds.
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
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import peer
from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.history import History, decode, encode
from checkers.linearizability import Linearizability


@dataclass(frozen=True)
class Mix:
    """`values`: how many there are. `matching`: how often a compare-and-set expects what is there when it is sent.
    `unknown_until`: the part of the history that holds the unknown operations."""

    values: int = 5
    functions: Sequence[str] = ("read", "read", "write", "cas")
    matching: float = 0.7
    unknown_until: float = 1.0
    clients: int = 10
    unknown: int = 100


MIXES: Final = {
    "5 values": Mix(),
    "2 values": Mix(values=2),
    "20 values": Mix(values=20),
    "100 values": Mix(values=100),
    "mostly compare-and-sets": Mix(functions=("read", "cas", "cas", "cas")),
    "mostly writes": Mix(functions=("read", "write", "write", "write")),
    "all unknown ones early": Mix(unknown_until=0.05),
    "nothing unknown": Mix(unknown=0),
}
LATE: Final = 0.001
"""How often at a step an unknown operation takes effect that has not."""


@dataclass
class Call:
    f: str
    value: Any
    happened: bool = False
    saw: Any = None


@dataclass
class Simulation:
    """Clients at a register that works."""

    mix: Mix
    operations: int
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    events: list[Event] = field(default_factory=list)
    state: Any = None
    begun: int = 0
    lost: int = 0

    def run(self) -> History:
        processes = list(range(self.mix.clients))
        calls: dict[int, Call] = {}
        late: list[Call] = []
        while self.begun < self.operations or calls:
            place = self.rng.randrange(len(processes))
            process = processes[place]
            call = calls.get(process)
            if late and self.rng.random() < LATE:
                self.take_effect(late.pop(self.rng.randrange(len(late))))
            if call is None:
                if self.begun < self.operations:
                    calls[process] = self.invoke(process)
            elif not call.happened and call.f != "read" and self.is_lost():
                del calls[process]
                processes[place] += self.mix.clients
                self.lose(process, call, late)
            elif not call.happened:
                self.take_effect(call)
            else:
                self.complete(process, calls.pop(process))
        return History(self.events)

    def invoke(self, process: int) -> Call:
        self.begun += 1
        f = self.rng.choice(self.mix.functions)
        new = self.rng.randrange(self.mix.values)
        expected = self.state if self.rng.random() < self.mix.matching else self.rng.randrange(self.mix.values)
        call = Call(f, {"read": None, "write": new, "cas": [expected, new]}[f])
        self.record(process, EventType.INVOKE, f, call.value)
        return call

    def is_lost(self) -> bool:
        apart = self.operations * self.mix.unknown_until / (self.mix.unknown + 1)
        return self.lost < self.mix.unknown and self.begun >= (self.lost + 1) * apart

    def lose(self, process: int, call: Call, late: list[Call]) -> None:
        self.lost += 1
        self.record(process, EventType.INFO, call.f, call.value, error="timeout")
        fate = self.rng.randrange(3)
        if fate == 0:
            self.take_effect(call)
        elif fate == 1:
            late.append(call)

    def take_effect(self, call: Call) -> None:
        call.happened, call.saw = True, self.state
        if call.f == "write":
            self.state = call.value
        elif call.f == "cas" and call.value[0] == self.state:
            self.state = call.value[1]

    def complete(self, process: int, call: Call) -> None:
        if call.f == "read":
            self.record(process, EventType.OK, call.f, call.saw)
        elif call.f == "cas" and call.value[0] != call.saw:
            self.record(process, EventType.OK, call.f, call.value, actual=call.saw)
        else:
            self.record(process, EventType.OK, call.f, call.value)

    def record(self, process: int, kind: EventType, f: str, value: Any, **more: Any) -> None:
        at = len(self.events)
        fields: dict[str, Any] = {"index": at, "time": at * 50_000, "process": process, "type": kind, "key": "r0"}
        self.events.append(Event(f=f, value=value, **fields, **more))


def measure(path: Path, limit_s: float) -> dict[str, Any]:
    """Checks in this process."""
    recorded = Recording(decode(path.read_bytes()))
    operations = len(recorded.history.operations)
    clock, own = time.perf_counter(), time.process_time()
    result = Linearizability().check(recorded, Budget(lambda: limit_s - (time.perf_counter() - clock)))
    return {
        "operations": operations,
        "verdict": result.verdict.value,
        "check_s": time.perf_counter() - clock,
        "own_s": time.process_time() - own,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_process(path: Path, limit_s: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.check_search", "--measure", str(path), "--limit", str(limit_s)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--operations", type=int, default=100_000)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    peer.add_option(parser)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measure(options.measure, options.limit)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        porcupine = peer.build(options.porcupine, folder)
        if isinstance(porcupine, str):
            print(f"Porcupine does not run: {porcupine}.")
        for mix_name, mix in MIXES.items():
            history = Simulation(mix, options.operations).run()
            path = folder / "history.jsonl"
            path.write_bytes(b"".join(map(encode, history.events)))
            found = in_process(path, options.limit)
            print(f"{mix_name}: " + _line(found), end="")
            print("" if isinstance(porcupine, str) else _beside(porcupine, history, options.limit), flush=True)


def _line(found: dict[str, Any]) -> str:
    return (
        "{operations:,} operations, {verdict} in {check_s:.1f} s ({own_s:.1f} s of its own), peak {peak_mb:.0f} MB"
    ).format(**found)


def _beside(porcupine: peer.Porcupine, history: History, limit_s: float) -> str:
    [said] = porcupine.judge([history], limit_s)
    if said.answer == peer.OUT_OF_MEMORY:
        return f"; Porcupine ran out of memory after {said.seconds:.0f} s"
    if said.answer == "unknown":
        return f"; Porcupine gave up after {said.seconds:.0f} s"
    return f"; Porcupine: {said.answer} in {said.seconds:.1f} s"


if __name__ == "__main__":
    main()
