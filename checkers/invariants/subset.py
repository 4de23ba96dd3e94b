"""Which of some transfers make up a change of balances: a subset sum in several dimensions, by bounded search.

There are two kinds of transfers to choose from. Those *in flight* while a read was answered are few, and stay
candidates only for a short while. The *unknown* ones stay candidates for ever, and may come to be thousands; but one
that happened stays happened. So what explained the last read is kept, and the next is explained by a small change of
it: some of the transfers in flight, and perhaps an unknown one that is now taken, or no longer. First those in flight
are tried alone; then small choices of them with an unknown one, which is looked up by its effect; then the newest
unknown ones one by one, each with those in flight; and only where that finds nothing the whole is searched.

That search is complete. An account whose balance is not explained yet must be touched by one more of the transfers that
are left, so it branches over those that touch the account for which there are fewest; a transfer that has been tried at
a place is not tried again below it. Those that leave least to explain are tried first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from typing import Final, NamedTuple

MOST_STEPS: Final = 20_000
"""Transfers that are looked at before a search of the whole gives up,"""
FLYING_STEPS: Final = 2_000
"""a search of those in flight,"""
NEAR_STEPS: Final = 300
"""and such a search beside one of the newest unknown ones."""
NEWEST: Final = 100
MOST_SUBSETS: Final = 500
"""Choices of transfers in flight beside which an unknown one is looked up."""

Balances = dict[str, int]
"""An account with nothing is left out."""


class Undecided(Exception):
    """The search gave up."""


class Change(NamedTuple):
    name: int
    source: str
    target: str
    amount: int

    def add_to(self, balances: Balances) -> None:
        _move(balances, self.source, -self.amount)
        _move(balances, self.target, self.amount)

    def take_from(self, balances: Balances) -> None:
        _move(balances, self.source, self.amount)
        _move(balances, self.target, -self.amount)

    def gain(self, left: Balances) -> int:
        """How much more there is to explain once this is taken from what is left; below zero for less."""
        source, target = left.get(self.source, 0), left.get(self.target, 0)
        return abs(source + self.amount) - abs(source) + abs(target - self.amount) - abs(target)

    def undone(self) -> Change:
        return Change(self.name, self.target, self.source, self.amount)


def _move(balances: Balances, account: str, amount: int) -> None:
    now = balances.get(account, 0) + amount
    if now:
        balances[account] = now
    else:
        balances.pop(account, None)


class Unknowns:
    """The unknown transfers invoked so far, and which of them are taken to have happened."""

    def __init__(self) -> None:
        self.sum: Balances = {}
        """What those that are taken do together."""
        self._flips: dict[int, Change] = {}
        """What it does to take one that is not, or to take one no longer."""
        self._by_effect: dict[tuple[str, str, int], dict[int, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._flips)

    def add(self, change: Change) -> None:
        self._flips[change.name] = change
        self._by_effect[change[1:]][change.name] = None

    def flip(self, name: int) -> None:
        change = self._flips.pop(name)
        del self._by_effect[change[1:]][name]
        change.add_to(self.sum)
        self.add(change.undone())

    def explain(self, left: Balances, flying: Sequence[Change]) -> bool:
        """Whether some of these, and some unknown ones, make up what is left beside `sum`. Those are then taken.
        Raises Undecided."""
        names = self._near(left, flying)
        if names is None:
            chosen = choose(left, [*flying, *self._flips.values()], MOST_STEPS)
            names = None if chosen is None else [name for name in chosen if name in self._flips]
        for name in names or ():
            self.flip(name)
        return names is not None

    def _near(self, left: Balances, flying: Sequence[Change]) -> list[int] | None:
        """The unknown ones to flip, none or one, where that is enough."""
        if _is_made_of(left, flying, FLYING_STEPS):
            return []
        for chosen in islice(_subsets(flying), MOST_SUBSETS):
            names = self._one(_without(left, chosen))
            if names is not None:
                return names
        for flip in islice(reversed(self._flips.values()), NEWEST):
            if _is_made_of(_without(left, [flip]), flying, NEAR_STEPS):
                return [flip.name]
        return None

    def _one(self, left: Balances) -> list[int] | None:
        """None to flip if nothing is left; one that does exactly what is left."""
        if not left:
            return []
        if len(left) != 2:
            return None
        (source, lost), (target, amount) = sorted(left.items(), key=lambda item: item[1])
        same = self._by_effect.get((source, target, amount)) if lost == -amount else None
        return [next(iter(same))] if same else None


def _subsets(changes: Sequence[Change]) -> Iterator[tuple[Change, ...]]:
    """The smallest first."""
    for size in range(len(changes) + 1):
        yield from combinations(changes, size)


def _is_made_of(left: Balances, changes: Sequence[Change], steps: int) -> bool:
    """Whether it was found that some of them add up to it."""
    try:
        return choose(left, changes, steps) is not None
    except Undecided:
        return False


def _without(left: Balances, changes: Sequence[Change]) -> Balances:
    rest = dict(left)
    for change in changes:
        change.take_from(rest)
    return rest


def choose(left: Balances, changes: Sequence[Change], steps: int = MOST_STEPS) -> frozenset[int] | None:
    """The names of some changes that add up to what is left; None where there are no such. Raises Undecided after so
    many steps."""
    left = dict(left)
    chosen: list[int] = []

    def search(changes: Sequence[Change]) -> bool:
        nonlocal steps
        if not left:
            return True
        steps -= len(changes) + 1
        if steps < 0:
            raise Undecided
        touching = sorted(_fewest(left, changes), key=lambda change: change.gain(left))
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


def _fewest(left: Balances, changes: Sequence[Change]) -> list[Change]:
    """The changes that touch the account that fewest of them touch, of those that are not explained."""
    touching: dict[str, list[Change]] = {account: [] for account in left}
    for change in changes:
        if change.source in touching:
            touching[change.source].append(change)
        if change.target in touching:
            touching[change.target].append(change)
    return min(touching.values(), key=len)
