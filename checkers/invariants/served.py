"""How much of what clients asked for was answered, and the longest time in which nothing was.

An operation is *served* if it was ok, or was refused for a reason of its object's own: that a lock is held is an
answer. A gap is a time in which somebody waits and nobody is served. It begins when the last one was served, or with
the first call after that if nobody waited then, and ends when the next one is served, or else when the last one gave
up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkers.events import EventType
from checkers.history import READS, Operation

Times = NDArray[np.int64]
ANSWERS: Final = frozenset(
    {"held", "not-held", "insufficient", "stale-token", "condition-failed", "wrong-type", "out-of-range"}
)
"""Reasons of `fail` that are answers."""
WIDTHS_S: Final = (1, 2, 5, 10, 30, 60, 300, 600, 3600)
MOST_STRETCHES: Final = 120
NS: Final = 1_000_000_000


class Gap(NamedTuple):
    """In nanoseconds of run time."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.begin


def is_served(op: Operation) -> bool:
    if op.outcome is EventType.OK:
        return True
    error = op.completion.error if op.completion is not None and op.outcome is EventType.FAIL else None
    return error is not None and error.split(":")[0] in ANSWERS


def is_write(op: Operation) -> bool:
    """Whether it goes through the log: it may change something."""
    if op.f == "txn":
        return any(step[0] != "r" for step in op.invoke.value or ())
    return op.f not in (*READS, "contains", "watch", "catch-up")


def done_ns(op: Operation) -> int:
    """When it was answered, or given up; one whose end was never recorded, when it was called."""
    return op.invoke.time if op.completion is None else op.completion.time


def width_s(end_ns: int) -> int:
    """Of the stretches in which shares are told: as many as can be told apart."""
    return next((width for width in WIDTHS_S if end_ns / NS / width <= MOST_STRETCHES), WIDTHS_S[-1])


def served_row(name: str, operations: Sequence[Operation], width: int, end_ns: int) -> dict[str, Any]:
    """How much of these operations was served: in all, in each stretch of `width` seconds (null: nothing ended in it),
    and the longest gap."""
    done = np.array([done_ns(op) for op in operations], dtype=np.int64)
    served = np.array([is_served(op) for op in operations], dtype=bool)
    stretches = end_ns // (width * NS) + 1
    ended = np.bincount(done // (width * NS), minlength=stretches)
    good = np.bincount(done[served] // (width * NS), minlength=stretches)
    gap = longest_gap(operations)
    return {
        "name": name,
        "operations": len(operations),
        "served": int(served.sum()),
        "share": round(float(served.mean()), 5) if len(operations) else None,
        "longest_gap_s": round(gap.length / NS, 3),
        "longest_gap_from_s": round(gap.begin / NS, 3),
        "shares": [
            round(int(part) / int(all_of), 3) if all_of else None for part, all_of in zip(good, ended, strict=True)
        ],
    }


def longest_gap(operations: Sequence[Operation]) -> Gap:
    if not operations:
        return Gap(0, 0)
    called = np.sort(np.array([op.invoke.time for op in operations], dtype=np.int64))
    done = np.sort(np.array([done_ns(op) for op in operations], dtype=np.int64))
    served = np.sort(np.array([done_ns(op) for op in operations if is_served(op)], dtype=np.int64))
    begins = np.concatenate([called[:1], served])
    ends = np.concatenate([served, done[-1:]])
    waiting = np.searchsorted(called, begins, "right") > np.searchsorted(done, begins, "right")
    next_call = np.append(called, done[-1])[np.searchsorted(called, begins, "right")]
    begins = np.minimum(np.where(waiting, begins, next_call), ends)
    longest = int(np.argmax(ends - begins))
    return Gap(int(begins[longest]), int(ends[longest]))
