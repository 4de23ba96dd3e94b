"""The levels by their definitions, word for word: every order of the writes, every source that a read may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from checkers.canonical import canonical
from checkers.consistency.levels import SESSION_GUARANTEES, Level
from checkers.events import EventType
from checkers.history import READS, History, Operation

Sources = Mapping[int, int | None]
"""Reading operation (by its invocation) -> the write that it read from, None for the initial value."""


class Brute:
    """`holds` answers for every level but eventual."""

    def __init__(self, history: History, restarts: Sequence[int] = ()) -> None:
        self.restarts = restarts
        self.all = [op for op in history.operations if op.outcome is not EventType.FAIL]
        self.sessions = sessions(history.operations)
        self.reading = [op for op in self.all if _saw(op) and op.outcome is EventType.OK]

    def holds(self) -> dict[Level, bool]:
        found = dict.fromkeys([*SESSION_GUARANTEES, Level.CAUSAL], False)
        for kept in self._kept():
            for sources in self._sources(kept):
                for order in self._orders(kept):
                    for level in found:
                        found[level] = found[level] or self._explains(level, kept, sources, order)
        return {
            Level.LINEARIZABLE: any(self._one_order(kept, True) for kept in self._kept()),
            Level.SEQUENTIAL: any(self._one_order(kept, False) for kept in self._kept()),
            **found,
        }

    def _kept(self) -> Iterator[list[Operation]]:
        """Certain operations, and any of the unknown writes."""
        unknown = [op for op in self.all if op.outcome is EventType.INFO and op.f not in READS]
        certain = [op for op in self.all if op.outcome is EventType.OK]
        for choice in product([False, True], repeat=len(unknown)):
            chosen = [op for op, taken in zip(unknown, choice, strict=True) if taken]
            yield sorted([*certain, *chosen], key=lambda op: op.invoked)

    def _sources(self, kept: Sequence[Operation]) -> Iterator[Sources]:
        reading = [op for op in kept if _saw(op)]
        for choice in product(*(self._possible_sources(op, kept) for op in reading)):
            yield dict(zip((op.invoked for op in reading), choice, strict=True))

    def _possible_sources(self, op: Operation, kept: Sequence[Operation]) -> list[int | None]:
        value = canonical(_value_seen(op))
        written = [w for w in kept if w is not op and w.key == op.key and _writes(w) and canonical(_value(w)) == value]
        begun = [w.invoked for w in written if w.invoked < op.returned]
        return [*begun, *([None] if value is None else [])]

    def _orders(self, kept: Sequence[Operation]) -> Iterator[list[int]]:
        """Linearizations of the writes."""
        yield from _interleavings([op for op in kept if op.f not in READS], [], {}, _in_time)

    def _one_order(self, kept: Sequence[Operation], all_in_time: bool) -> bool:
        """Whether all operations together have an order; of reads only the session's own unless `all_in_time`."""

        def may_come(op: Operation, rest: Sequence[Operation]) -> bool:
            own = [other for other in rest if self.sessions[other.invoked] == self.sessions[op.invoked]]
            if any(other.invoked < op.invoked for other in own):
                return False
            if all_in_time:
                return _in_time(op, rest)
            return op.f in READS or _in_time(op, [other for other in rest if other.f not in READS])

        return next(_interleavings(kept, [], {}, may_come), None) is not None

    def _explains(self, level: Level, kept: Sequence[Operation], sources: Sources, order: Sequence[int]) -> bool:
        place = {number: at for at, number in enumerate(order)}
        if not self._writes_read_what_is_there(kept, sources, order):
            return False
        if level is Level.CAUSAL:
            past = self._causal_past(kept, sources)
            if any(v in place and w in place and place[v] > place[w] for w in past for v in past[w]):
                return False
        for op in kept:
            if op.invoked not in sources:
                continue
            seen = past[op.invoked] if level is Level.CAUSAL else self._past(level, op, kept, sources)
            source = sources[op.invoked]
            limit = -1 if source is None else place[source]
            same_key = [w for w in kept if w.invoked in seen and w is not op and w.key == op.key and _writes(w)]
            if any(place[w.invoked] > limit for w in same_key):
                return False
        return True

    def _writes_read_what_is_there(self, kept: Sequence[Operation], sources: Sources, order: Sequence[int]) -> bool:
        """The order replays by value; the chosen sources of compare-and-sets must be those of the replay."""
        by_index = {op.invoked: op for op in kept}
        holder: dict[str | None, int | None] = {}
        for number in order:
            op = by_index[number]
            if number in sources and holder.get(op.key) != sources[number]:
                return False
            if _writes(op):
                holder[op.key] = number
        return True

    def _before(self, op: Operation, kept: Sequence[Operation]) -> list[Operation]:
        return [o for o in kept if o.invoked < op.invoked and self.sessions[o.invoked] == self.sessions[op.invoked]]

    def _past(self, level: Level, op: Operation, kept: Sequence[Operation], sources: Sources) -> set[int]:
        before = self._before(op, kept)
        if level is Level.READ_YOUR_WRITES:
            return {o.invoked for o in before if _writes(o)}
        if level is Level.MONOTONIC_READS:
            return {s for o in before if (s := sources.get(o.invoked)) is not None}
        if op.f not in READS:
            return set()
        same_server = [o for o in [*before, op] if o.f in READS and (o is op or self._server(o) == self._server(op))]
        seen: set[int] = set()
        todo = [s for o in same_server if (s := sources[o.invoked]) is not None]
        by_index = {o.invoked: o for o in kept}
        expanded: set[int] = set()
        while todo:
            write = by_index[todo.pop()]
            if write.invoked in expanded:
                continue
            expanded.add(write.invoked)
            own = self._before(write, kept)
            if level is Level.MONOTONIC_WRITES:
                seen |= {o.invoked for o in own if _writes(o)}
            else:
                read = {s for o in [*own, write] if (s := sources.get(o.invoked)) is not None}
                seen |= read
                todo += read
        return seen

    def _server(self, op: Operation) -> Any:
        begin = sum(at < op.invoked for at in self.restarts)
        end = sum(at < op.returned for at in self.restarts)
        assert op.completion is not None
        return op.invoked if begin != end else (op.completion.node, begin)

    def _causal_past(self, kept: Sequence[Operation], sources: Sources) -> dict[int, set[int]]:
        direct = {
            op.invoked: {o.invoked for o in self._before(op, kept)}
            | {s for s in [sources.get(op.invoked)] if s is not None}
            for op in kept
        }
        past = {number: set(before) for number, before in direct.items()}
        for _ in kept:
            for number in past:
                past[number] |= {deeper for before in set(past[number]) for deeper in past[before]}
        return past


