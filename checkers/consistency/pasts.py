"""What each read must have seen, level by level, as wishes to the order of the writes (`write_order.Wanted`).

One pass over the steps, sources before their reads. What a step knows of others is a vector clock: for each session,
how many of its steps precede this one by session order and reads-from. Clocks are kept only for sessions that go on
and for writes that will still be read, so memory does not grow with the length of the history times the sessions.

The past of a read, with `clock` as it is when the read has joined its source's:

- causal: a write at position i of session s, if i < clock[s].
- monotonic writes: i < seen[s], where seen holds the position of the latest source from s, over the reads that this
  session got from this node.
- writes follow reads: a write that some session s read at a position < view[s], where view is the join of the clocks of
  these sources. (The positions that a write reaches by "read before it by its session", again and again, are just those
  of the causal clock; but of the steps there only the sources of reads count, not the writes.)

Wishes that time grants anyway are left out: candidates for a read are the writes to its key that had not returned when
its source was invoked, and that were invoked before the read returned. There are about as many as writes overlap, and
as versions the read lags behind. All pasts are parts of the causal one, so that is asked of all candidates at once, and
the others of what it leaves.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from checkers.checker import Budget
from checkers.consistency.levels import Level
from checkers.consistency.record import INITIAL, Record
from checkers.consistency.write_order import Wanted
from checkers.history import PENDING, READS

Clock = npt.NDArray[np.int32]

_SPEND_EVERY = 2048


class Circular(Exception):
    """Session order and reads-from alone run in a circle."""


class KeyWrites:
    """The writes of one key by invocation; unknown ones, which never returned, after all others."""

    def __init__(self, record: Record, numbers: Sequence[int], sessions: Sequence[int]) -> None:
        returned = [record.steps[number].operation.returned for number in numbers]
        known = [number for number, end in zip(numbers, returned, strict=True) if end != PENDING]
        ordered = [*known, *(number for number, end in zip(numbers, returned, strict=True) if end == PENDING)]
        self.invoked = [record.steps[number].operation.invoked for number in known]
        self.latest_return = list(accumulate((end for end in returned if end != PENDING), max))
        """Of the writes so far."""
        self._known = len(known)
        self._numbers = np.array(ordered, dtype=np.int64)
        self._positions = np.array([record.position[number] for number in ordered], dtype=np.int32)
        self._sessions = np.array([sessions[number] for number in ordered], dtype=np.int32)

    def inside(self, clock: Clock, begin: int, end: int) -> list[int]:
        """Of the writes from `begin` to `end`, and the unknown ones, those that a clock knows."""
        found: list[int] = []
        for part in (slice(begin, end), slice(self._known, None)):
            if part.start != part.stop and part.start < len(self._numbers):
                within = self._positions[part] < clock[self._sessions[part]]
                found += self._numbers[part][within].tolist()
        return found


@dataclass(slots=True)
class View:
    """What the reads of one session from one node brought along."""

    seen: dict[int, int]
    clock: Clock


class Pasts:
    """`run` fills `wanted` for the levels that were asked for."""

    def __init__(self, record: Record, levels: Collection[Level], budget: Budget) -> None:
        self.wanted: dict[Level, dict[tuple[int, int], Wanted]] = {level: {} for level in levels}
        self._record = record
        self._budget = budget
        self._width = len(record.sessions)
        index = {session: at for at, session in enumerate(record.sessions)}
        self._sessions = [index[step.session] for step in record.steps]
        self._keys = _key_writes(record, self._sessions)
        self._readers_left, self._readers = _readers(record)
        self._session_clock: dict[int, Clock] = {}
        self._write_clock: dict[int, Clock] = {}
        self._views: dict[int, dict[object, View]] = {}
        self._last_write: dict[tuple[int, str | None], int] = {}
        self._last_source: dict[tuple[int, str | None], int] = {}
        self._state_based = Level.MONOTONIC_WRITES in levels or Level.WRITES_FOLLOW_READS in levels
        self._clocks = Level.CAUSAL in levels or self._state_based

    def run(self) -> None:
        """Raises Circular."""
        for count, number in enumerate(causal_order(self._record)):
            if count % _SPEND_EVERY == 0:
                self._budget.spend()
            self._step(number)

    def _step(self, number: int) -> None:
        step, session = self._record.steps[number], self._sessions[number]
        source = self._record.source.get(number)
        if self._clocks and source is not None:
            self._join(number, session, source)
        if source is not None:
            self._ask(number, session, source)
            self._last_source[session, step.key] = source
        if step.writes is not None:
            self._last_write[session, step.key] = number
        if self._clocks:
            self._go_on(number, session, source)

    def _join(self, number: int, session: int, source: int) -> None:
        if source == INITIAL:
            return
        known = self._write_clock[source]
        own = self._session_clock.get(session)
        self._session_clock[session] = known.copy() if own is None else np.maximum(own, known, out=own)
        if self._state_based and self._record.steps[number].operation.f in READS:
            view = self._view(number, session)
            writer, position = self._sessions[source], self._record.position[source]
            view.seen[writer] = max(view.seen.get(writer, -1), position)
            np.maximum(view.clock, known, out=view.clock)

    def _view(self, number: int, session: int) -> View:
        views, server = self._views.setdefault(session, {}), server_of(self._record, number)
        view = views.get(server)
        if view is None:
            view = views[server] = View({}, np.zeros(self._width, dtype=np.int32))
        return view

    def _go_on(self, number: int, session: int, source: int | None) -> None:
        own = self._session_clock.get(session)
        if own is None:
            own = self._session_clock[session] = np.zeros(self._width, dtype=np.int32)
        own[session] = self._record.position[number] + 1
        if self._readers_left.get(number):
            self._write_clock[number] = own.copy()
        if source is not None and source != INITIAL:
            self._readers_left[source] -= 1
            if not self._readers_left[source]:
                del self._write_clock[source]
        steps = self._record.sessions[self._record.steps[number].session]
        if number == steps[-1]:
            del self._session_clock[session]
            self._views.pop(session, None)

    def _ask(self, number: int, session: int, source: int) -> None:
        key = self._record.steps[number].key
        self._want(Level.READ_YOUR_WRITES, self._last_write.get((session, key)), source, number)
        self._want(Level.MONOTONIC_READS, self._last_source.get((session, key), INITIAL), source, number)
        writes, clock = self._keys.get(key), self._session_clock.get(session)
        if writes is not None and clock is not None:
            known = self._known(writes, number, source, clock)
            for first in known:
                self._want(Level.CAUSAL, first, source, number)
            if self._state_based and self._record.steps[number].operation.f in READS:
                self._ask_view(known, number, source, self._view(number, session))

    def _ask_view(self, known: Sequence[int], number: int, source: int, view: View) -> None:
        for first in known:
            if self._record.position[first] < view.seen.get(self._sessions[first], -1):
                self._want(Level.MONOTONIC_WRITES, first, source, number)
            if any(at < view.clock[reader] for reader, at in self._readers.get(first, {}).items()):
                self._want(Level.WRITES_FOLLOW_READS, first, source, number)

    def _known(self, writes: KeyWrites, number: int, source: int, clock: Clock) -> list[int]:
        """The candidates in the causal past of a read, `clock`."""
        end = bisect_left(writes.invoked, self._record.steps[number].operation.returned)
        if source == INITIAL:
            return writes.inside(clock, 0, end)
        since = self._record.steps[source].operation.invoked
        found = writes.inside(clock, bisect_right(writes.latest_return, since), end)
        return [first for first in found if self._record.steps[first].operation.returned > since]

    def _want(self, level: Level, first: int | None, then: int, read: int) -> None:
        wanted = self.wanted.get(level)
        if wanted is None or first is None or first in (INITIAL, then, read):
            return
        wanted.setdefault((first, then), Wanted(first, then, read))


def server_of(record: Record, number: int) -> object:
    """What answered a read: the node and its life; a read during which a node was stopped or started stands alone."""
    operation = record.steps[number].operation
    life = bisect_left(record.restarts, operation.invoked)
    if bisect_left(record.restarts, operation.returned) != life:
        return number
    return operation.completion.node if operation.completion is not None else None, life


def _key_writes(record: Record, sessions: Sequence[int]) -> dict[str | None, KeyWrites]:
    keys: dict[str | None, list[int]] = {}
    for number, step in enumerate(record.steps):
        if step.writes is not None:
            keys.setdefault(step.key, []).append(number)
    return {key: KeyWrites(record, numbers, sessions) for key, numbers in keys.items()}


def _readers(record: Record) -> tuple[dict[int, int], dict[int, dict[int, int]]]:
    """For each write: how many steps read it; and the session that read it -> the first position where it did."""
    index = {session: at for at, session in enumerate(record.sessions)}
    count: dict[int, int] = {}
    first: dict[int, dict[int, int]] = {}
    for read, source in sorted(record.source.items()):
        count[source] = count.get(source, 0) + 1
        first.setdefault(source, {}).setdefault(index[record.steps[read].session], record.position[read])
    return count, first


def causal_order(record: Record) -> Iterator[int]:
    """The steps, each after what its session did before and after its source; else by invocation. Raises Circular."""
    after: dict[int, list[int]] = {}
    missing = [0] * len(record.steps)
    for own in record.sessions.values():
        for number in own[1:]:
            missing[number] += 1
    for read, source in record.source.items():
        if source != INITIAL:
            after.setdefault(source, []).append(read)
            missing[read] += 1
    ready = [number for number, count in enumerate(missing) if not count]
    done = 0
    while ready:
        number = heapq.heappop(ready)
        done += 1
        yield number
        own = record.sessions[record.steps[number].session]
        at = record.position[number] + 1
        for following in (*own[at : at + 1], *after.get(number, ())):
            missing[following] -= 1
            if not missing[following]:
                heapq.heappush(ready, following)
    if done < len(record.steps):
        raise Circular
