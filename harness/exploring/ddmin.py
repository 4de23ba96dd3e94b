"""Delta debugging: the smallest part of a list that still fails.

The algorithm is `ddmin` of Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (IEEE
Transactions on Software Engineering 28(2), 2002, section 3): of n parts, try each alone, then all without each; where
nothing fails, try again with twice as many parts. What is left is 1-minimal: without any single
one of its items it does not fail any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

FirstFailing = Callable[[Sequence[Sequence[T]]], int | None]


def ddmin(items: Sequence[T], first_failing: FirstFailing[T], *, empty: bool = True) -> list[T]:
    """`items` fails. `first_failing`: the place of the first among some candidates that fails, in their order; None:
    none does. `empty`: whether nothing at all may be tried."""
    left = list(items)
    if empty and left and first_failing([[]]) is not None:
        return []
    parts = 2
    while len(left) > 1:
        pieces = _pieces(left, min(parts, len(left)))
        without = [[item for other in pieces if other is not piece for item in other] for piece in pieces]
        candidates = [*pieces, *(without if len(pieces) > 2 else ())]  # of two pieces, each is without the other
        failing = first_failing(candidates)
        if failing is None:
            if len(pieces) == len(left):
                return left
            parts = 2 * len(pieces)
        else:
            left = candidates[failing]
            parts = 2 if failing < len(pieces) else max(len(pieces) - 1, 2)
    return left


def _pieces(items: Sequence[T], count: int) -> list[list[T]]:
    """As even as can be, in their order."""
    bounds = [len(items) * place // count for place in range(count + 1)]
    return [list(items[begin:end]) for begin, end in pairwise(bounds)]
