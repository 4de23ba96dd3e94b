"""What may stand where a generator is wanted: plain things, lifted to generators.

- an `Invocation`, or a dict of its fields: that, once, by any free process;
- a function of the context: whatever it returns (an invocation or a dict) again and again, until it returns None. It
  may be asked more than once for one operation, so it must not count how often it is called;
- a sequence: its members, one after the other;
- None: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from checkers.events import Event
from harness.client import Invocation
from harness.generator.base import EXHAUSTED, PENDING, Context, Generator, Step

Recipe: TypeAlias = "Invocation | Mapping[str, Any]"
Source: TypeAlias = "Generator | Recipe | Callable[[Context], Recipe | None] | Sequence[Source] | None"


def lift(source: Source) -> Generator:
    """The generator that a source stands for."""
    if source is None:
        return EXHAUSTED
    if isinstance(source, (Invocation, Mapping)):
        return Once(_invocation(source))
    if isinstance(source, Sequence):
        return sequence([lift(part) for part in source])
    if isinstance(source, Generator):
        return source
    assert callable(source), f"{source!r} is not a generator, nor anything that stands for one"
    return Function(source)


def once(source: Recipe) -> Generator:
    """One operation."""
    return lift(source)


def sequence(generators: Sequence[Generator]) -> Generator:
    """One after the other; the next begins while the last operations of the one before may still go on."""
    return Chain(tuple(generators)) if generators else EXHAUSTED


def fill(invocation: Invocation, context: Context) -> Invocation:
    """The invocation, now, by some free process."""
    return Invocation(
        f=invocation.f,
        key=invocation.key,
        value=invocation.value,
        read=invocation.read,
        time=context.time,
        process=context.processes[context.some_free_thread()],
    )


def _invocation(recipe: Recipe) -> Invocation:
    return recipe if isinstance(recipe, Invocation) else Invocation(**recipe)


class Once(msgspec.Struct, frozen=True):
    invocation: Invocation

    def next(self, context: Context) -> Step:
        return (fill(self.invocation, context), EXHAUSTED) if context.free else PENDING

    def update(self, context: Context, event: Event) -> Generator:
        return self


class Function(msgspec.Struct, frozen=True):
    function: Callable[[Context], Recipe | None]

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        recipe = self.function(context)
        return None if recipe is None else (fill(_invocation(recipe), context), self)

    def update(self, context: Context, event: Event) -> Generator:
        return self


def numbered(function: Callable[[int, Context], Recipe | None]) -> Generator:
    """Like a function of the context, which is told how many operations it has given before: 0, 1, 2, ... So it can
    write values that never repeat."""
    return Numbered(function, 0)


class Numbered(msgspec.Struct, frozen=True):
    function: Callable[[int, Context], Recipe | None]
    number: int

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        recipe = self.function(self.number, context)
        return (
            None if recipe is None else (fill(_invocation(recipe), context), Numbered(self.function, self.number + 1))
        )

    def update(self, context: Context, event: Event) -> Generator:
        return self


class Chain(msgspec.Struct, frozen=True):
    """Only the first of what remains is told of events: those behind it have not begun."""

    rest: tuple[Generator, ...]

    def next(self, context: Context) -> Step:
        rest = self.rest
        while rest:
            step = rest[0].next(context)
            if isinstance(step, tuple):
                return step[0], Chain((step[1], *rest[1:]))
            if step is not None:
                return step
            rest = rest[1:]
        return None

    def update(self, context: Context, event: Event) -> Generator:
        return Chain((self.rest[0].update(context, event), *self.rest[1:]))
