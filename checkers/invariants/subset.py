"""Which of some transfers make up a change of balances: a subset sum in several dimensions, by bounded search.

An account whose balance is not explained yet must be touched by one more of the transfers that are left. So the search
branches over those that touch the account for which there are fewest, and a transfer that has been tried at a place is
not tried again below it. Every set that explains the change is found that way, without the orders of its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

MOST_STEPS: Final = 20_000
"""Transfers that are looked at before the search gives up."""


class Undecided(Exception):
    """The search gave up."""


class Change(NamedTuple):
    name: int
    source: str
    target: str
    amount: int

    def add_to(self, balances: dict[str, int]) -> None:
        """An account where nothing has changed is left out."""
        _move(balances, self.source, -self.amount)
        _move(balances, self.target, self.amount)

    def take_from(self, balances: dict[str, int]) -> None:
        _move(balances, self.source, self.amount)
        _move(balances, self.target, -self.amount)


Chosen = frozenset[int]


def _move(balances: dict[str, int], account: str, amount: int) -> None:
    now = balances.get(account, 0) + amount
    if now:
        balances[account] = now
    else:
        balances.pop(account, None)


def choose(left: dict[str, int], changes: Sequence[Change]) -> Chosen | None:
    """The names of some changes that add up to what is left; None where there are no such. Raises Undecided."""
    steps = MOST_STEPS
    left = dict(left)
    chosen: list[int] = []

    def search(changes: Sequence[Change]) -> bool:
        nonlocal steps
        if not left:
            return True
        steps -= len(changes) + 1
        if steps < 0:
            raise Undecided
        touching = _fewest(left, changes)
        for place, change in enumerate(touching):
            tried = {one.name for one in touching[: place + 1]}
            change.take_from(left)
            chosen.append(change.name)
            if search([one for one in changes if one.name not in tried]):
                return True
            chosen.pop()
            change.add_to(left)
        return False

    return frozenset(chosen) if search(changes) else None


def _fewest(left: dict[str, int], changes: Sequence[Change]) -> list[Change]:
    """The changes that touch the account that fewest of them touch, of those that are not explained."""
    touching: dict[str, list[Change]] = {account: [] for account in left}
    for change in changes:
        if change.source in touching:
            touching[change.source].append(change)
        if change.target in touching:
            touching[change.target].append(change)
    return min(touching.values(), key=len)
