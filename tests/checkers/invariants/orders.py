"""The brute force for what linearizability says: tries every order of a few operations."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from checkers.events import EventType
from checkers.history import Operation

Apply = Callable[[Any, Operation], tuple[bool, Hashable]]
"""State and operation to: whether its answer is right (always, if it has none), and the state after it."""


def has_order(operations: Sequence[Operation], state: Hashable, apply: Apply) -> bool:
    """Whether some order explains every answer. Operations that certainly failed are left out; unknown ones may be."""
    by_index = {op.invoked: op for op in operations if op.outcome is not EventType.FAIL}
    return _explained(by_index, frozenset(by_index), state, apply, set())


def _explained(
    by_index: dict[int, Operation], left: frozenset[int], state: Hashable, apply: Apply, tried: set[Any]
) -> bool:
    if all(by_index[index].outcome is EventType.INFO for index in left):
        return True
    if (left, state) in tried:
        return False
    tried.add((left, state))
    first_answer = min(by_index[index].returned for index in left)
    for index in sorted(left):
        if index < first_answer:
            right, after = apply(state, by_index[index])
            if right and _explained(by_index, left - {index}, after, apply, tried):
                return True
    return False
