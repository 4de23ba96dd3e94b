"""Transactions and what they saw, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from checkers.events import EventType
from checkers.history import Operation
from checkers.linearizability import words as of_values

MOST_ELEMENTS: Final = 8
MOST_STEPS: Final = 6


def value(any_value: Any) -> str:
    """A JSON value as JSON, shortened."""
    return of_values.value(any_value)


def name(key: Any) -> str:
    """A key as it is written in sentences: 'x', '5'."""
    return key if isinstance(key, str) and 0 < len(key) <= 40 and key.isprintable() else value(key)


def seen(state: Any) -> str:
    """What a read showed: '[1 2 3]', '[... 7 8 9]' where that is long, or a plain value."""
    if not isinstance(state, list | tuple):
        return value(state)
    kept = state if len(state) <= MOST_ELEMENTS else state[-MOST_ELEMENTS + 1 :]
    return "[" + " ".join([*["..."] * (len(kept) < len(state)), *map(value, kept)]) + "]"


def step(each: Sequence[Any], known: bool = True) -> str:
    """'append x 3', 'w x 3', 'r x [1 2]', 'r x'."""
    f, key, what = each
    if f == "r":
        return f"r {name(key)} {seen(what)}" if known else f"r {name(key)}"
    return f"{f} {name(key)} {value(what)}"


def steps(operation: Operation) -> list[str]:
    known = operation.outcome is EventType.OK
    told = [step(each, known) for each in operation.value[:MOST_STEPS]]
    more = len(operation.value) - len(told)
    return [*told, *([f"and {more} more"] if more else [])]


def who(operation: Operation) -> str:
    """'process 3, 0.010 s to 0.020 s: append x 3, r y [1]'"""
    begin = f"{operation.invoke.time / 1e9:.3f} s"
    completion = operation.completion
    if operation.outcome is EventType.INFO or completion is None:
        when = f"from {begin}, outcome unknown"
    else:
        failed = ", failed" if operation.outcome is EventType.FAIL else ""
        when = f"{begin} to {completion.time / 1e9:.3f} s{failed}"
    return f"process {operation.process}, {when}: {', '.join(steps(operation))}"


def cast(operations: Sequence[Operation]) -> str:
    """'T1 (process 3, ...), T2 (process 4, ...)'"""
    return "; ".join(f"T{number} ({who(operation)})" for number, operation in enumerate(operations, 1))
