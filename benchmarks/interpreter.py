"""How fast interpreter and recorder are: a client that answers at once, a history on disk, one core.

    python -m benchmarks.interpreter [--operations 50000] [--concurrency 10] [--rounds 3] [--floor 20000]

Two generators are measured: a plain one, and one shaped like a real run's (reserved threads, independent keys, a mix of
functions, a time limit). The best of some rounds counts, by the clock and by the processor time that was used: they
are the same on an idle machine, and the second says on a busy one what an idle one would do. Exits with 1 when by
processor time the slower generator does fewer operations a second than the floor.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from checkers.events import EventType
from checkers.history import decode
from harness import generator as gen
from harness.client import Client, Completion, Invocation
from harness.interpreter import Interpreter
from harness.recorder import Recorder
from harness.world import World
from harness.world.real import RealWorld


class Instant:
    """Answers at once."""

    async def invoke(self, invocation: Invocation) -> Completion:
        return Completion(type=EventType.OK, value=1, node="n1", log_index=1)

    async def close(self) -> None:
        pass


def open_client(world: World, process: int) -> Client:
    return Instant()


def write(context: gen.Context) -> Invocation:
    return Invocation(f="write", value=context.dice.below(1000))


def plain(operations: int) -> gen.Generator:
    return gen.limit(operations, gen.repeat({"f": "read", "key": "k"}))


def realistic(operations: int) -> gen.Generator:
    def keyed(prefix: str) -> gen.Generator:
        sources: list[gen.Source] = [gen.repeat({"f": "read"}), write]
        return gen.independent(
            lambda number: f"{prefix}{number}",
            lambda key: gen.mix(sources),
            processes_per_key=5,
            ops_per_key=300,
            keys_at_once=5,
        )

    everything = gen.reserve((5, keyed("r")), keyed("f"))
    return gen.limit(operations, gen.clients(gen.time_limit(600, everything)))


async def measure(generator: gen.Generator, concurrency: int) -> tuple[float, float]:
    """Operations a second, by the clock and by processor time."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        world = RealWorld(0)
        recorder = Recorder(path, world.now)
        interpreter = Interpreter(world, open_client, recorder, concurrency=concurrency, call_timeout_s=1.0)
        began, began_busy = time.perf_counter(), time.process_time()
        await interpreter.run(generator)
        seconds, busy = time.perf_counter() - began, time.process_time() - began_busy
        await interpreter.close()
        recorder.close()
        assert len(decode(path.read_bytes()).operations) == interpreter.issued
    return interpreter.issued / seconds, interpreter.issued / busy


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=int, default=50_000)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--floor", type=float, default=20_000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    slowest = float("inf")
    for name, make in (("plain", plain), ("realistic", realistic)):
        rounds = [asyncio.run(measure(make(options.operations), options.concurrency)) for _ in range(options.rounds)]
        by_clock, by_processor = (max(speeds) for speeds in zip(*rounds, strict=True))
        slowest = min(slowest, by_processor)
        print(f"{name:10} {by_clock:>10,.0f} operations/s {by_processor:>10,.0f} by processor time")
    return 0 if slowest >= options.floor else 1


if __name__ == "__main__":
    sys.exit(main())
