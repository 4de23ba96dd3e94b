"""One register: which algorithm decides it, and what it says."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from checkers.canonical import canonical
from checkers.checker import Budget
from checkers.columns import Operations
from checkers.history import Operation
from checkers.linearizability import frontier, zones
from checkers.linearizability.actions import Action, Value, actions
from checkers.linearizability.clusters import Ambiguous
from checkers.linearizability.earliest import first
from checkers.linearizability.explain import explain
from checkers.linearizability.long import decide_long
from checkers.linearizability.outcome import Linearizable, Outcome
from checkers.linearizability.shrink import shrink
from checkers.verdict import Anomaly, Verdict

ZONES: Final = "zones (Gibbons and Korach)"
ONE_WRITER: Final = "every value that was seen has one writer"
SEARCH: Final = "just-in-time search (Wing and Gong, Lowe)"


LONG: Final = 500
"""Operations from which on columns pay."""


@dataclass(frozen=True)
class RegisterResult:
    """The answer on one register. `verdict` is valid or invalid; running out of time raises OutOfTime.

    Either answer has a certificate, which validate.py can check: `witness`, or the operations of the anomaly."""

    verdict: Verdict
    algorithm: str
    why: str
    """Why this algorithm decided."""
    operations: int
    """How many operations said something."""
    witness: Sequence[int] | None = None
    """valid: invocation indexes in an order that explains the history."""
    anomalies: Sequence[Anomaly] = field(default_factory=tuple)
    """invalid: one, whose operations contradict each other."""


def check_register(
    operations: Sequence[Operation], initial: Any = None, budget: Budget | None = None
) -> RegisterResult:
    """Decides whether one key's operations are linearizable: exactly, whatever the operations.

    `operations` are ordered by invocation, as `History.operations` is. Raises OutOfTime when the budget is used up
    and NotARegister for operations that a register does not have."""
    budget = budget or Budget()
    long = check_long(operations, initial, budget) if len(operations) >= LONG else None
    return long or check_short(operations, initial, budget)


def check_long(operations: Sequence[Operation], initial: Any, budget: Budget) -> RegisterResult | None:
    """By columns; None where they cannot decide."""
    start = canonical(initial)
    try:
        found = decide_long(
            Operations.of(operations), initial, lambda some: _is_contradiction(some, start, budget), budget
        )
    except Ambiguous:
        return None
    if found is None:
        return None
    if found.anomaly is None:
        return RegisterResult(Verdict.VALID, ZONES, ONE_WRITER, found.operations, witness=found.witness)
    return RegisterResult(Verdict.INVALID, ZONES, ONE_WRITER, found.operations, anomalies=[found.anomaly])


def check_short(operations: Sequence[Operation], initial: Any, budget: Budget) -> RegisterResult:
    """By objects: whatever the operations, and the reference for columns."""
    found, start = actions(operations), canonical(initial)
    outcome, algorithm, why = decide(found, start, budget)
    if isinstance(outcome, Linearizable):
        witness = array("q", [each.invoked for each in outcome.witness])
        return RegisterResult(Verdict.VALID, algorithm, why, len(found), witness=witness)
    if algorithm == ZONES:
        outcome = first(found, outcome, lambda some: zones.decide(some, start), budget)
    shrunk = shrink(found, outcome.actions, lambda some: _is_contradiction(some, start, budget))
    return RegisterResult(
        Verdict.INVALID, algorithm, why, len(found), anomalies=[explain(shrunk, operations, found, initial)]
    )


def decide(found: Sequence[Action], initial: Value, budget: Budget) -> tuple[Outcome, str, str]:
    """The outcome, the algorithm that found it, and why that one."""
    try:
        return zones.decide(found, initial), ZONES, ONE_WRITER
    except Ambiguous as ambiguous:
        return frontier.search(found, initial, budget), SEARCH, str(ambiguous)


def _is_contradiction(some: Sequence[Action], initial: Value, budget: Budget) -> bool:
    return not isinstance(decide(some, initial, budget)[0], Linearizable)
