"""Tries every serial order. Right because there is nothing clever in it, except that it does not try one situation
twice."""

from __future__ import annotations

from collections.abc import Sequence

from checkers.events import EventType
from checkers.history import Operation

State = tuple[tuple[str, tuple[int, ...]], ...]
"""What each key holds: the elements of a list, or all values that a register has had."""


def explained(operations: Sequence[Operation], order: str) -> bool:
    """Whether some serial order explains all reads. `order`: "" for any, or what it must respect: "process", or
    "realtime"."""
    txns = [operation for operation in operations if operation.outcome is not EventType.FAIL]
    tried: set[tuple[frozenset[int], State]] = set()

    def possible(left: frozenset[int], state: State) -> bool:
        if all(txns[at].outcome is EventType.INFO for at in left):
            return True
        if (left, state) in tried:
            return False
        tried.add((left, state))
        return any(
            possible(left - {at}, after)
            for at in left
            if not any(_before(txns[other], txns[at], order) for other in left if other != at)
            if (after := _run(txns[at], state)) is not None
        )

    return possible(frozenset(range(len(txns))), ())


def _before(one: Operation, other: Operation, order: str) -> bool:
    if order == "process":
        return one.process == other.process and one.returned < other.invoked
    return order == "realtime" and one.returned < other.invoked


def _run(txn: Operation, state: State) -> State | None:
    """The state afterwards; None where a read does not show what is there."""
    held = dict(state)
    for f, key, what in txn.value:
        now = held.get(key, ())
        if f != "r":
            held[key] = (*now, what)
        elif txn.outcome is EventType.OK and not _shows(what, now):
            return None
    return tuple(sorted(held.items()))


def _shows(what: object, now: tuple[int, ...]) -> bool:
    if isinstance(what, list):
        return tuple(what) == now
    return what == (now[-1] if now else None)
