"""What an algorithm answers about one object, or about a part of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from checkers.models import Action


@dataclass(frozen=True)
class Linearizable:
    """`witness`: actions in an order that explains everything: all certain ones, and of the uncertain ones those
    that happened."""

    witness: Sequence[Action]


@dataclass(frozen=True)
class Contradiction:
    """`actions` contradict each other, even if all others are weakened (shrink.py): where shrinking starts. `also`:
    what may be told beside them."""

    actions: Sequence[Action]
    also: Sequence[Action] = field(default_factory=tuple)


Outcome: TypeAlias = Linearizable | Contradiction


class OutOfReach(Exception):
    """The algorithm's guarantee ends here. `str(error)` says why."""


def in_moments(order: Sequence[Action]) -> list[tuple[int, Action]]:
    """Each action of a linearization with the earliest moment at which it can happen: right after that event."""
    moment = order[0].invoked if order else 0
    found: list[tuple[int, Action]] = []
    for action in order:
        moment = max(moment, action.invoked)
        found.append((moment, action))
    return found


def merged(orders: Sequence[Sequence[Action]]) -> list[Action]:
    """One linearization of independent parts: each keeps its order, and every action its earliest moment there."""
    if len(orders) == 1:
        return list(orders[0])
    timed = [each for order in orders for each in in_moments(order)]
    timed.sort(key=lambda each: each[0])  # stable: the order within a part stays
    return [action for _, action in timed]


def once(actions: Iterable[Action]) -> list[Action]:
    """Each action where it comes first."""
    return list({action.invoked: action for action in actions}.values())
