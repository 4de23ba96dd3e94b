"""Unhandled exceptions: clients that raised instead of saying what became of their operation.

The harness records such an operation as unknown (a read as failed), with the error `exception: TYPE: message`. That is
a mistake in the client, never a finding about the system; but a client that makes mistakes may have made others that
nobody saw, and what it should have asked was not asked. So the run is unknown, and the reason names the client's
mistakes, the commonest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from checkers.checker import Budget, Recording
from checkers.history import Operation
from checkers.invariants.findings import Findings, times
from checkers.verdict import Result

PROMISE: Final = "Clients say what became of each operation, and make no mistakes of their own."
MARK: Final = "exception: "
"""How the error of an operation begins whose client raised."""
LONGEST: Final = 200


@dataclass(frozen=True)
class UnhandledExceptions:
    name: str = "unhandled-exceptions"

    def check(self, recording: Recording, budget: Budget) -> Result:
        operations = recording.history.operations
        raised = by_type(operations)
        reason = "; ".join(f"a client raised {_words(one)}" for one in raised) or None
        return Findings().result(self.name, PROMISE, operations=len(operations), unknown=reason, exceptions=raised)


def by_type(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """For each type of exception, the commonest first: how often it was raised, in which operations, and the first."""
    rows: dict[str, dict[str, Any]] = {}
    for op in operations:
        error = (op.completion.error or "") if op.completion is not None else ""
        if not error.startswith(MARK):
            continue
        kind, _, message = error[len(MARK) :].partition(": ")
        example = {"operation": op.invoked, "process": op.process, "message": message[:LONGEST] or "no words"}
        row = rows.setdefault(kind, {"type": kind, "count": 0, "f": {}, "example": example})
        row["count"] += 1
        row["f"][op.f] = row["f"].get(op.f, 0) + 1
    return sorted(rows.values(), key=lambda row: -row["count"])


def _words(row: dict[str, Any]) -> str:
    """'KeyError twice (in read; first "k4")'"""
    return f"{row['type']} {times(row['count'])} (in {', '.join(row['f'])}; first: {row['example']['message']})"
