"""Which: choosing between generators."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from checkers.events import Event
from harness.generator.base import Context, Dice, Generator, Step, soonest, turns
from harness.generator.lift import Source, lift


def mix(sources: Sequence[Source], *, weights: Sequence[float] = ()) -> Generator:
    """Each operation from a source drawn at random, evenly or by weight; exhausted ones drop out. Where the one
    drawn is pending, its turn waits: shares stay what they were asked to be."""
    assert len(weights) in (0, len(sources))
    return Mix(tuple(map(lift, sources)), tuple(weights))


def any_of(*sources: Source) -> Generator:
    """Each operation from whichever source has one first."""
    return AnyOf(tuple(map(lift, sources)))


def flip_flop(one: Source, other: Source) -> Generator:
    """One operation of the first, one of the second, and so on, until the one whose turn it is is exhausted."""
    return FlipFlop(lift(one), lift(other))


class Mix(msgspec.Struct, frozen=True):
    """`weights` has one for each generator, or is empty where all weigh the same."""

    generators: tuple[Generator, ...]
    weights: tuple[float, ...]

    def next(self, context: Context) -> Step:
        generators, weights = self.generators, self.weights
        while generators:
            drawn = _draw(len(generators), weights, context.dice)
            step = generators[drawn].next(context)
            if isinstance(step, tuple):
                return step[0], Mix((*generators[:drawn], step[1], *generators[drawn + 1 :]), weights)
            if step is not None:
                return step
            generators = generators[:drawn] + generators[drawn + 1 :]
            weights = weights[:drawn] + weights[drawn + 1 :]
        return None

    def update(self, context: Context, event: Event) -> Generator:
        return Mix(tuple([generator.update(context, event) for generator in self.generators]), self.weights)


def _draw(count: int, weights: Sequence[float], dice: Dice) -> int:
    if not weights:
        return dice.below(count)
    bounds = list(accumulate(weights))
    return min(bisect_right(bounds, dice.random() * bounds[-1]), count - 1)


class AnyOf(msgspec.Struct, frozen=True):
    generators: tuple[Generator, ...]

    def next(self, context: Context) -> Step:
        order = turns(len(self.generators), context.dice)
        return soonest((self._ask(index, context) for index in order), context.time)

    def update(self, context: Context, event: Event) -> Generator:
        return AnyOf(tuple([generator.update(context, event) for generator in self.generators]))

    def _ask(self, index: int, context: Context) -> Step:
        generators = self.generators
        step = generators[index].next(context)
        if not isinstance(step, tuple):
            return step
        return step[0], AnyOf((*generators[:index], step[1], *generators[index + 1 :]))


class FlipFlop(msgspec.Struct, frozen=True):
    """`turn` comes next."""

    turn: Generator
    other: Generator

    def next(self, context: Context) -> Step:
        step = self.turn.next(context)
        return (step[0], FlipFlop(self.other, step[1])) if isinstance(step, tuple) else step

    def update(self, context: Context, event: Event) -> Generator:
        return FlipFlop(self.turn.update(context, event), self.other.update(context, event))
