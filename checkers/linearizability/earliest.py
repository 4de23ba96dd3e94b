"""The first contradiction of a history: its shortest beginning that nothing explains.

What is wrong later may be a consequence of what is wrong first, so the first is what people want to hear of. A
history's beginning is a history whose unfinished actions are unknown, and if one beginning is linearizable, so is each
shorter one; so halving finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from checkers.checker import Budget, OutOfTime
from checkers.history import PENDING
from checkers.linearizability.actions import IMPOSSIBLE, READ, Action
from checkers.linearizability.outcome import Contradiction, Outcome

Found = TypeVar("Found")


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

    def contradiction(end: int) -> Contradiction | None:
        outcome = decide(beginning(actions, end))
        return outcome if isinstance(outcome, Contradiction) else None

    return shortest(max(map(known_at, found.actions)), found, contradiction, budget)[1]


def shortest(
    wrong: int, found: Found, contradiction: Callable[[int], Found | None], budget: Budget
) -> tuple[int, Found]:
    """By halving: the least event index at which there is a contradiction, as far as time allows, and what it is.

    `found` is what there is at `wrong`."""
    fine = -1
    while wrong - fine > 1:
        middle = (fine + wrong) // 2
        try:
            budget.spend()
            sooner = contradiction(middle)
        except OutOfTime:
            break
        if sooner is None:
            fine = middle
        else:
            wrong, found = middle, sooner
    return wrong, found


def known_at(action: Action) -> int:
    return action.returned if action.certain else action.invoked
