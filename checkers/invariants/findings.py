"""What the checkers of this folder share: findings of which the first few are told.

A system that is broken is often broken a hundred thousand times, so a finding's words are made only for the first few
of its kind; the others are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from checkers.history import Operation
from checkers.linearizability.words import value
from checkers.verdict import Anomaly, Result, Verdict

MOST_TOLD: Final = 5
"""Findings of one kind that are told."""
MOST_LISTED: Final = 20
"""Operations of one finding that are listed: what needs more is told in numbers."""


def answered_ns(op: Operation) -> int:
    """When its answer came. Only for operations that have one."""
    assert op.completion is not None
    return op.completion.time


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def listing(values: Sequence[Any], most: int = 5) -> str:
    """'1, 2, 3 and 40 more'"""
    told = ", ".join(value(one) for one in values[:most])
    return told if len(values) <= most else f"{told} and {len(values) - most:,} more"


Told = tuple[str, Iterable[Operation]]
"""A contradiction in words, and the operations that contradict each other."""


class Findings:
    """The contradictions that a checker has found so far."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: list[Anomaly] = []

    def __bool__(self) -> bool:
        return bool(self.counts)

    def add(self, kind: str, tell: Callable[[], Told], *, key: str | None = None, **details: Any) -> None:
        """`tell` is called only if this finding is to be told."""
        self.counts[kind] += 1
        if self.counts[kind] <= MOST_TOLD:
            text, operations = tell()
            indexes = sorted({op.invoked for op in operations})
            self._told.append(Anomaly(kind=kind, text=text, operations=indexes, key=key, details=details))

    def result(self, name: str, promise: str, *, operations: int, unknown: str | None = None, **details: Any) -> Result:
        """Invalid where something was found; else unknown where there is a reason for it; else valid."""
        verdict = Verdict.INVALID if self else Verdict.UNKNOWN if unknown else Verdict.VALID
        return Result(
            checker=name,
            verdict=verdict,
            anomalies=self._told,
            reason=unknown if verdict is Verdict.UNKNOWN else None,
            operations=operations,
            details={"promise": promise, "findings": dict(self.counts), **details},
        )
