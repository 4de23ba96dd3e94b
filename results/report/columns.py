"""The whole history as columns, for the explorer in the page: an operation costs some fifty bytes, and a browser parses
100,000 of them in a fraction of a second.

Words that repeat (f, key, node, error, ...) are numbered and listed once; -1 stands for none. Times are microseconds:
calls as differences from the operation before, answers as durations. Event indexes likewise. Values are text, since
a browser's numbers cannot hold every integer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from checkers.events import Event, EventType
from checkers.history import Operation
from results.report.faults import Fault, colour
from results.report.values import LARGEST_INTEGER, microseconds, plain
from results.report.wording import value_text

NO_COMPLETION: Final = 3
OUTCOMES: Final = {EventType.OK: 0, EventType.FAIL: 1, EventType.INFO: 2}
OUTCOME_NAMES: Final = ("ok", "fail", "info", "open")


class Words:
    """Numbers texts from 0 in the order in which they first come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        return -1 if text is None else self.numbers.setdefault(plain(text), len(self.numbers))

    @property
    def listed(self) -> list[str]:
        return list(self.numbers)


def columns(operations: Sequence[Operation]) -> dict[str, Any]:
    """Equally long lists, one item an operation by invocation; `words` holds what the numbered columns mean."""
    words = {name: Words() for name in ("f", "key", "node", "error", "read", "session")}
    return {
        "count": len(operations),
        "process": [operation.process for operation in operations],
        "index": differences([operation.invoked for operation in operations]),
        "completed": [_completed(operation) for operation in operations],
        "call": differences([microseconds(operation.invoke.time) for operation in operations]),
        "took": [_took(operation) for operation in operations],
        "outcome": [NO_COMPLETION if op.completion is None else OUTCOMES[op.outcome] for op in operations],
        "value": [value_text(operation) for operation in operations],
        "log": [_number(operation.completion, "log_index") for operation in operations],
        "min": [_number(operation.completion, "min_index") for operation in operations],
        "f": [words["f"].number(operation.f) for operation in operations],
        "key": [words["key"].number(operation.key) for operation in operations],
        "node": _numbered(operations, words["node"], lambda event: event.node),
        "error": _numbered(operations, words["error"], lambda event: event.error),
        "read": _numbered(operations, words["read"], lambda event: event.read),
        "session": _numbered(operations, words["session"], lambda event: event.session),
        "words": {name: numbered.listed for name, numbered in words.items()},
    }


def differences(values: Sequence[int]) -> list[int]:
    """The first value, then each one's difference from the one before."""
    before = 0
    result = []
    for value in values:
        result.append(value - before)
        before = value
    return result


def _completed(operation: Operation) -> int:
    """Events from the invocation to the completion; -1 for none."""
    return -1 if operation.completion is None else operation.completion.index - operation.invoked


def _took(operation: Operation) -> int:
    """Microseconds until the completion, also an unknown one; -1 for none."""
    if operation.completion is None:
        return -1
    return max(0, microseconds(operation.completion.time) - microseconds(operation.invoke.time))


def _number(event: Event | None, name: str) -> int:
    value = None if event is None else getattr(event, name)
    return -1 if value is None else min(value, LARGEST_INTEGER)


def _numbered(operations: Sequence[Operation], words: Words, field: Callable[[Event], str | None]) -> list[int]:
    """A field of the completion, or else of the invocation, numbered."""
    numbers = []
    for operation in operations:
        text = None if operation.completion is None else field(operation.completion)
        numbers.append(words.number(field(operation.invoke) if text is None else text))
    return numbers


def fault_rows(faults: Sequence[Fault], kinds: Sequence[str], end_ns: int) -> list[dict[str, Any]]:
    """Faults that were (or may have been) in force, times in microseconds."""
    return [
        {
            "id": fault.id,
            "kind": fault.kind,
            "name": fault.name,
            "brief": " ".join(part for part in (fault.id, fault.kind, fault.variant) if part),
            "colour": colour(fault.kind, kinds),
            "from": microseconds(fault.from_ns),
            "to": microseconds(fault.to_ns(end_ns)),
            "lifted": fault.lifted,
            "indexes": [event.index for event in fault.events],
        }
        for fault in faults
        if fault.in_force
    ]