def sessions(operations: Sequence[Operation]) -> dict[int, Any]:
    """Invocation -> session: a process until its first unknown operation."""
    lives: dict[int, int] = {}
    found = {}
    for op in operations:
        found[op.invoked] = (op.process, lives.get(op.process, 0))
        lives[op.process] = lives.get(op.process, 0) + (op.outcome is EventType.INFO)
    return found


def _interleavings(
    left: Sequence[Operation], done: list[int], state: dict[Any, Any], may_come: Any
) -> Iterator[list[int]]:
    if not left:
        yield list(done)
    for at, op in enumerate(left):
        rest = [*left[:at], *left[at + 1 :]]
        value, since = state.get(op.key, (None, -1))
        if not may_come(op, rest) or not _possible(op, value) or (_saw(op) and op.returned < since):
            continue
        after = state | {op.key: (_value(op), op.invoked)} if _writes(op) else state
        yield from _interleavings(rest, [*done, op.invoked], after, may_come)


def _in_time(op: Operation, rest: Sequence[Operation]) -> bool:
    return not any(other.returned < op.invoked for other in rest)


def _possible(op: Operation, now: Any) -> bool:
    if op.f in READS:
        return canonical(op.value) == canonical(now)
    if op.f == "cas":
        if op.outcome is EventType.OK and not op.matched:
            return canonical(_value_seen(op)) == canonical(now) != canonical(op.value[0])
        return canonical(op.value[0]) == canonical(now)
    return True


def _saw(op: Operation) -> bool:
    return op.f in READS or op.f == "cas"


def _writes(op: Operation) -> bool:
    return op.f not in READS and (op.f != "cas" or op.outcome is EventType.INFO or op.matched)


def _value(op: Operation) -> Any:
    return op.value[1] if op.f == "cas" else op.value


def _value_seen(op: Operation) -> Any:
    if op.f in READS:
        return op.value
    if op.outcome is EventType.OK and not op.matched:
        assert op.completion is not None
        return op.completion.actual
    return op.value[0]
