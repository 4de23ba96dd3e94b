"""When: rates, pauses between operations, time limits.

The pace is kept for all processes together. Where operations come a little late (a timer that is late, a process
that was not free in time), the pace catches up by as much as CATCH_UP_NS; where they come much later (every process
waits for a cluster that does not answer), the time is lost, and no burst makes up for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Final, TypeAlias

import msgspec

from checkers.events import Event
from harness.generator.base import NS, Context, Generator, Step, at
from harness.generator.lift import Source, lift

CATCH_UP_NS: Final = 50_000_000

Interval: TypeAlias = "Callable[[float, Context], float]"
"""From the mean and the context to the seconds between one operation and the next."""


def delay(seconds: float, source: Source) -> Generator:
    """Operations just this far apart."""
    return Paced(_exactly, seconds, lift(source))


def stagger(seconds: float, source: Source) -> Generator:
    """Operations this far apart on the mean, each gap drawn evenly from none to twice as much."""
    return Paced(_evenly, seconds, lift(source))


def rate(per_second: float, source: Source) -> Generator:
    """This many operations a second on the mean, each as likely at one time as at another (a Poisson process)."""
    assert per_second > 0
    return Paced(_memoryless, 1 / per_second, lift(source))


def time_limit(seconds: float, source: Source) -> Generator:
    """Operations for this long, counted from the first."""
    assert seconds >= 0
    return TimeLimit(round(seconds * NS), lift(source))


def _exactly(mean: float, context: Context) -> float:
    return mean


def _evenly(mean: float, context: Context) -> float:
    return 2 * mean * context.dice.random()


def _memoryless(mean: float, context: Context) -> float:
    return -mean * log(1.0 - context.dice.random())


class Paced(msgspec.Struct, frozen=True):
    """`due`: when the next operation may come, None before the first."""

    interval: Interval
    mean: float
    generator: Generator
    due: int | None = None

    def next(self, context: Context) -> Step:
        step = self.generator.next(context)
        if not isinstance(step, tuple):
            return step
        invocation, generator = step
        due = invocation.time if self.due is None else self.due
        base = max(due, invocation.time - CATCH_UP_NS)
        following = base + round(self.interval(self.mean, context) * NS)
        if invocation.time < due:
            invocation = at(invocation, due)
        return invocation, Paced(self.interval, self.mean, generator, following)

    def update(self, context: Context, event: Event) -> Generator:
        generator = self.generator.update(context, event)
        return self if generator is self.generator else Paced(self.interval, self.mean, generator, self.due)


class TimeLimit(msgspec.Struct, frozen=True):
    """`end`: the first instant that is too late, None before the first operation."""

    duration: int
    generator: Generator
    end: int | None = None

    def next(self, context: Context) -> Step:
        if self.end is not None and context.time >= self.end:
            return None
        step = self.generator.next(context)
        if not isinstance(step, tuple):
            return step
        end = step[0].time + self.duration if self.end is None else self.end
        return (step[0], TimeLimit(self.duration, step[1], end)) if step[0].time < end else None

    def update(self, context: Context, event: Event) -> Generator:
        generator = self.generator.update(context, event)
        return self if generator is self.generator else TimeLimit(self.duration, generator, self.end)
