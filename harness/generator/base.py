"""Generators: pure values that say which operation comes next, and when.

A generator is asked with `next(context)` and answers one of three things:

- `(invocation, successor)`: this process is to do this, not before `invocation.time`; once that is issued, the
  successor stands in the generator's place. While the time has not come, the answer may be thrown away and the same
  generator asked again: so asking changes nothing.
- a `Pending`: nothing just now, but ask again when an operation completes (or at `until`).
- `None`: exhausted, for good.

and it is told of every event, invocations and completions alike, with `update(context, event)`, which returns what
takes its place.

Chance is pure too. The context's dice are made anew each time, from the seed and the number of operations that were
issued before: asked again for the same operation, a generator draws the same numbers. So the choices of a run do not
depend on how often its generator was asked.

Processes and threads. A run has `concurrency` threads, numbered from 0, and perhaps a nemesis. Each thread is played
by one process after another: process p, and after its first unknown outcome p + concurrency, and so on. Combinators
hand out threads (a reserved thread stays reserved when its process is replaced), so a context holds sets of threads;
they are bit masks, which makes narrowing a context to some of its threads one `&`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final, Protocol, TypeAlias, runtime_checkable

import msgspec

from checkers.events import NEMESIS, Event
from harness.client import Invocation

NS: Final = 1_000_000_000
MASK64: Final = (1 << 64) - 1


class Pending(msgspec.Struct, frozen=True, gc=False):
    """Nothing just now. `until`: the run time (ns) at which to ask again even if nothing has completed."""

    until: int | None = None


PENDING: Final = Pending()


class Dice:
    """The choices for one operation: made anew for each time that a generator is asked.

    Combinators draw from a splitmix64 stream, which costs nothing to begin. `rng` offers all that `random.Random`
    has; it is made on first use, since beginning it costs more than asking the whole generator."""

    __slots__ = ("_rng", "_seed", "_state", "_step")

    def __init__(self, seed: int, step: int) -> None:
        self._seed = seed
        self._step = step
        self._state = seed ^ step * 0xD1342543DE82EF95
        self._rng: Random | None = None

    @property
    def rng(self) -> Random:
        if self._rng is None:
            self._rng = Random(self._seed << 64 | self._step)
        return self._rng

    def below(self, bound: int) -> int:
        """An even choice from range(bound)."""
        return self._next() % bound

    def random(self) -> float:
        """An even choice from [0, 1)."""
        return (self._next() >> 11) * 2.0**-53

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK64
        mixed = (self._state ^ self._state >> 30) * 0xBF58476D1CE4E5B9 & MASK64
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & MASK64
        return mixed ^ mixed >> 31


class Context(msgspec.Struct, frozen=True, gc=False):
    """What a generator may know: the time, and which processes there are and are free.

    `free` and `all` are bit masks of threads, `free` a subset of `all`, and `all` of the threads of `processes`.
    """

    time: int
    """Nanoseconds since the run began."""
    free: int
    all: int
    processes: Sequence[int | str]
    """Thread to the process that plays it now. The nemesis, if there is one, is the last."""
    concurrency: int
    """How many threads are clients'."""
    dice: Dice

    @property
    def rng(self) -> Random:
        """Chance for the operation that is being asked for."""
        return self.dice.rng

    @property
    def free_processes(self) -> list[int | str]:
        return [self.processes[thread] for thread in bits(self.free)]

    @property
    def all_processes(self) -> list[int | str]:
        return [self.processes[thread] for thread in bits(self.all)]

    def narrow(self, threads: int) -> Context:
        """This context with only those of its threads that are in the mask."""
        return Context(self.time, self.free & threads, self.all & threads, self.processes, self.concurrency, self.dice)

    def thread_of(self, process: int | str) -> int:
        return self.concurrency if process == NEMESIS else int(process) % self.concurrency

    def some_free_thread(self) -> int:
        """A free thread: the next in a round that begins anywhere among this context's threads (beginning among all
        threads of the run, a workload of many would nearly always take its first). There must be one."""
        assert self.free, "some thread is free"
        first = lowest(self.all)
        start = first + self.dice.below(self.all.bit_length() - first)
        turn = self.free >> start << start or self.free
        return lowest(turn)


Step: TypeAlias = "tuple[Invocation, Generator] | Pending | None"


@runtime_checkable
class Generator(Protocol):
    """See the head of this module."""

    def next(self, context: Context) -> Step: ...

    def update(self, context: Context, event: Event) -> Generator: ...


class Exhausted(msgspec.Struct, frozen=True):
    """Nothing, ever."""

    def next(self, context: Context) -> Step:
        return None

    def update(self, context: Context, event: Event) -> Generator:
        return self


EXHAUSTED: Final = Exhausted()


def lowest(mask: int) -> int:
    """The number of the lowest bit that is set."""
    return (mask & -mask).bit_length() - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set, lowest first."""
    while mask:
        yield lowest(mask)
        mask &= mask - 1


def at(invocation: Invocation, time: int) -> Invocation:
    """The same invocation, not before this time."""
    return Invocation(
        f=invocation.f,
        key=invocation.key,
        value=invocation.value,
        read=invocation.read,
        time=time,
        process=invocation.process,
    )


def soonest(steps: Iterable[Step], time: int) -> Step:
    """Of several answers the operation that is due first: the first that is due at `time`, without asking for those
    after it, or else the earliest. If there is no operation: pending, until the first that wants to be asked again;
    None if all are exhausted. The caller decides fairness by the order of the answers."""
    best: Step = None
    for step in steps:
        if isinstance(step, tuple):
            if step[0].time <= time:
                return step
            if not isinstance(best, tuple) or step[0].time < best[0].time:
                best = step
        elif step is not None and not isinstance(best, tuple):
            best = earlier(best, step)
    return best


def turns(count: int, dice: Dice) -> Iterable[int]:
    """range(count), beginning anywhere."""
    if count < 2:
        return range(count)
    start = dice.below(count)
    return (*range(start, count), *range(start))


def earlier(one: Pending | None, other: Pending) -> Pending:
    """Of two waits the one that ends first; a wait without end is the longest."""
    if one is None or one.until is None:
        return other
    return one if other.until is None or one.until <= other.until else other
