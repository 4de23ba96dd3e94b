"""How much: limits, repetition, and until it works."""

from __future__ import annotations

import msgspec

from checkers.events import Event, EventType
from harness.generator.base import Context, Generator, Step
from harness.generator.lift import Source, lift


def limit(count: int, source: Source) -> Generator:
    """At most this many operations."""
    assert count >= 0
    return Limit(count, lift(source))


def repeat(source: Source, count: int | None = None) -> Generator:
    """The first operation of the source again and again, at most `count` times: the source never moves on."""
    assert count is None or count >= 0
    return Repeat(lift(source), count)


def cycle(source: Source, count: int | None = None) -> Generator:
    """The whole source, and when it is exhausted from its beginning again, at most `count` times in all."""
    assert count is None or count >= 0
    generator = lift(source)
    return Cycle(generator, generator, count)


def until_ok(source: Source) -> Generator:
    """Operations of the source until one of them is ok. Those that are under way then still complete."""
    return UntilOk(lift(source))


class Limit(msgspec.Struct, frozen=True):
    remaining: int
    generator: Generator

    def next(self, context: Context) -> Step:
        if self.remaining == 0:
            return None
        step = self.generator.next(context)
        return (step[0], Limit(self.remaining - 1, step[1])) if isinstance(step, tuple) else step

    def update(self, context: Context, event: Event) -> Generator:
        generator = self.generator.update(context, event)
        return self if generator is self.generator else Limit(self.remaining, generator)


class Repeat(msgspec.Struct, frozen=True):
    generator: Generator
    remaining: int | None

    def next(self, context: Context) -> Step:
        if self.remaining == 0:
            return None
        step = self.generator.next(context)
        if not isinstance(step, tuple):
            return step
        if self.remaining is None:
            return step[0], self
        return step[0], Repeat(self.generator, self.remaining - 1)

    def update(self, context: Context, event: Event) -> Generator:
        generator = self.generator.update(context, event)
        return self if generator is self.generator else Repeat(generator, self.remaining)


class Cycle(msgspec.Struct, frozen=True):
    """`remaining` counts the rounds that have not ended, the one under way included."""

    original: Generator
    current: Generator
    remaining: int | None

    def next(self, context: Context) -> Step:
        if self.remaining == 0:
            return None
        step = self.current.next(context)
        remaining = self.remaining
        if step is None:
            remaining = None if remaining is None else remaining - 1
            step = None if remaining == 0 else self.original.next(context)
        return (step[0], Cycle(self.original, step[1], remaining)) if isinstance(step, tuple) else step

    def update(self, context: Context, event: Event) -> Generator:
        return Cycle(self.original, self.current.update(context, event), self.remaining)


class UntilOk(msgspec.Struct, frozen=True):
    """`mine`: the processes that are doing an operation of this generator."""

    generator: Generator
    mine: frozenset[int | str] = frozenset()
    done: bool = False

    def next(self, context: Context) -> Step:
        if self.done:
            return None
        step = self.generator.next(context)
        if not isinstance(step, tuple):
            return step
        return step[0], UntilOk(step[1], self.mine | {step[0].process})

    def update(self, context: Context, event: Event) -> Generator:
        generator = self.generator.update(context, event)
        if event.type is EventType.INVOKE or event.process not in self.mine:
            return UntilOk(generator, self.mine, self.done)
        return UntilOk(generator, self.mine - {event.process}, self.done or event.type is EventType.OK)
