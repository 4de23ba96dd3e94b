"""Total queue: what goes in comes out, once. The order in which it comes out is not judged here.

- **Unexpected**: an element came out that nobody had put in by then.
- **Duplicated**: an element came out more often than it can have been put in by then.
- **Lost**: an element was put in (acknowledged), never came out, and yet the queue was seen empty by an operation that
  began afterwards: a dequeue that found nothing, or a drain. Without such a sight of emptiness the element may be in
  the queue still, and the answer is unknown.

An unknown enqueue may have put its element in, or may do so later, or never: it is no loss if it stays away. An unknown
dequeue may have taken one element away that nobody will ever see, and an unknown drain any number. So a set of missing
elements is excused as far as each can be given an unknown dequeue of its own that was invoked before the queue was seen
empty. Each missing element has a deadline, the end of the first sight of emptiness that began after its enqueue was
acknowledged, and every unknown dequeue invoked before a deadline fits. Fits are nested, so giving them out by deadline,
earliest first, excuses as many as can be excused (Hall's theorem), and an element that gets none is lost for certain:
one of those with deadlines up to its own.

Where an element was put in several times, as many dequeues as possible are taken to be of those enqueues that claim
most, which may excuse a loss but never invents one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.invariants.findings import Findings, Told, answered_ns, times
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "Every element that was put in comes out, once, and nothing else does."


class Missing(NamedTuple):
    """An acknowledged enqueue whose element never came out, and the first sight of emptiness after it."""

    enqueue: Operation
    empty: Operation


@dataclass
class Queue:
    """The operations of one queue."""

    enqueues: dict[Hashable, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    """Of each element, those that did not certainly fail, by invocation."""
    taken: dict[Hashable, list[Operation]] = field(default_factory=lambda: defaultdict(list))
    """Of each element, the dequeues and drains that brought it, once for each time, by answer."""
    empty: list[Operation] = field(default_factory=list)
    """Those that saw the queue empty."""
    unknown_dequeues: list[Operation] = field(default_factory=list)
    unknown_drains: list[Operation] = field(default_factory=list)


@dataclass(frozen=True)
class TotalQueue:
    name: str = "total-queue"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        tally = dict.fromkeys(("enqueued", "dequeued", "recovered", "excused", "unsettled"), 0)
        judged = 0
        for key, operations in by_key(recording.history.operations).items():
            budget.spend()
            queue = read_queue(operations)
            judged += sum(map(len, queue.enqueues.values())) + sum(map(len, queue.taken.values()))
            _judge(key, queue, findings, tally)
        return findings.result(self.name, PROMISE, operations=judged, unknown=_unknown(judged, tally), **tally)


def _unknown(judged: int, tally: dict[str, int]) -> str | None:
    if not judged:
        return "nothing was put into a queue, and nothing came out"
    if tally["unsettled"]:
        count = tally["unsettled"]
        return (
            f"{count:,} acknowledged element{'s' * (count > 1)} never came out, and the queue was not seen empty after"
        )
    return None


def read_queue(operations: Iterable[Operation]) -> Queue:
    queue = Queue()
    for op in operations:
        if op.outcome is EventType.FAIL:
            continue
        if op.f == "enqueue":
            queue.enqueues[canonical(op.value)].append(op)
        elif op.f in ("dequeue", "drain"):
            _take(queue, op)
    for takers in queue.taken.values():
        takers.sort(key=lambda op: op.returned)
    return queue


def _take(queue: Queue, op: Operation) -> None:
    if op.outcome is EventType.INFO:
        (queue.unknown_dequeues if op.f == "dequeue" else queue.unknown_drains).append(op)
        return
    elements: Sequence[Any] = op.value if op.f == "drain" else [op.value] if op.value is not None else []
    for element in elements:
        queue.taken[canonical(element)].append(op)
    if op.f == "drain" or not elements:
        queue.empty.append(op)


def _judge(key: str | None, queue: Queue, findings: Findings, tally: dict[str, int]) -> None:
    for element, takers in queue.taken.items():
        _judge_taken(key, queue.enqueues.get(element, []), takers, findings)
    missing = []
    sights = _Sights(queue.empty)
    for element, enqueues in queue.enqueues.items():
        known = [op for op in enqueues if op.outcome is EventType.OK]
        out = len(queue.taken.get(element, ()))
        tally["enqueued"] += len(known)
        tally["dequeued"] += out
        tally["recovered"] += max(0, min(out, len(enqueues)) - len(known))
        # Those that claim least stay missing: they were acknowledged last.
        for enqueue in sorted(known, key=lambda op: op.returned)[out:]:
            empty = sights.first_after(enqueue.returned)
            if empty is None:
                tally["unsettled"] += 1
            else:
                missing.append(Missing(enqueue, empty))
    lost = list(_without_excuse(missing, queue))
    tally["excused"] += len(missing) - len(lost)
    for one in lost:
        _lost(findings, key, one)


def _judge_taken(
    key: str | None, enqueues: Sequence[Operation], takers: Sequence[Operation], findings: Findings
) -> None:
    """The n-th that an element came out must come after the n-th that it was sent in. Both lists are in order."""
    for number, taker in enumerate(takers):
        if number < len(enqueues) and enqueues[number].invoked < taker.returned:
            continue
        sent = [op for op in enqueues if op.invoked < taker.returned]
        _too_often(findings, key, sent, takers[: number + 1])


class _Sights:
    """For any event, of the sights of emptiness that began after it, the one that ended first."""

    def __init__(self, empty: Sequence[Operation]) -> None:
        self._by_start = sorted(empty, key=lambda op: -op.invoked)
        self._first: list[Operation] = []
        for op in self._by_start:
            best = self._first[-1] if self._first else op
            self._first.append(min(best, op, key=lambda one: one.returned))

    def first_after(self, index: int) -> Operation | None:
        count = bisect_left(self._by_start, -index, key=lambda op: -op.invoked)
        return self._first[count - 1] if count else None


def _without_excuse(missing: Sequence[Missing], queue: Queue) -> Iterator[Missing]:
    """Those that no unknown dequeue or drain can have taken away."""
    drained_from = min((op.invoked for op in queue.unknown_drains), default=PENDING)
    invoked = sorted(op.invoked for op in queue.unknown_dequeues)
    given = 0
    for one in sorted(missing, key=lambda one: one.empty.returned):
        deadline = one.empty.returned
        if drained_from < deadline:
            return  # and so for all later deadlines
        if given < len(invoked) and invoked[given] < deadline:
            given += 1
        else:
            yield one


def _lost(findings: Findings, key: str | None, one: Missing) -> None:
    def tell() -> Told:
        put, saw = one.enqueue, one.empty
        emptied = "drained the queue" if saw.f == "drain" else "found the queue empty"
        text = (
            f"process {put.process}'s enqueue of {value(put.value)} was acknowledged {at(answered_ns(put))}, the "
            f"element never came out, and process {saw.process} {emptied} {at(answered_ns(saw))}"
        )
        return text, (put, saw)

    findings.add("lost", tell, key=key, element=one.enqueue.value)


def _too_often(findings: Findings, key: str | None, sent: Sequence[Operation], takers: Sequence[Operation]) -> None:
    last = takers[-1]
    element = next((op.value for op in sent), None)

    def tell() -> Told:
        if not sent:
            return f"process {last.process} was given an element {at(answered_ns(last))} that nobody had put in", (
                last,
            )
        text = (
            f"{value(element)} had been put in {times(len(sent))} at most when it came out {times(len(takers))}: the "
            f"last time to process {last.process} {at(answered_ns(last))}"
        )
        return text, (*sent, *takers)

    findings.add("duplicated" if sent else "unexpected", tell, key=key)
