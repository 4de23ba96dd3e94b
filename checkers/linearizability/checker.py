"""The checker: every key by itself, then all together (../per_key.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from checkers.checker import Budget, OutOfTime, Recording
from checkers.history import Operation
from checkers.linearizability.register import LONG, RegisterResult, check_long, check_short
from checkers.per_key import Certified, by_key, together

KeyAndOperations = tuple[str | None, Sequence[Operation]]
Answers = dict[str | None, RegisterResult | None]
"""None: out of time."""


@dataclass(frozen=True)
class Linearizability:
    """Judges every operation of the recording, so it must be given those that promise to be linearizable alone.

    `initial`: what a key holds before anything is written. Keys are spread over `budget.map`; what is handed to
    it pickles if `budget.seconds_left` does."""

    name: str = "linearizable"
    initial: Any = None

    def check(self, recording: Recording, budget: Budget) -> Certified:
        """Raises NotARegister for operations that a register does not have."""
        keys = by_key(recording.history.operations)
        answers = dict.fromkeys(keys) | _long_ones(keys, self.initial, budget)
        rest = [(key, tuple(operations)) for key, operations in keys.items() if answers[key] is None]
        check_one = partial(_check_key, initial=self.initial, seconds_left=budget.seconds_left)
        answers |= dict(zip((key for key, _ in rest), budget.map(check_one, rest), strict=True))
        return together(self.name, answers)


def _long_ones(keys: Mapping[str | None, Sequence[Operation]], initial: Any, budget: Budget) -> Answers:
    """Long registers that columns can decide: here, since that takes less time than to hand them to others."""
    long = {key: operations for key, operations in keys.items() if len(operations) >= LONG}
    return {key: check_long(operations, initial, budget) for key, operations in long.items()}


def _check_key(item: KeyAndOperations, initial: Any, seconds_left: Callable[[], float]) -> RegisterResult | None:
    """None: out of time."""
    try:
        result = check_short(item[1], initial, Budget(seconds_left=seconds_left))
    except OutOfTime:
        return None
    return result
