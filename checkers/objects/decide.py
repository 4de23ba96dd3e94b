"""Which algorithm decides, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from checkers.checker import Budget
from checkers.models import MODELS, Action, Model, State
from checkers.objects import bag, fifo, lifo, membership
from checkers.objects.outcome import Contradiction, Linearizable, Outcome, OutOfReach, merged
from checkers.objects.search import search

SEARCH: Final = "just-in-time search (Wing and Gong, Lowe)"
PARTS_BETWEEN_LOOKS: Final = 256
"""At the time budget."""


class Fast(NamedTuple):
    """A log-linear algorithm; `decide` raises OutOfReach where its guarantee ends."""

    name: str
    decide: Callable[[Sequence[Action]], Outcome]
    why: str


FAST: Final[Mapping[str, Fast]] = {
    "fifo-queue": Fast(fifo.NAME, fifo.decide, "no element was enqueued twice"),
    "unordered-queue": Fast(bag.NAME, bag.decide, "nobody found it empty, or no element was enqueued twice"),
    "stack": Fast(lifo.NAME, lifo.decide, "no element was pushed twice"),
    "set": Fast(membership.NAME, membership.decide, "no element was added twice"),
}


@dataclass(frozen=True)
class Decision:
    outcome: Outcome
    algorithm: str
    why: str
    """Why this algorithm decided."""


def decide(model: Model, actions: Sequence[Action], budget: Budget, starts: Sequence[State] = ()) -> Decision:
    """Exact. `starts`: the states in which the object may begin, if not as a new one; then the search decides.

    Raises OutOfTime when the budget is used up."""
    relevant = model.relevant(actions)
    if starts:
        return Decision(search(model, relevant, budget, starts), SEARCH, "the beginning was left out")
    decisions = []
    for at, part in enumerate(model.parts(relevant)):
        if at % PARTS_BETWEEN_LOOKS == 0:
            budget.spend()
        decision = _decide_part(model, part, budget)
        if isinstance(decision.outcome, Contradiction):
            return decision
        decisions.append(decision)
    return _all_linearizable(decisions or [_decide_part(model, (), budget)])


def _decide_part(model: Model, part: Sequence[Action], budget: Budget) -> Decision:
    fast = FAST.get(model.name)
    if fast is None or type(model) is not type(MODELS[model.name]):
        return Decision(search(model, part, budget), SEARCH, f"it decides every {model.name}")
    try:
        return Decision(fast.decide(part), fast.name, fast.why)
    except OutOfReach as why:
        return Decision(search(model, part, budget), SEARCH, str(why))


def _all_linearizable(decisions: Sequence[Decision]) -> Decision:
    orders = [each.outcome.witness for each in decisions if isinstance(each.outcome, Linearizable)]
    reasons = {each.algorithm: each.why for each in reversed(decisions)}
    return Decision(Linearizable(merged(orders)), " and ".join(reasons), "; ".join(reasons.values()))
