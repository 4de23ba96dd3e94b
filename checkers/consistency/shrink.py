"""Small contradictions: pieces are left out, large ones first, until each step is needed or time is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from checkers.checker import OutOfTime


def shrink(contradiction: Sequence[int], contradicts: Callable[[Sequence[int]], bool]) -> list[int]:
    """A part of the steps that still contradict each other. `contradicts` must not find more contradictions in fewer
    steps; where it runs out of time (OutOfTime), what there is then is the answer."""
    kept = list(contradiction)
    size = len(kept)
    try:
        while size > 1:
            size = (size + 1) // 2
            at = 0
            while at < len(kept) and len(kept) > 1:
                fewer = kept[:at] + kept[at + size :]
                if fewer and contradicts(fewer):
                    kept = fewer
                else:
                    at += size
        return kept
    except OutOfTime:
        return kept
