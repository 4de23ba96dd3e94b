"""The checker: is every object of a history linearizable, by the model that it is said to follow?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from checkers.checker import Budget, OutOfTime, Recording
from checkers.history import Operation
from checkers.models import MODELS, Model
from checkers.models.model import beginning_with, read_actions
from checkers.objects.decide import decide
from checkers.objects.explain import explain
from checkers.objects.outcome import Contradiction
from checkers.objects.shrink import shrink
from checkers.per_key import Certified, by_key, together
from checkers.verdict import Anomaly, Verdict


@dataclass(frozen=True)
class ObjectResult:
    """The answer on one object (checkers/per_key.py, KeyAnswer)."""

    verdict: Verdict
    algorithm: str
    why: str
    operations: int
    witness: Sequence[int] | None = None
    anomalies: Sequence[Anomaly] = field(default_factory=tuple)


@dataclass(frozen=True)
class ObjectLinearizability:
    """Judges every operation of the recording, each key as an object of its own.

    `model`: one of checkers.models.MODELS by its name, or any other Model. `initial`: what an object holds before
    anything is done. Keys are spread over `budget.map`; what is handed to it pickles if `budget.seconds_left` and the
    model do."""

    model: str | Model
    initial: Any = None
    name: str = "linearizable"

    def check(self, recording: Recording, budget: Budget) -> Certified:
        """Raises NotOfModel for operations that the model does not have, ValueError for an initial value."""
        keys = by_key(recording.history.operations)
        items = [tuple(operations) for operations in keys.values()]
        check_one = partial(_check_key, self.model, self.initial, budget.seconds_left)
        return together(self.name, dict(zip(keys, budget.map(check_one, items), strict=True)))


def check_object(
    model: str | Model, operations: Sequence[Operation], initial: Any = None, budget: Budget | None = None
) -> ObjectResult:
    """Decides whether one object's operations are linearizable: exactly, whatever the operations.

    Raises OutOfTime when the budget is used up, NotOfModel and ValueError as ObjectLinearizability does."""
    budget = budget or Budget()
    model = MODELS[model] if isinstance(model, str) else model
    found = read_actions(model, operations)
    everything = beginning_with(model, initial) + found
    decision = decide(model, everything, budget)
    outcome = decision.outcome
    if isinstance(outcome, Contradiction):
        anomaly = explain(model, shrink(model, everything, outcome, budget), operations)
        return ObjectResult(Verdict.INVALID, decision.algorithm, decision.why, len(found), anomalies=[anomaly])
    witness = [action.invoked for action in outcome.witness if action.invoked >= 0]
    return ObjectResult(Verdict.VALID, decision.algorithm, decision.why, len(found), witness=witness)


def _check_key(
    model: str | Model, initial: Any, seconds_left: Callable[[], float], operations: Sequence[Operation]
) -> ObjectResult | None:
    """None: out of time."""
    try:
        return check_object(model, operations, initial, Budget(seconds_left=seconds_left))
    except OutOfTime:
        return None
