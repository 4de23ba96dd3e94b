"""Transactions as columns: one row for each transaction, one for each of its steps.

A step is one `["append", key, element]`, `["w", key, value]` or `["r", key, what was read]`. Keys and written values
are numbered, so that all that follows can be done with arrays. A transaction counts by what is known of it:

- ok: it happened, and what it read is known.
- fail: it did not happen, and nobody may see what it wrote.
- info: unknown. What it read is not known; if somebody saw one of its writes, it happened, with all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from checkers.canonical import canonical
from checkers.checker import NotOfModel
from checkers.columns import FAIL, INFO, OK, Operations
from checkers.history import Operation

Integers: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

__all__ = ["FAIL", "INFO", "NOWHERE", "OK", "Bools", "Integers", "Table", "Writers", "number_values", "tabulate"]

NOWHERE: Final = -1
"""Where a number is expected and there is none."""


@dataclass(frozen=True)
class Table:
    """Rows of transactions by invocation; rows of steps by transaction, then in the order in which they were taken."""

    operations: Operations
    outcome: Integers
    """OK, INFO or FAIL."""
    process: Integers
    invoked: Integers
    returned: Integers
    first: Integers
    """Transaction -> its first step; one more entry ends the last."""
    txn: Integers
    """Step -> its transaction."""
    writes: Bools
    """Step -> whether it writes or appends."""
    key: Integers
    keys: Sequence[Any]
    """Key number -> the key."""
    steps: Sequence[Sequence[Any]]
    """The steps themselves, each of three parts."""

    @property
    def size(self) -> int:
        return len(self.operations)

    @cached_property
    def ok_reads(self) -> Integers:
        """The steps whose answers are known."""
        return np.flatnonzero(~self.writes & (self.outcome[self.txn] == OK))

    @cached_property
    def write_steps(self) -> Integers:
        return np.flatnonzero(self.writes)

    @cached_property
    def by_key(self) -> Integers:
        """All steps, sorted by transaction and key; in the order taken where both are the same."""
        return np.argsort(self.place, kind="stable")

    @cached_property
    def place(self) -> Integers:
        """Step -> a number that is the same for steps of one transaction on one key."""
        return self.txn * max(len(self.keys), 1) + self.key

    @cached_property
    def final(self) -> Bools:
        """Step -> whether it is a write that its own transaction does not write over."""
        ordered = self.by_key[self.writes[self.by_key]]
        last = np.ones(len(ordered), bool)
        last[:-1] = self.place[ordered[1:]] != self.place[ordered[:-1]]
        final = np.zeros(len(self.txn), bool)
        final[ordered[last]] = True
        return final


def tabulate(operations: Sequence[Operation], write: str) -> Table:
    """`write`: the name of the steps that write, "append" or "w". Raises NotOfModel."""
    columns = Operations.of(operations)
    rows = np.arange(len(columns))
    if not columns.with_f("txn").all():
        stranger = columns[int(np.argmin(columns.with_f("txn")))]
        raise NotOfModel(stranger.invoked, f"{stranger.f!r} is no transaction")
    values = columns.values(rows)
    steps = _steps(values, write)
    if steps is None:
        raise _refusal(columns, write)
    keys, key = _numbered([step[1] for step in steps])
    first = np.zeros(len(values) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, values), np.int64, len(values)), out=first[1:])
    return Table(
        operations=columns,
        outcome=columns.outcome,
        process=np.fromiter(columns.processes(rows), np.int64, len(values)),
        invoked=columns.invoked,
        returned=columns.returned,
        first=first,
        txn=np.repeat(rows, np.diff(first)),
        writes=np.fromiter(map(write.__eq__, [step[0] for step in steps]), bool, len(steps)),
        key=key,
        keys=keys,
        steps=steps,
    )


def _steps(values: Sequence[Any], write: str) -> list[Any] | None:
    """All steps of all transactions; None where something is no step."""
    if not set(map(type, values)) <= {list, tuple}:
        return None
    steps: list[Any] = list(chain.from_iterable(values))
    if not set(map(type, steps)) <= {list, tuple} or not set(map(len, steps)) <= {3}:
        return None
    kinds = [step[0] for step in steps]
    return steps if set(map(type, kinds)) <= {str} and set(kinds) <= {"r", write} else None


def _refusal(operations: Sequence[Operation], write: str) -> NotOfModel:
    for operation in operations:
        if not isinstance(operation.value, list | tuple):
            return NotOfModel(operation.invoked, "the value of a transaction is a list of steps")
        for step in operation.value:
            if not (isinstance(step, list | tuple) and len(step) == 3 and step[0] in ("r", write)):
                form = f'["{write}", key, value] or ["r", key, null]'
                return NotOfModel(operation.invoked, f"a step of a transaction is {form}, not {step!r}")
    raise AssertionError("all steps are right")


def _numbered(values: Sequence[Any]) -> tuple[list[Any], Integers]:
    """The different values in order of appearance, and each value's number among them."""
    kinds = set(map(type, values))
    names: Sequence[Hashable] = values if kinds <= {int} or kinds <= {str} else [*map(canonical, values)]
    first = dict(zip(reversed(names), reversed(values), strict=True))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return [first[name] for name in numbers], np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))


def number_values(*batches: Sequence[Any]) -> list[Integers]:
    """A number for each value, the same for the same value. Where all are integers they stand for themselves."""
    if set().union(*(set(map(type, batch)) for batch in batches)) <= {int}:
        try:
            return [np.fromiter(batch, np.int64, len(batch)) for batch in batches]
        except OverflowError:
            pass
    numbers: dict[Hashable, int] = {}
    return [
        np.fromiter((numbers.setdefault(canonical(value), len(numbers)) for value in batch), np.int64, len(batch))
        for batch in batches
    ]


class Reads:
    """The reads that were answered."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.reads = table.ok_reads
        """The reads, as steps, by transaction."""

    @cached_property
    def key(self) -> Integers:
        """Read -> its key."""
        return self.table.key[self.reads]

    @cached_property
    def txn(self) -> Integers:
        """Read -> its transaction."""
        return self.table.txn[self.reads]


class Writers:
    """Who wrote a value: (key, value number) -> the step that writes it. `twice` holds a pair of steps that write the
    same value to the same key, if there is any."""

    def __init__(self, table: Table, named: Integers) -> None:
        """`named`: the value number of each of table.write_steps."""
        self._steps = table.write_steps
        self._values = np.unique(named)
        codes = self._code(table.key[self._steps], np.searchsorted(self._values, named))
        order = np.argsort(codes, kind="stable")
        self._codes, self._steps = codes[order], self._steps[order]
        same = np.flatnonzero(self._codes[1:] == self._codes[:-1])
        self.twice = (int(self._steps[same[0]]), int(self._steps[same[0] + 1])) if len(same) else None

    def _code(self, key: Integers, dense: Integers) -> Integers:
        return key * max(len(self._values), 1) + dense

    def find(self, key: Integers, named: Integers) -> Integers:
        """The steps, NOWHERE where nobody wrote the value."""
        if not len(self._codes) or not len(key):
            return np.full(len(key), NOWHERE)
        dense = np.minimum(np.searchsorted(self._values, named), len(self._values) - 1)
        codes = self._code(key, dense)
        at = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        found = (self._codes[at] == codes) & (self._values[dense] == named)
        return np.where(found, self._steps[at], NOWHERE)
