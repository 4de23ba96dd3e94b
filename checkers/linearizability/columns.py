"""The actions of a long history as columns: what actions.py says of one operation, said of all at once.

actions.py is the reference for it in the tests. What has no columns (appends, operations that a register does not
have) is left to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Final

import msgspec
import numpy as np

from checkers.canonical import canonical
from checkers.columns import FAIL, INFO, NONE, OK, Column, Mask, Names, Operations
from checkers.history import PENDING, READS
from checkers.linearizability.actions import CAS, IMPOSSIBLE, READ, WRITE, Value

WRITES: Final = ("write", "put")
_PLAIN: Final = frozenset((int, str, type(None)))
"""Types whose values are their own canonical form."""
INITIAL: Final = 0
"""The number of the initial value."""
_SILENT: Final = -2
"""The kind of an operation that says nothing."""


@dataclass(frozen=True)
class ActionColumns:
    """One register's actions, in order of invocation. `value` and `expected` are numbers into `values`; `expected` is
    NONE where the action is no compare-and-set. `row` is an action's place among the operations."""

    kind: Column
    value: Column
    expected: Column
    certain: Mask
    invoked: Column
    returned: Column
    row: Column
    values: Names

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Column) -> ActionColumns:
        return ActionColumns(
            self.kind[rows],
            self.value[rows],
            self.expected[rows],
            self.certain[rows],
            self.invoked[rows],
            self.returned[rows],
            self.row[rows],
            self.values,
        )

    def needs(self) -> Column:
        """The value that each action needs, or NONE."""
        return np.where(self.kind == READ, self.value, np.where(self.kind == CAS, self.expected, NONE))

    def beginning(self, end: int) -> ActionColumns:
        """As in earliest.py."""
        open_then = self.certain & (self.returned > end)
        silent = open_then & ((self.kind == READ) | (self.kind == IMPOSSIBLE))
        returned = np.where(open_then, PENDING, self.returned)
        weaker = replace(self, returned=returned, certain=self.certain & ~open_then)
        return weaker.take(np.flatnonzero((self.invoked <= end) & ~silent))


def action_columns(operations: Operations, initial: Value) -> ActionColumns | None:
    """None where actions.py has to look."""
    known = (*READS, *WRITES, "cas")
    if not (operations.with_f(*known) | (operations.outcome == FAIL)).all():
        return None
    filling = _Filling(operations, initial)
    return filling.columns() if filling.reads() and filling.writes() and filling.compare_and_sets() else None


class _Filling:
    def __init__(self, operations: Operations, initial: Value) -> None:
        self._operations = operations
        self._values = Names(initial)
        self._happened = operations.outcome != FAIL
        self._ok = operations.outcome == OK
        self._kind = np.full(len(operations), _SILENT)
        self._value = np.full(len(operations), NONE)
        self._expected = np.full(len(operations), NONE)

    def reads(self) -> bool:
        rows = np.flatnonzero(self._operations.with_f(*READS) & self._ok)
        self._kind[rows], self._value[rows] = READ, self._numbers(self._operations.values(rows))
        return True

    def writes(self) -> bool:
        rows = np.flatnonzero(self._operations.with_f(*WRITES) & self._happened)
        self._kind[rows], self._value[rows] = WRITE, self._numbers(self._operations.values(rows))
        return True

    def compare_and_sets(self) -> bool:
        rows = np.flatnonzero(self._operations.with_f("cas") & self._happened)
        pairs = self._operations.values(rows)
        if not {list, tuple}.issuperset(map(type, pairs)) or not {2}.issuperset(map(len, pairs)):
            return False
        expected = self._numbers(list(map(itemgetter(0), pairs)))
        new = self._numbers(list(map(itemgetter(1), pairs)))
        ok = self._ok[rows]
        same = expected == new
        self._kind[rows] = np.where(same, np.where(ok, READ, _SILENT), CAS)
        self._value[rows] = new
        self._expected[rows] = np.where(same, NONE, expected)
        self._mismatches(rows[ok], expected[ok])
        return True

    def _mismatches(self, rows: Column, expected: Column) -> None:
        actuals = self._operations.actuals(rows)
        mismatch = np.fromiter((actual is not msgspec.UNSET for actual in actuals), np.bool_, len(rows))
        saw = self._numbers([actual for actual in actuals if actual is not msgspec.UNSET])
        rows = rows[mismatch]
        self._kind[rows] = np.where(saw == expected[mismatch], IMPOSSIBLE, READ)
        self._value[rows], self._expected[rows] = saw, NONE

    def _numbers(self, values: Sequence[Any]) -> Column:
        if not _PLAIN.issuperset(map(type, values)):
            return self._values.numbers(map(canonical, values))
        return self._values.numbers(values)

    def columns(self) -> ActionColumns:
        operations, rows = self._operations, np.arange(len(self._operations))
        returned = np.where(self._ok, operations.returned, PENDING)
        known = operations.outcome != INFO
        kind, value, expected = self._kind, self._value, self._expected
        everything = ActionColumns(kind, value, expected, known, operations.invoked, returned, rows, self._values)
        return everything.take(np.flatnonzero(kind != _SILENT))
