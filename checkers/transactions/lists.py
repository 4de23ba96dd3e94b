"""List-append: what every read of a list tells about the order of its versions.

A list only grows, so a read of [1 2 3] shows that 1 was appended before 2 and 2 before 3, and that nothing else was
appended by then. The longest list that was read of a key is its **spine**; every other read should be a beginning of
it. Where one is not, the orders are incompatible, and only what all reads of the key have in common is trusted. What
was appended, certainly happened, and is in no read at all, was appended after the whole spine: had it been there
before, it would be in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Any, Final

import numpy as np

from checkers.checker import NotOfModel
from checkers.transactions import loops
from checkers.transactions.table import (
    FAIL,
    NOWHERE,
    OK,
    Bools,
    Integers,
    Reads,
    Table,
    Writers,
    number_values,
)

LONG: Final = 200_000
"""Elements from which on compiling pays."""


class Lists(Reads):
    """The versions of all keys. All is computed when it is first asked for."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        shown = [table.steps[at][2] or () for at in self.reads.tolist()]
        if not set(map(type, shown)) <= {list, tuple}:
            self._refuse()
        self.length = np.fromiter(map(len, shown), np.int64, len(shown))
        self.start = np.cumsum(self.length) - self.length
        appended = [table.steps[at][2] for at in table.write_steps.tolist()]
        named, self.elements = number_values(appended, list(chain.from_iterable(shown)))
        self.writers = Writers(table, named)

    def _refuse(self) -> None:
        for at in self.reads.tolist():
            shown = self.table.steps[at][2]
            if not isinstance(shown, list | tuple | None):
                index = self.table.operations[self.table.txn[at]].invoked
                raise NotOfModel(index, f"a read of a list shows a list, not {shown!r}")

    @cached_property
    def longest(self) -> Integers:
        """Key -> its longest read, NOWHERE for a key that was never read."""
        order = np.lexsort((self.length, self.key))
        longest = np.full(len(self.table.keys), NOWHERE)
        longest[self.key[order]] = order
        return longest

    @cached_property
    def common(self) -> Integers:
        """Read -> how far it agrees with its key's spine."""
        spine = self.start[self.longest[self.key]]
        if len(self.elements) < LONG:
            return loops.common_prefix(self.elements, self.start, self.length, spine)
        from checkers.transactions import kernels

        return kernels.common_prefix(self.elements, self.start, self.length, spine)

    @cached_property
    def agrees(self) -> Bools:
        agrees: Bools = self.common == self.length
        return agrees

    @cached_property
    def told_by(self) -> Integers:
        """Reads which together show every element that any read shows: the spines, and those that do not agree."""
        return np.concatenate([self.longest[self.longest >= 0], np.flatnonzero(~self.agrees)])

    @cached_property
    def _told(self) -> tuple[Integers, Integers, Integers]:
        """For each element of `told_by`: its read, its place in the list, and the step that appended it."""
        count = self.length[self.told_by]
        read = np.repeat(self.told_by, count)
        place = np.arange(len(read)) - np.repeat(np.cumsum(count) - count, count)
        return read, place, self.writers.find(self.key[read], self.elements[self.start[read] + place])

    @property
    def told_read(self) -> Integers:
        return self._told[0]

    @property
    def told_place(self) -> Integers:
        return self._told[1]

    @property
    def told_writer(self) -> Integers:
        return self._told[2]

    @cached_property
    def observed(self) -> Bools:
        """Step -> whether it is an append that some read shows."""
        observed = np.zeros(len(self.table.txn), bool)
        observed[self.told_writer[self.told_writer >= 0]] = True
        return observed

    @cached_property
    def happened(self) -> Bools:
        """Transaction -> whether it certainly happened: it is ok, or unknown and somebody saw what it appended."""
        happened: Bools = self.table.outcome == OK
        happened[self.table.txn[self.observed]] = True
        happened &= self.table.outcome != FAIL
        return happened

    @cached_property
    def repeated(self) -> Integers:
        """Places among the told elements that repeat an element of the same list."""
        known = np.flatnonzero(self.told_writer >= 0)
        order = known[np.lexsort((self.told_writer[known], self.told_read[known]))]
        again = (self.told_writer[order[1:]] == self.told_writer[order[:-1]]) & (
            self.told_read[order[1:]] == self.told_read[order[:-1]]
        )
        repeated: Integers = order[1:][again]
        return repeated

    @cached_property
    def trusted(self) -> Integers:
        """Key -> how much of its spine shows the order of versions: as far as all reads agree and nothing repeats."""
        trusted = np.zeros(len(self.table.keys), np.int64)
        read = self.longest >= 0
        trusted[read] = self.length[self.longest[read]]
        apart = np.flatnonzero(~self.agrees)
        np.minimum.at(trusted, self.key[apart], self.common[apart])
        np.minimum.at(trusted, self.key[self.told_read[self.repeated]], self.told_place[self.repeated])
        return trusted

    @cached_property
    def clean(self) -> Bools:
        """Key -> whether all of its spine is trusted."""
        clean = np.ones(len(self.table.keys), bool)
        clean[self.key[~self.agrees]] = False
        clean[self.key[self.told_read[self.repeated]]] = False
        return clean

    @cached_property
    def place(self) -> Integers:
        """Append, as a step -> its place in the spine; NOWHERE where it is in none."""
        place = np.full(len(self.table.txn), NOWHERE)
        on_spine = np.flatnonzero((self.told_writer >= 0) & (self.told_read == self.longest[self.key[self.told_read]]))
        place[self.told_writer[on_spine[::-1]]] = self.told_place[on_spine[::-1]]
        return place

    @cached_property
    def order(self) -> Integers:
        """Appends that happened and whose order is trusted, by key, then as appended."""
        table = self.table
        steps = table.write_steps[self.place[table.write_steps] >= 0]
        kept = self.happened[table.txn[steps]] & (self.place[steps] < self.trusted[table.key[steps]])
        steps = steps[kept]
        return steps[np.lexsort((self.place[steps], table.key[steps]))]

    @cached_property
    def late(self) -> Integers:
        """Appends that happened and that no read shows, of keys whose order is trusted."""
        table, steps = self.table, self.table.write_steps
        return steps[self.happened[table.txn[steps]] & ~self.observed[steps] & self.clean[table.key[steps]]]

    @cached_property
    def last_writer(self) -> Integers:
        """Read -> the step that appended its last element; NOWHERE for empty lists and unknown elements."""
        some = np.flatnonzero(self.length > 0)
        writer = np.full(len(self.reads), NOWHERE)
        last = self.elements[self.start[some] + self.length[some] - 1]
        writer[some] = self.writers.find(self.key[some], last)
        return writer

    @cached_property
    def following(self) -> Integers:
        """Read -> the append that follows what it shows; NOWHERE where none is known, or the read does not agree."""
        table, order = self.table, self.order
        if not len(order):
            return np.full(len(self.reads), NOWHERE)
        wide = max(int(self.place.max()), int(self.length.max())) + 2
        at = np.searchsorted(table.key[order] * wide + self.place[order], self.key * wide + self.length)
        inside = np.minimum(at, len(order) - 1)
        follows = (at < len(order)) & (table.key[order[inside]] == self.key) & self.agrees
        return np.where(follows, order[inside], NOWHERE)

    def shown(self, read: int) -> Sequence[Any]:
        shown: Sequence[Any] = self.table.steps[self.reads[read]][2] or ()
        return shown
