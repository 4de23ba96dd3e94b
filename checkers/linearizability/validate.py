"""Checks a witness: the small program that has to be right when the clever ones may not be.

Shares nothing with the algorithms, not even their notion of an action: it takes operations as recorded and a list
of their invocation indexes in the claimed order, and replays it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import Operation


def flaw(operations: Sequence[Operation], order: Sequence[int], initial: Any) -> str | None:
    """Why this order does not explain one register's operations, or None if it does."""
    by_index = {operation.invoked: operation for operation in operations}
    return order_flaw(operations, order) or _replay([by_index[index] for index in order], initial)


def order_flaw(operations: Sequence[Operation], order: Sequence[int]) -> str | None:
    """Why this cannot be the order of any object's operations, or None if it can."""
    by_index = {operation.invoked: operation for operation in operations}
    if len(set(order)) != len(order):
        return "an operation happens twice"
    missing = {op.invoked for op in operations if op.outcome is EventType.OK} - set(order)
    if missing:
        return f"operations {sorted(missing)} are left out"
    failed = [index for index in order if by_index[index].outcome is EventType.FAIL]
    return f"operation {failed[0]} failed" if failed else _time_flaw([by_index[index] for index in order])


def _time_flaw(order: Sequence[Operation]) -> str | None:
    latest = -1
    for operation in order:
        if operation.returned < latest:
            return f"operation {operation.invoked} had returned before {latest} was invoked"
        latest = max(latest, operation.invoked)
    return None


def _replay(order: Sequence[Operation], initial: Any) -> str | None:
    state = initial
    for operation in order:
        if not _possible(operation, state):
            return f"operation {operation.invoked} cannot happen in state {state!r}"
        state = _next(operation, state)
    return None


def _same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)


def _possible(operation: Operation, state: Any) -> bool:
    if operation.f in ("read", "get"):
        return _same(operation.value, state)
    if operation.f != "cas":
        return True
    matches = _same(operation.value[0], state)
    if operation.outcome is EventType.OK and not operation.matched:
        assert operation.completion is not None
        return not matches and _same(operation.completion.actual, state)
    return matches


def _next(operation: Operation, state: Any) -> Any:
    if operation.f in ("write", "put"):
        return operation.value
    if operation.f == "append":
        return state + operation.value
    if operation.f == "cas" and (operation.outcome is EventType.INFO or operation.matched):
        return operation.value[1]
    return state
