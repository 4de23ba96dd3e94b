"""One long register, decided over columns: what register.py does for a short one, with fewer objects.

Only what a contradiction is about becomes operations and actions again: those of the values that it needs, and writes
that failed. Shrinking and telling look at nothing else.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from checkers.canonical import canonical
from checkers.checker import Budget
from checkers.columns import FAIL, Column, Operations
from checkers.history import Operation
from checkers.linearizability import column_zones, zones
from checkers.linearizability.actions import Value, actions, needs
from checkers.linearizability.column_zones import Order, Suspects
from checkers.linearizability.columns import ActionColumns, action_columns
from checkers.linearizability.earliest import beginning, shortest
from checkers.linearizability.explain import explain
from checkers.linearizability.outcome import Contradiction
from checkers.linearizability.shrink import IsContradiction, shrink
from checkers.verdict import Anomaly


class Witness(Sequence[int]):
    """Invocation indexes in an order that explains the history. They are put in order when they are looked at."""

    def __init__(self, order: Order) -> None:
        self._order: Order | None = order
        self._indexes: array[int] | None = None

    @property
    def indexes(self) -> array[int]:
        if self._order is not None:
            self._indexes = array("q", self._order.actions.invoked[self._order.rows()].tobytes())
            self._order = None
        assert self._indexes is not None
        return self._indexes

    def __len__(self) -> int:
        return len(self.indexes)

    def __iter__(self) -> Iterator[int]:
        return iter(self.indexes)

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[int]: ...

    def __getitem__(self, at: int | slice) -> int | Sequence[int]:
        return self.indexes[at]


@dataclass(frozen=True)
class Decided:
    """`operations` said something. Either there is a witness or an anomaly."""

    operations: int
    witness: Witness | None = None
    anomaly: Anomaly | None = None


def decide_long(
    operations: Operations, initial: Any, is_contradiction: IsContradiction, budget: Budget
) -> Decided | None:
    """None where there are operations that have no columns. Raises Ambiguous as zones.decide does."""
    found = action_columns(operations, canonical(initial))
    if found is None:
        return None
    outcome = column_zones.decide(found)
    if isinstance(outcome, Order):
        return Decided(len(found), witness=Witness(outcome))
    return Decided(len(found), anomaly=_Invalid(operations, found, initial).anomaly(outcome, is_contradiction, budget))


@dataclass(frozen=True)
class _Invalid:
    operations: Operations
    found: ActionColumns
    initial: Any

    def anomaly(self, suspects: Suspects, is_contradiction: IsContradiction, budget: Budget) -> Anomaly:
        core = self._first(suspects, budget).actions
        related = self._related([*(action.value for action in core), *(value for a in core for value in needs(a))])
        everything = actions(related)
        return explain(shrink(everything, core, is_contradiction), related, everything, self.initial)

    def _first(self, suspects: Suspects, budget: Budget) -> Contradiction:
        """The contradiction of the shortest contradictory beginning."""
        all_of_them = self.found.take(suspects.rows)
        known_at = np.where(all_of_them.certain, all_of_them.returned, all_of_them.invoked)
        end, suspected = shortest(int(known_at.max()), all_of_them, self._suspected_at, budget)
        then = beginning(actions(self._made(suspected.row)), end)
        outcome = zones.decide(then, canonical(self.initial))
        assert isinstance(outcome, Contradiction)
        return outcome

    def _suspected_at(self, end: int) -> ActionColumns | None:
        then = self.found.beginning(end)
        outcome = column_zones.decide(then)
        return then.take(outcome.rows) if isinstance(outcome, Suspects) else None

    def _related(self, values: Sequence[Value]) -> list[Operation]:
        """Operations of these values, and those that failed: what an explanation looks at."""
        found = self.found
        numbers = found.values.known(values)
        about = found.row[np.isin(found.value, numbers) | np.isin(found.expected, numbers)]
        failed = np.flatnonzero((self.operations.outcome == FAIL) & ~self.operations.with_f("read", "get"))
        return self._made(np.sort(np.append(about, failed)))

    def _made(self, rows: Column) -> list[Operation]:
        return [self.operations[row] for row in rows.tolist()]
