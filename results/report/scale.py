"""A time axis for a handful of operations: order exact, distances compressed.

Operations that contradict each other take milliseconds each and may lie many seconds apart. On a linear axis they would
be invisible; so the axis is piecewise linear between the moments at which one of them begins or ends, each piece as
wide as the logarithm of its duration, and wide enough for the labels of the operations that it carries.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

MARGIN_BEFORE: Final = 48.0
MARGIN_AFTER: Final = 72.0
"""Pixels before the first and after the last moment; room for operations that never end."""
LEAST_WIDTH: Final = 1000.0
"""Where less would do, the picture is stretched: its neighbours need the room."""


@dataclass(frozen=True)
class Scale:
    """`moments` (ns, increasing) lie at `positions` (px, increasing)."""

    moments: Sequence[int]
    positions: Sequence[float]

    def at(self, time_ns: int) -> float:
        """The position of a time; times outside lie at the ends."""
        moments, positions = self.moments, self.positions
        if time_ns <= moments[0]:
            return positions[0]
        if time_ns >= moments[-1]:
            return positions[-1]
        piece = bisect_right(moments, time_ns) - 1
        share = (time_ns - moments[piece]) / (moments[piece + 1] - moments[piece])
        return positions[piece] + share * (positions[piece + 1] - positions[piece])

    @property
    def begin_ns(self) -> int:
        return self.moments[0]

    @property
    def end_ns(self) -> int:
        return self.moments[-1]


def fit(moments: Sequence[int], needs: Sequence[tuple[int, int, float]], left: float) -> Scale:
    """A scale through all moments that begins at `left` px and gives each (begin ns, end ns, width px) of `needs`,
    whose ends are moments, at least its width."""
    inner = sorted(set(moments))
    margin = max((inner[-1] - inner[0]) // 12, 2_000_000)
    ordered = [inner[0] - margin, *inner, inner[-1] + margin]
    place = {moment: number for number, moment in enumerate(ordered)}
    widths = [natural_width(after - before) for before, after in pairwise(ordered)]
    widths[0], widths[-1] = MARGIN_BEFORE, MARGIN_AFTER
    for begin, end, width in sorted(needs):
        _widen(widths, place[begin], place[end], width)
    _stretch(widths)
    return Scale(ordered, list(accumulate(widths, initial=left)))


def natural_width(duration_ns: int) -> float:
    """Pixels for a stretch of time: 34 for 0.1 ms, 60 more for a thousand times that."""
    return min(170.0, 14.0 + 20.0 * math.log10(1.0 + max(duration_ns, 0) / 10_000))


def _stretch(widths: list[float]) -> None:
    inner = sum(widths[1:-1])
    wanted = LEAST_WIDTH - widths[0] - widths[-1]
    if 0 < inner < wanted:
        widths[1:-1] = [width * wanted / inner for width in widths[1:-1]]


def _widen(widths: list[float], first: int, after: int, width: float) -> None:
    lacking = width - sum(widths[first:after])
    if lacking > 0 and after > first:
        for piece in range(first, after):
            widths[piece] += lacking / (after - first)
