"""The first contradiction of a history: its shortest beginning that nothing explains.

What is wrong later may be a consequence of what is wrong first, so the first is what people want to hear of. A
history's beginning is a history whose unfinished actions are unknown, and if one beginning is linearizable, so is each
shorter one; so halving finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from checkers.checker import Budget, OutOfTime
from checkers.history import PENDING
from checkers.linearizability.actions import IMPOSSIBLE, READ, Action
from checkers.linearizability.outcome import Contradiction, Outcome


def beginning(actions: Sequence[Action], end: int) -> list[Action]:
    """What had happened, as far as one could know, right after the event `end`."""
    found = (_until(action, end) for action in actions)
    return [action for action in found if action is not None]


def _until(action: Action, end: int) -> Action | None:
    if action.invoked > end:
        return None
    if action.returned <= end or not action.certain:
        return action
    if action.kind in (READ, IMPOSSIBLE):
        return None
    return msgspec.structs.replace(action, certain=False, returned=PENDING)


def first(
    actions: Sequence[Action], found: Contradiction, decide: Callable[[Sequence[Action]], Outcome], budget: Budget
) -> Contradiction:
    """The contradiction of the shortest contradictory beginning, or of the shortest one that time allowed to find.

    `found` is a contradiction of all `actions`."""
    fine, wrong = -1, max(_known_at(action) for action in found.actions)
    while wrong - fine > 1:
        middle = (fine + wrong) // 2
        try:
            budget.spend()
            outcome = decide(beginning(actions, middle))
        except OutOfTime:
            break
        if isinstance(outcome, Contradiction):
            wrong, found = middle, outcome
        else:
            fine = middle
    return found


def _known_at(action: Action) -> int:
    return action.returned if action.certain else action.invoked
