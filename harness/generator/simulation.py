"""Runs a generator without a run: no world, no clients, only processes that answer after a while.

What comes out is the history that such processes would make, as a list of events: for tests of generators, and for
looking at what a workload would do.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import TypeAlias

from checkers.events import NEMESIS, Event, EventType
from harness.client import Completion, Invocation
from harness.generator.base import NS, Context, Dice, Generator
from harness.generator.lift import Source, lift

Outcome: TypeAlias = "Callable[[Invocation, Random], tuple[float, Completion]]"
"""From an invocation to the seconds it takes and what comes of it."""

MAX_EVENTS = 1_000_000


class Stuck(Exception):
    """The generator is pending, and nothing is under way that could change its mind."""


def perfect(latency_s: float = 0.0) -> Outcome:
    """Every operation is ok after this long."""
    return lambda invocation, rng: (latency_s, Completion(type=EventType.OK, value=invocation.value))


def crashing(latency_s: float = 0.0) -> Outcome:
    """Nobody ever hears what came of it."""
    return lambda invocation, rng: (latency_s, Completion(type=EventType.INFO, value=invocation.value))


def uneven(mean_s: float, *, fail: float = 0.1, info: float = 0.1) -> Outcome:
    """Latencies drawn memorylessly, and shares of operations that fail or have an unknown outcome."""

    def outcome(invocation: Invocation, rng: Random) -> tuple[float, Completion]:
        point = rng.random()
        kind = EventType.FAIL if point < fail else EventType.INFO if point < fail + info else EventType.OK
        return rng.expovariate(1 / mean_s), Completion(type=kind, value=invocation.value)

    return outcome


def simulate(
    source: Source,
    *,
    concurrency: int = 3,
    nemesis: bool = False,
    outcome: Outcome | None = None,
    seed: int = 0,
    most_events: int = MAX_EVENTS,
) -> list[Event]:
    """The history of a generator: until it is exhausted and all operations have completed, or so many events were
    made. Raises Stuck."""
    return _Simulation(lift(source), concurrency, nemesis, outcome or perfect(), seed).run(most_events)


class _Simulation:
    def __init__(self, generator: Generator, concurrency: int, nemesis: bool, outcome: Outcome, seed: int) -> None:
        self._generator = generator
        self._concurrency = concurrency
        self._outcome = outcome
        self._seed = seed
        self._rng = Random(seed)
        self._processes: list[int | str] = [*range(concurrency), *([NEMESIS] if nemesis else [])]
        self._free = (1 << len(self._processes)) - 1
        self._time = 0
        self._step = 0
        self._running: list[tuple[int, int, Invocation, Completion]] = []
        self._events: list[Event] = []

    def run(self, most_events: int) -> list[Event]:
        while len(self._events) < most_events:
            step = self._generator.next(self._context())
            if isinstance(step, tuple) and not self._sooner(step[0].time):
                invocation, self._generator = step
                self._issue(invocation)
            elif self._running:
                self._complete()
            elif step is None:
                break
            elif isinstance(step, tuple) or step.until is None or step.until <= self._time:
                raise Stuck(f"at {self._time / NS:.6f} s: {self._generator}")
            else:
                self._time = step.until
        return self._events

    def _context(self) -> Context:
        everyone = (1 << len(self._processes)) - 1
        dice = Dice(self._seed, self._step)
        return Context(self._time, self._free, everyone, tuple(self._processes), self._concurrency, dice)

    def _sooner(self, time: int) -> bool:
        """Whether an operation completes before this time."""
        return bool(self._running) and self._running[0][0] < time

    def _issue(self, invocation: Invocation) -> None:
        self._time = max(self._time, invocation.time)
        self._step += 1
        thread = self._context().thread_of(invocation.process)
        assert self._free >> thread & 1, f"{invocation} is for a process that is busy"
        assert self._processes[thread] == invocation.process, f"{invocation} is for a process that is gone"
        self._free &= ~(1 << thread)
        latency_s, completion = self._outcome(invocation, self._rng)
        due = self._time + round(latency_s * NS)
        heappush(self._running, (due, self._step, invocation, completion))
        self._tell(invocation, EventType.INVOKE, invocation.value)

    def _complete(self) -> None:
        due, _, invocation, completion = heappop(self._running)
        self._time = max(self._time, due)
        thread = self._context().thread_of(invocation.process)
        self._free |= 1 << thread
        process = self._processes[thread]
        self._tell(invocation, completion.type, completion.value)
        if completion.type is EventType.INFO and isinstance(process, int):
            self._processes[thread] = process + self._concurrency

    def _tell(self, invocation: Invocation, kind: EventType, value: object) -> None:
        event = Event(
            index=len(self._events),
            time=self._time,
            process=invocation.process,
            type=kind,
            f=invocation.f,
            key=invocation.key,
            value=value,
            read=invocation.read,
        )
        self._events.append(event)
        self._generator = self._generator.update(self._context(), event)
