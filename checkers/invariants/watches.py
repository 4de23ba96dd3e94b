"""Watches: every watcher is told the same events, in the same order, none missing, none twice.

A watcher asks for what was written after an index, and is told events: the index at which something was written, and
what. Where it stops nothing is promised, so what one answer shows is the stretch from the index that was asked for to
the last one that was told. In that stretch nothing may be missing that anybody knows of: from another watcher, or from
the answer to the write itself. Catching up is the same from the very beginning, up to the newest write that there was
when it was asked: that must show every write that had been acknowledged by then.

What is judged:

- the indexes of an answer grow, and none is at or below the index that was asked for (told-twice, out-of-order);
- at one index everybody is told the same, and what was written there (different-events);
- nothing is missing (missed-event);
- what is told was written by somebody, not by a write that certainly failed, and at one index (invented-event,
  written-twice);
- a write that began after another had been acknowledged has a greater index (write-order).

Values are written once. An event that no watcher caught up with cannot be missed: with no catching up that was
answered, the verdict is unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "Every watcher is told the same events in the same order, none is missing, none is told twice."
WATCHES: Final = ("watch", "catch-up")


class Source(NamedTuple):
    """Who says what was written at an index: a watcher, or the answer to the write."""

    operation: Operation
    value: Any


@dataclass(frozen=True)
class WatchedEvents:
    name: str = "watched-events"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        answers, events, caught_up = 0, 0, 0
        for key, operations in by_key(recording.history.operations).items():
            budget.spend()
            feed = _Feed(key, operations, findings)
            feed.judge()
            answers += len(feed.answers)
            events += len(feed.known)
            caught_up += sum(op.f == "catch-up" for op in feed.answers)
        unknown = "nobody watched up to the end" if not caught_up else None if events else "nothing was written"
        return findings.result(
            self.name, PROMISE, operations=answers, unknown=unknown, events=events, answers=answers, caught_up=caught_up
        )


class _Feed:
    """The operations on one key. `known`: index -> who says first what was written there."""

    def __init__(self, key: str | None, operations: Iterable[Operation], findings: Findings) -> None:
        own = list(operations)
        self._key = key
        self._findings = findings
        self._writes = [op for op in own if op.f == "write"]
        self.answers = [op for op in own if op.f in WATCHES and op.outcome is EventType.OK]
        self.known: dict[int, Source] = {}

    def judge(self) -> None:
        self._judge_writes()
        for op in self.answers:
            self._judge_order(op)
            self._judge_same(op)
        self._judge_origin()
        indexes = sorted(self.known)
        for op in self.answers:
            self._judge_missing(op, indexes)

    def _judge_writes(self) -> None:
        """Their indexes, in the order of real time."""
        answered = [op for op in self._writes if op.outcome is EventType.OK and _index(op) is not None]
        for op in answered:
            self._learn(_at(op), Source(op, op.value))
        for op, highest in _highest_before(answered):
            if _at(highest) >= _at(op):
                self._add(
                    "write-order",
                    f"{value(op.value)} was written at index {_at(op)}, by a write that began after the write of "
                    f"{value(highest.value)}, at index {_at(highest)}, had been acknowledged",
                    op,
                    highest,
                )

    def _judge_order(self, op: Operation) -> None:
        last, seen = _after(op), set[int]()
        for index, told in _told(op):
            if index <= last:
                again = index in seen or index <= _after(op)
                self._add(
                    "told-twice" if again else "out-of-order",
                    f"process {op.process}, watching from index {_after(op)}, was told {value(told)} of index {index} "
                    f"{at(answered_ns(op))}, after what is of index {last}",
                    op,
                )
            seen.add(index)
            last = max(last, index)

    def _judge_same(self, op: Operation) -> None:
        for index, told in _told(op):
            self._learn(index, Source(op, told))

    def _learn(self, index: int, source: Source) -> None:
        first = self.known.setdefault(index, source)
        if canonical(first.value) != canonical(source.value):
            self._add(
                "different-events",
                f"at index {index} stands {value(first.value)} by {_who(first.operation)}, and {value(source.value)} "
                f"by {_who(source.operation)}",
                first.operation,
                source.operation,
            )

    def _judge_origin(self) -> None:
        written = {canonical(op.value): op for op in self._writes}
        first: dict[Any, int] = {}
        for index in sorted(self.known):
            source = self.known[index]
            write = written.get(canonical(source.value))
            if write is None or write.outcome is EventType.FAIL:
                how = "which nobody wrote" if write is None else "whose write certainly failed"
                self._add(
                    "invented-event",
                    f"at index {index} stands {value(source.value)} by {_who(source.operation)}, {how}",
                    source.operation,
                    *([] if write is None else [write]),
                )
            elif first.setdefault(canonical(source.value), index) != index:
                other = first[canonical(source.value)]
                self._add(
                    "written-twice",
                    f"{value(source.value)} stands at index {other} and again at index {index}, and was written once",
                    self.known[other].operation,
                    source.operation,
                )

    def _judge_missing(self, op: Operation, indexes: Sequence[int]) -> None:
        """Everything that is known between where it began and the last that it was told; of catching up, everything
        that had been acknowledged before it began."""
        told = {index for index, _ in _told(op)}
        end = max(told, default=_after(op))
        if op.f == "catch-up":
            end = max([end, *(index for index, source in self.known.items() if _acknowledged(source, op))])
        for index in indexes[bisect_right(indexes, _after(op)) : bisect_right(indexes, end)]:
            if index not in told:
                source = self.known[index]
                self._add(
                    "missed-event",
                    f"process {op.process}, watching from index {_after(op)} {_where(op)}, was told events up to index "
                    f"{max(told, default=_after(op))} {at(answered_ns(op))}, and not that {value(source.value)} was "
                    f"written at index {index}, as {_who(source.operation)} shows",
                    source.operation,
                    op,
                )

    def _add(self, kind: str, text: str, *operations: Operation) -> None:
        def tell() -> Told:
            return text, operations

        self._findings.add(kind, tell, key=self._key)


def _index(op: Operation) -> int | None:
    return op.completion.log_index if op.completion is not None else None


def _at(op: Operation) -> int:
    index = _index(op)
    assert index is not None
    return index


def _after(op: Operation) -> int:
    """The index after which it watched."""
    asked = op.invoke.value
    return asked if op.f == "watch" and type(asked) is int else 0


def _told(op: Operation) -> list[tuple[int, Any]]:
    return [(index, told) for index, told in op.value or ()]


def _acknowledged(source: Source, before: Operation) -> bool:
    write = source.operation
    return write.f == "write" and write.returned < before.invoked


def _highest_before(writes: Sequence[Operation]) -> Iterator[tuple[Operation, Operation]]:
    """Each write, with the one of the greatest index of those acknowledged before it began."""
    ended = sorted(writes, key=lambda op: op.returned)
    highest: Operation | None = None
    place = 0
    for op in sorted(writes, key=lambda op: op.invoked):
        while place < len(ended) and ended[place].returned < op.invoked:
            if highest is None or _at(ended[place]) > _at(highest):
                highest = ended[place]
            place += 1
        if highest is not None:
            yield op, highest


def _who(op: Operation) -> str:
    if op.f == "write":
        return f"the answer to process {op.process}'s write of it {at(answered_ns(op))}"
    return f"what process {op.process} was told {at(answered_ns(op))}"


def _where(op: Operation) -> str:
    node = op.completion.node if op.completion is not None else None
    return f"on {node}" if node else "somewhere"
