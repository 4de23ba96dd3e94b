"""Which: choosing between generators."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from checkers.events import Event
from harness.generator.base import Context, Generator, Step, soonest
from harness.generator.lift import Source, lift


def mix(sources: Sequence[Source], *, weights: Sequence[float] | None = None) -> Generator:
    """Each operation from a source drawn at random, evenly or by weight; exhausted ones drop out. Where the one
    drawn is pending, its turn waits: shares stay what they were asked to be."""
    weights = [1.0] * len(sources) if weights is None else weights
    assert len(weights) == len(sources)
    return Mix(tuple(map(lift, sources)), tuple(weights))


def any_of(*sources: Source) -> Generator:
    """Each operation from whichever source has one first."""
    return AnyOf(tuple(map(lift, sources)))


def flip_flop(one: Source, other: Source) -> Generator:
    """One operation of the first, one of the second, and so on, until the one whose turn it is is exhausted."""
    return FlipFlop(lift(one), lift(other))


class Mix(msgspec.Struct, frozen=True):
    generators: tuple[Generator, ...]
    weights: tuple[float, ...]

    def next(self, context: Context) -> Step:
        generators, weights = self.generators, self.weights
        while generators:
            drawn = _draw(weights, context)
            step = generators[drawn].next(context)
            if isinstance(step, tuple):
                return step[0], Mix((*generators[:drawn], step[1], *generators[drawn + 1 :]), weights)
            if step is not None:
                return step
            generators = generators[:drawn] + generators[drawn + 1 :]
            weights = weights[:drawn] + weights[drawn + 1 :]
        return None

    def update(self, context: Context, event: Event) -> Generator:
        generators = tuple(generator.update(context, event) for generator in self.generators)
        return Mix(generators, self.weights)


def _draw(weights: Sequence[float], context: Context) -> int:
    if len(weights) == 1:
        return 0
    bounds = list(accumulate(weights))
    point = context.dice.random() * bounds[-1]
    return next((index for index, bound in enumerate(bounds) if point < bound), len(bounds) - 1)


class AnyOf(msgspec.Struct, frozen=True):
    generators: tuple[Generator, ...]

    def next(self, context: Context) -> Step:
        steps = [(index, generator.next(context)) for index, generator in enumerate(self.generators)]
        index, step = soonest(steps, context.dice)
        if not isinstance(step, tuple):
            return step
        return step[0], AnyOf((*self.generators[:index], step[1], *self.generators[index + 1 :]))

    def update(self, context: Context, event: Event) -> Generator:
        return AnyOf(tuple(generator.update(context, event) for generator in self.generators))


class FlipFlop(msgspec.Struct, frozen=True):
    """`turn` comes next."""

    turn: Generator
    other: Generator

    def next(self, context: Context) -> Step:
        step = self.turn.next(context)
        return (step[0], FlipFlop(self.other, step[1])) if isinstance(step, tuple) else step

    def update(self, context: Context, event: Event) -> Generator:
        return FlipFlop(self.turn.update(context, event), self.other.update(context, event))
