"""The operations of a long history as columns: numbers in numpy arrays, one row an operation.

A million `Operation` objects cost seconds and hundreds of megabytes, and hardly any of them is ever looked at: a
checker asks for a few fields of all, and an anomaly shows a few operations. So a long history is paired column by
column, and an operation is made when somebody asks for it. `Operations` is the sequence that `pair` in history.py would
give, which is the reference for it in the tests and tells what is wrong where pairing fails.

Pairing: sorted by process (and by position within it), a process's events must be invoke, completion, invoke,
completion, ...; so each completion follows its invocation directly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import count
from operator import attrgetter
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt

from checkers.events import Event, EventType
from checkers.operation import PENDING, READS, Operation, operation

Column = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

INVOKE, OK, FAIL, INFO = range(4)
_F, _KEY, _INDEX, _TYPE, _PROCESS, _OUTCOME, _INVOKED, _RETURNED = map(
    attrgetter, ("f", "key", "index", "type", "process", "outcome", "invoked", "returned")
)
NONE: Final = -1
"""Where a row has nothing."""


class Names:
    """Values as numbers, counted from 0 in the order in which they came."""

    def __init__(self, *first: Hashable) -> None:
        self._numbers: defaultdict[Hashable, int] = defaultdict(count().__next__)
        self.numbers(first)

    def numbers(self, values: Iterable[Hashable]) -> Column:
        return np.fromiter(map(self._numbers.__getitem__, values), np.int64)

    def __len__(self) -> int:
        return len(self._numbers)

    def known(self, values: Iterable[Hashable]) -> list[int]:
        """The numbers of those that have one."""
        return [self._numbers[value] for value in values if value in self._numbers]

    def all(self) -> list[Hashable]:
        return list(self._numbers)


class Unpaired(Exception):
    """The events do not pair; `pair` says where and why."""


class Operations(Sequence[Operation]):
    """Operations in order of invocation, each made when it is asked for.

    `f` and `key` hold numbers into `fs` and `keys`, `outcome` OK, FAIL or INFO, `invoked` and `returned` event indexes
    as in Operation."""

    def __init__(self, source: _Source, rows: Column | None, columns: Sequence[Column], fs: Names, keys: Names) -> None:
        self._source = source
        self._rows = rows
        self._made: tuple[Operation, ...] | None = None
        self.f, self.key, self.outcome, self.invoked, self.returned = columns
        self.fs, self.keys = fs, keys

    @classmethod
    def paired(cls, events: Sequence[Event]) -> Operations:
        """Raises Unpaired."""
        types, index = _codes(map(_TYPE, events), len(events)), _indexes(events)
        invoke, completion = _pairs(events, types)
        fs, keys = Names(), Names()
        f, key = fs.numbers(map(_F, events)), keys.numbers(map(_KEY, events))
        has = completion != NONE
        if np.any(f[invoke[has]] != f[completion[has]]) or np.any(key[invoke[has]] != key[completion[has]]):
            raise Unpaired
        outcome = np.where(has, types[completion], INFO)
        returned = np.where(outcome == INFO, PENDING, index[completion])
        source = _Events(events, invoke, completion)
        return cls(source, None, (f[invoke], key[invoke], outcome, index[invoke], returned), fs, keys)

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Operations:
        """The same operations, with columns."""
        if isinstance(operations, Operations):
            return operations
        fs, keys = Names(), Names()
        columns = (
            fs.numbers(map(_F, operations)),
            keys.numbers(map(_KEY, operations)),
            _codes(map(_OUTCOME, operations), len(operations)),
            np.fromiter(map(_INVOKED, operations), np.int64, len(operations)),
            np.fromiter(map(_RETURNED, operations), np.int64, len(operations)),
        )
        return cls(_Made(operations), None, columns, fs, keys)

    def take(self, rows: Column) -> Operations:
        """Those in these rows, which ascend."""
        columns = [column[rows] for column in (self.f, self.key, self.outcome, self.invoked, self.returned)]
        return Operations(self._source, self._places(rows), columns, self.fs, self.keys)

    def by_key(self) -> dict[str | None, Operations]:
        """Each key's, those first that come first."""
        if not len(self):
            return {}
        names = [name if isinstance(name, str) else None for name in self.keys.all()]
        if len(names) == 1:
            return {names[0]: self}
        order = np.argsort(self.key, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(self.key, minlength=len(names)))[:-1])
        found = {name: part for name, part in zip(names, parts, strict=True) if len(part)}
        first = sorted(found, key=lambda name: int(found[name][0]))
        return {name: self.take(found[name]) for name in first}

    def with_f(self, *names: str) -> Mask:
        """Whether a row's f is one of these."""
        wanted = [name in names for name in self.fs.all()]
        return np.array(wanted, np.bool_)[self.f] if wanted else np.zeros(len(self), np.bool_)

    def values(self, rows: Column) -> list[Any]:
        """`Operation.value` of these rows."""
        return self._source.values(self._places(rows), self.outcome[rows] == OK, self.with_f(*READS)[rows])

    def actuals(self, rows: Column) -> list[Any]:
        """`actual` of the completions of these rows, which have one."""
        return self._source.actuals(self._places(rows))

    def processes(self, rows: Column) -> list[int]:
        """`Operation.process` of these rows."""
        return self._source.processes(self._places(rows))

    def __len__(self) -> int:
        return len(self.invoked)

    def __iter__(self) -> Iterator[Operation]:
        if self._made is None:
            self._made = tuple(map(self._source.operation, self._places(np.arange(len(self))).tolist()))
        return iter(self._made)

    @overload
    def __getitem__(self, at: int) -> Operation: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Operation]: ...

    def __getitem__(self, at: int | slice) -> Operation | Sequence[Operation]:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at]) if (at.step or 1) > 0 else tuple(self)[at]
        if self._made is not None:
            return self._made[at]
        return self._source.operation(int(self._places(np.arange(len(self)))[at]))

    def _places(self, rows: Column) -> Column:
        return rows if self._rows is None else self._rows[rows]


