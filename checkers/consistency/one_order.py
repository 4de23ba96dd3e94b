"""One order of everything, built step by step: a witness, or what stands in the way of one.

Steps are taken one after another. A step may be taken when what its session did before it, its source, and all writes
that are wanted before it have been taken, and, if it is a write, when no write is left that had returned before it was
invoked. If nothing can be taken, those left precede each other in a circle, and no order exists.

Some readers are *strict*: they must be taken while their source is the last write to the key, so no other write to it
is taken before they are. For causal consistency these are the compare-and-sets, for sequential consistency all that
read. With strict readers a choice of the next write may turn out to have been wrong, so getting stuck proves nothing
then; an order that was found is right all the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from checkers.checker import Budget
from checkers.consistency.record import INITIAL, Record, is_write
from checkers.consistency.write_order import Circle, Wanted
from checkers.sequential.steps import Step

_SPEND_EVERY: Final = 2048


def no_reader(_: Step) -> bool:
    return False


def every_reader(step: Step) -> bool:
    return step.reads is not None


def only_writes(step: Step) -> bool:
    return step.reads is not None and is_write(step)


@dataclass
class _Key:
    holder: int = INITIAL
    value: bytes | None = None
    """None: the initial value."""
    unread: int = 0
    """Strict readers of the holder that are left."""
    waiting: dict[int | None, list[int]] = field(default_factory=dict)
    """Source -> strict readers that wait for it to hold the key; None: those that wait for a value."""
    writers: list[tuple[int, int]] = field(default_factory=list)
    """A heap by rank: writes that wait until all is read."""
    replacement: int | None = None
    """The compare-and-set that waits until all others have read the holder."""


class OneOrder:
    """`also`: more pairs of which the first must come before the second."""

    def __init__(
        self,
        record: Record,
        wanted: Iterable[Wanted],
        initial: bytes,
        *,
        strict: Callable[[Step], bool] = no_reader,
        also: Iterable[tuple[int, int]] = (),
    ) -> None:
        self._record = record
        self._initial = initial
        self._strict = [strict(step) for step in record.steps]
        self._wanted = [each for each in wanted if each.then != INITIAL]
        self._after: list[list[int]] = [[] for _ in record.steps]
        self._missing = [0] * len(record.steps)
        self._keys: dict[str | None, _Key] = {}
        self._strict_readers: dict[int, int] = {}
        self.order: list[int] = []
        self._rank = _ranks(record)
        self._connect()
        for before, number in also:
            self._precedes(before, number)
        self._writes = [number for number, step in enumerate(record.steps) if is_write(step)]
        self._returns = [(record.steps[number].operation.returned, number) for number in self._writes]
        heapq.heapify(self._returns)
        self._taken = [False] * len(record.steps)
        self._early: list[tuple[int, int]] = []
        """Writes that may be taken but for time: by invocation."""
        self._awaited: set[int] = set()
        self._in_time: set[int] = set()
        """Writes that have been in `_ready`."""
        self._ready: list[tuple[int, int]] = []
        """By rank. Reads come first: they are in the way of writes, and never the other way round."""

    def _connect(self) -> None:
        for own in self._record.sessions.values():
            for before, number in pairwise(own):
                self._precedes(before, number)
        for read, source in self._record.source.items():
            key = self._keys.setdefault(self._record.steps[read].key, _Key())
            if source != INITIAL:
                self._precedes(source, read)
                self._strict_readers[source] = self._strict_readers.get(source, 0) + self._strict[read]
            else:
                key.unread += self._strict[read]
        for each in self._wanted:
            self._precedes(each.first, each.then)

    def _precedes(self, before: int, number: int) -> None:
        self._after[before].append(number)
        self._missing[number] += 1

    def run(self, budget: Budget) -> bool:
        """Whether all steps could be taken; `order` holds them."""
        for number, missing in enumerate(self._missing):
            if not missing:
                self._offer(number)
        while (chosen := self._next()) is not None:
            if len(self.order) % _SPEND_EVERY == 0:
                budget.spend()
            self._take(chosen)
        return len(self.order) == len(self._record.steps)

    def _offer(self, number: int) -> None:
        step = self._record.steps[number]
        if is_write(step):
            heapq.heappush(self._early, (step.operation.invoked, number))
        else:
            heapq.heappush(self._ready, (-1, number))

    def _next(self) -> int | None:
        while True:
            self._let_time_pass()
            if not self._ready:
                return None
            _, number = heapq.heappop(self._ready)
            key = self._keys.setdefault(self._record.steps[number].key, _Key())
            if self._taken[number]:
                continue
            if not self._reads_fit(number, key):
                self._await(number, key)
            elif self._record.steps[number].writes is None or not key.unread:
                return number
            elif not (self._strict[number] and number in self._record.source):
                heapq.heappush(key.writers, (self._rank[number], number))
            elif key.unread == 1:
                return number
            else:
                key.replacement = number

    def _await(self, number: int, key: _Key) -> None:
        """The source of a read that waits is tried before other writes."""
        source = self._record.source.get(number)
        key.waiting.setdefault(source, []).append(number)
        if source is not None and source != INITIAL:
            self._awaited.add(source)
            if source in self._in_time:
                heapq.heappush(self._ready, (-1, source))

    def _let_time_pass(self) -> None:
        while self._returns and self._taken[self._returns[0][1]]:
            heapq.heappop(self._returns)
        while self._early and self._early[0][0] < self._returns[0][0]:
            _, number = heapq.heappop(self._early)
            self._in_time.add(number)
            heapq.heappush(self._ready, (-1 if number in self._awaited else self._rank[number], number))

    def _reads_fit(self, number: int, key: _Key) -> bool:
        if not self._strict[number]:
            return True
        source = self._record.source.get(number)
        if source is not None:
            return key.holder == source
        step = self._record.steps[number]
        future = key.holder != INITIAL and self._record.steps[key.holder].operation.invoked > step.operation.returned
        return (self._initial if key.value is None else key.value) == step.reads and not future

    def _take(self, number: int) -> None:
        step = self._record.steps[number]
        self._taken[number] = True
        self.order.append(number)
        key = self._keys.setdefault(step.key, _Key())
        if self._strict[number] and number in self._record.source:
            key.unread -= 1
        if step.writes is not None:
            key.holder, key.value, key.unread = number, step.writes, self._strict_readers.get(number, 0)
            for waiting in (*key.waiting.pop(number, ()), *key.waiting.pop(None, ())):
                self._wake(waiting)
        self._wake_writers(key)
        for following in self._after[number]:
            self._missing[following] -= 1
            if not self._missing[following]:
                self._offer(following)

    def _wake(self, number: int) -> None:
        first = number in self._awaited or not is_write(self._record.steps[number])
        rank = -1 if first else self._rank[number]
        heapq.heappush(self._ready, (rank, number))

    def _wake_writers(self, key: _Key) -> None:
        if key.unread == 1 and key.replacement is not None:
            self._wake(key.replacement)
            key.replacement = None
        while key.writers and self._taken[key.writers[0][1]]:
            heapq.heappop(key.writers)
        if not key.unread and key.writers:
            self._wake(heapq.heappop(key.writers)[1])

    def circle(self) -> Circle:
        """After `run` was false, without strict readers: steps that precede each other in a circle."""
        before = self._predecessors()
        seen: dict[int, int] = {}
        path: list[int] = []
        number = next(iter(before))
        while number not in seen:
            seen[number] = len(path)
            path.append(number)
            number = before[number]
        members = path[seen[number] :]
        pairs = set(zip([*members[1:], members[0]], members, strict=True))
        return Circle(members, [each for each in self._wanted if (each.first, each.then) in pairs])

    def _predecessors(self) -> dict[int, int]:
        left = [number for number in range(len(self._taken)) if not self._taken[number]]
        before = {after: number for number in left for after in self._after[number]}
        earliest = self._returns[0] if self._returns else None
        for number in left:
            if earliest is not None and is_write(self._record.steps[number]) and number not in before:
                before[number] = earliest[1]
        return before


def _ranks(record: Record) -> list[int]:
    """When each step was over as far as others can tell: a write that was acknowledged or read first was probably
    first."""
    ranks = [step.operation.returned for step in record.steps]
    for read, source in record.source.items():
        if source != INITIAL:
            ranks[source] = min(ranks[source], record.steps[read].operation.returned)
    return ranks
