"""What a set's reads say about each of its elements, in one pass over the events.

Of an element there is evidence that it was in the set: an add that was acknowledged, or a read that saw it. A read that
does not see it contradicts such evidence if the evidence was complete before the read began, and no remove can have
come between: none that was invoked before the read was answered, and that had not already been acknowledged before the
evidence began. It is enough to keep the evidence that began last, and the remove that was acknowledged last (an unknown
one never is: it may still happen).

Removes and sights of an element contradict each other in the same way, with add and remove exchanged.

All elements are looked at together, as arrays by the element's number, in the order in which they were first added. So
a read costs as much as the elements that there are, in machine code.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checkers.canonical import canonical
from checkers.checker import Budget
from checkers.events import EventType
from checkers.history import PENDING, Operation

Numbers = NDArray[np.int64]
Scope = slice | Numbers
NEVER: Final = -1
NOTHING: Final = -2
"""Before everything, also before NEVER."""
NO_TIME: Final = -1


class _Open(NamedTuple):
    """A read that has begun: which elements it may contradict, and what was known of them then."""

    scope: Scope
    present_since: Numbers
    absent_since: Numbers | None


class Sightings:
    """Of one set. Public arrays hold, for each element, event indexes, or NEVER."""

    def __init__(self, operations: Sequence[Operation], budget: Budget) -> None:
        self.operations = [op for op in operations if op.outcome is not EventType.FAIL]
        self.numbers = _numbered(self.operations)
        size = len(self.numbers)
        self.reads = 0
        self.known = np.full(size, PENDING)
        """When it was first acknowledged or seen."""
        self.known_ns = np.full(size, NO_TIME)
        self.last_seen = np.full(size, NEVER)
        """The last answer that had it."""
        self.last_seen_ns = np.full(size, NO_TIME)
        self.last_missing = np.full(size, NEVER)
        """The last read that began when it was there for certain, and that did not see it."""
        self.last_missing_ns = np.full(size, NO_TIME)
        self.last_absent = np.full(size, NEVER)
        """The last answer that did not have it. Kept only where something was removed."""
        self.last_haunting = np.full(size, NEVER)
        """The last read that began when it was gone for certain, and that saw it."""
        self.unexpected: dict[Hashable, tuple[Any, Operation]] = {}
        """Elements that nobody had added by the end of the read that saw them: as seen, and the first such read."""
        self.repeated: list[Operation] = []
        """Reads that had an element twice."""
        self.removes = any(op.f == "remove" for op in self.operations)
        self._present_since, self._absent_since = np.full(size, NEVER), np.full(size, NEVER)
        self._added_until, self._removed_until = np.full(size, NOTHING), np.full(size, NOTHING)
        self._started = 0
        self._open: dict[int, _Open] = {}
        self._sweep(budget)

    def _sweep(self, budget: Budget) -> None:
        moments = [(op.invoked, False, op) for op in self.operations]
        moments += [(op.returned, True, op) for op in self.operations if op.outcome is EventType.OK]
        moments.sort(key=lambda moment: moment[0])
        for place, (_, answered, op) in enumerate(moments):
            if place % 1024 == 0:
                budget.spend()
            if op.f in ("add", "remove"):
                (self._changed if answered else self._changes)(op)
            elif op.outcome is EventType.OK:
                (self._answered if answered else self._began)(op)

    # Adds and removes.

    def _changes(self, op: Operation) -> None:
        number = self.numbers[canonical(op.value)]
        until = self._added_until if op.f == "add" else self._removed_until
        until[number] = max(until[number], op.returned)
        self._started = max(self._started, number + 1)

    def _changed(self, op: Operation) -> None:
        number = self.numbers[canonical(op.value)]
        since = self._present_since if op.f == "add" else self._absent_since
        since[number] = max(since[number], op.invoked)
        if op.f == "add":
            self._know(np.array([number]), op)

    def _know(self, numbers: Numbers, op: Operation) -> None:
        assert op.completion is not None
        news = numbers[self.known[numbers] == PENDING]
        self.known[news], self.known_ns[news] = op.returned, op.completion.time

    # Reads.

    def _began(self, op: Operation) -> None:
        scope: Scope = slice(0, self._started)
        if op.f == "contains":
            number = self.numbers.get(canonical(op.value[0]), NEVER)
            scope = np.array([number] if number != NEVER else [], dtype=np.int64)
        gone = self._absent_since[scope].copy() if self.removes else None
        self._open[op.invoked] = _Open(scope, self._present_since[scope].copy(), gone)

    def _answered(self, op: Operation) -> None:
        begun = self._open.pop(op.invoked)
        elements = op.value if op.f == "read" else [op.value[0]] if op.value[1] else []
        seen = self._seen(op, elements)
        mask = np.zeros(len(self.numbers), dtype=bool)
        mask[seen] = True
        self.reads += 1
        self._missing(op, begun, ~mask[begun.scope])
        self._saw(op, begun, seen)

    def _seen(self, op: Operation, elements: Sequence[Any]) -> Numbers:
        """The numbers of what was seen, without what nobody had added by then."""
        names = elements if set(map(type, elements)) <= {int, str} else list(map(canonical, elements))
        numbers = np.fromiter(map(self.numbers.get, names, repeat(NEVER)), np.int64, len(names))
        if len(set(names)) < len(names):
            self.repeated.append(op)
        unheard = (
            (numbers == NEVER) | (self._added_until[numbers] == NOTHING) if len(self.numbers) else numbers == NEVER
        )
        for place in np.flatnonzero(unheard).tolist():
            self.unexpected.setdefault(names[place], (elements[place], op))
        heard: Numbers = numbers[~unheard]
        return heard

    def _missing(self, op: Operation, begun: _Open, absent: NDArray[np.bool_]) -> None:
        if not absent.any():
            return
        since, removed = begun.present_since, self._removed_until[begun.scope]
        missing = absent & (since != NEVER) & (removed < since)
        if missing.any():
            numbers = _chosen(begun.scope, missing)
            later = numbers[self.last_missing[numbers] < op.invoked]
            self.last_missing[later], self.last_missing_ns[later] = op.invoked, op.invoke.time
        if self.removes:
            numbers = _chosen(begun.scope, absent)
            self.last_absent[numbers] = np.maximum(self.last_absent[numbers], op.returned)
            plain = _chosen(begun.scope, absent & ~missing)
            self._absent_since[plain] = np.maximum(self._absent_since[plain], op.invoked)

    def _saw(self, op: Operation, begun: _Open, seen: Numbers) -> None:
        assert op.completion is not None
        if self.removes and begun.absent_since is not None:
            gone = np.full(len(self.numbers), NEVER)
            gone[begun.scope] = begun.absent_since
            haunting = seen[(gone[seen] != NEVER) & (self._added_until[seen] < gone[seen])]
            self.last_haunting[haunting] = np.maximum(self.last_haunting[haunting], op.invoked)
            seen = np.setdiff1d(seen, haunting)
        self._know(seen, op)
        self._present_since[seen] = np.maximum(self._present_since[seen], op.invoked)
        self.last_seen[seen], self.last_seen_ns[seen] = op.returned, op.completion.time


def _numbered(operations: Iterable[Operation]) -> dict[Hashable, int]:
    """Elements in the order in which they were first added (or asked to be removed)."""
    changed = (canonical(op.value) for op in operations if op.f in ("add", "remove"))
    return {element: number for number, element in enumerate(dict.fromkeys(changed))}


def _chosen(scope: Scope, mask: NDArray[np.bool_]) -> Numbers:
    """The numbers of the elements of the scope that the mask chooses. A scope that is a slice begins at 0."""
    return np.flatnonzero(mask) if isinstance(scope, slice) else scope[mask]