class _Events:
    """Operations that are still events."""

    def __init__(self, events: Sequence[Event], invoke: Column, completion: Column) -> None:
        self._events = events
        self._invoke = invoke
        self._completion = completion

    def operation(self, place: int) -> Operation:
        ended = self._completion[place]
        return operation(self._events[self._invoke[place]], self._events[ended] if ended != NONE else None)

    def values(self, places: Column, ok: Mask, read: Mask) -> list[Any]:
        events = self._events
        found = [events[at].value for at in np.where(ok, self._completion[places], self._invoke[places]).tolist()]
        for at in np.flatnonzero(ok & ~read).tolist():
            if found[at] is None:
                found[at] = events[self._invoke[places[at]]].value
        return found

    def actuals(self, places: Column) -> list[Any]:
        events = self._events
        return [events[at].actual for at in self._completion[places].tolist()]

    def processes(self, places: Column) -> list[Any]:
        events = self._events
        return [events[at].process for at in self._invoke[places].tolist()]


class _Made:
    """Operations that are there."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self.operation: Callable[[int], Operation] = operations.__getitem__

    def values(self, places: Column, ok: Mask, read: Mask) -> list[Any]:
        return [self._operations[at].value for at in places.tolist()]

    def actuals(self, places: Column) -> list[Any]:
        completions = (self._operations[at].completion for at in places.tolist())
        return [completion.actual for completion in completions if completion is not None]

    def processes(self, places: Column) -> list[int]:
        return [self._operations[at].process for at in places.tolist()]


_Source = _Events | _Made


def _indexes(events: Sequence[Event]) -> Column:
    """They ascend; so where the last one is right, all are."""
    if events and events[-1].index == len(events) - 1:
        return np.arange(len(events))
    return np.fromiter(map(_INDEX, events), np.int64, len(events))


def _codes(types: Iterable[EventType], length: int) -> Column:
    """By identity: an EventType hashes at the speed of Python."""
    invoke, ok, fail = EventType.INVOKE, EventType.OK, EventType.FAIL
    codes = (INVOKE if t is invoke else OK if t is ok else FAIL if t is fail else INFO for t in types)
    return np.fromiter(codes, np.int64, length)


def _pairs(events: Sequence[Event], types: Column) -> tuple[Column, Column]:
    """The positions of all invocations, and of their completions (NONE where there is none)."""
    names = Names()
    process = names.numbers(map(_PROCESS, events))
    client = np.array([isinstance(name, int) for name in names.all()], np.bool_)
    if any(not isinstance(name, int) and name != "nemesis" for name in names.all()):
        raise Unpaired
    position = np.flatnonzero(client[process]) if len(client) else np.zeros(0, np.int64)
    process = process[position].astype(np.int32)
    order = np.argsort(process, kind="stable")
    position, process = position[order], process[order]
    begins = types[position] == INVOKE
    follows = np.zeros(len(order), np.bool_)
    follows[1:] = process[1:] == process[:-1]
    after_invoke = follows.copy()
    after_invoke[1:] &= begins[:-1]
    if np.any(begins & after_invoke) or np.any(~begins & ~after_invoke):
        raise Unpaired
    at = np.flatnonzero(begins)
    completion = np.full(len(at), NONE, np.int64)
    has = np.zeros(len(at), np.bool_)
    inside = at + 1 < len(order)
    has[inside] = after_invoke[at[inside] + 1]
    completion[has] = position[at[has] + 1]
    invoke = position[at]
    order = np.argsort(invoke, kind="stable")
    return invoke[order], completion[order]
