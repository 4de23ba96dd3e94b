"""Exactly once: a request that is sent several times takes effect once, and one that was acknowledged does take effect.

Operations with the same value are attempts at one request: the same client again after a lost answer, or others on its
behalf. Reads list the requests in the order in which they took effect, as often as they did. Then

- **twice**: a read has a request more than once;
- **answered differently**: two attempts were acknowledged with different answers (or at different log indexes), though
  there was one effect to tell of;
- **lost**: a request was acknowledged, a read that began afterwards does not have it, nor has any that ended later;
- **never sent**: a read has a request that nobody had sent by then, or whose attempts all certainly failed.

That a read misses a request at first and a later one has it is a question of how fresh reads are, not of how often a
request took effect; it is counted as stale and judged elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import MOST_LISTED, Findings, Told, answered_ns, times
from checkers.invariants.set_full import Outcomes
from checkers.invariants.sightings import Sightings
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "A request that is sent several times takes effect once, and its answers agree."


@dataclass(frozen=True)
class ExactlyOnce:
    """`request`: the f of the operations that are requests; `read`: of those that list them."""

    request: str = "send"
    read: str = "read"
    name: str = "exactly-once"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        tally = Counter[str]()
        for key, operations in by_key(recording.history.operations).items():
            own = [renamed for op in operations if (renamed := self._renamed(op)) is not None]
            _Requests(key, own, findings, tally).judge(budget)
        return findings.result(
            self.name,
            PROMISE,
            operations=tally["attempts"],
            unknown=None if tally["reads"] else "nothing tells which requests took effect: there are no reads",
            **{name: tally[name] for name in ("requests", "retried", "attempts", "reads", "stale")},
        )

    def _renamed(self, op: Operation) -> Operation | None:
        """Requests are to reads what additions are to those of a set."""
        if op.f == self.read:
            return op if op.f == "read" else msgspec.structs.replace(op, f="read")
        return msgspec.structs.replace(op, f="add", value=op.invoke.value) if op.f == self.request else None


class _Requests:
    """The requests of one object, as additions."""

    def __init__(self, key: str | None, operations: list[Operation], findings: Findings, tally: Counter[str]) -> None:
        self._key = key
        self._operations = operations
        self._findings = findings
        self._tally = tally
        self._attempts: dict[Hashable, list[Operation]] = {}
        for op in operations:
            if op.f == "add":
                self._attempts.setdefault(canonical(op.value), []).append(op)

    def judge(self, budget: Budget) -> None:
        sightings = Sightings(self._operations, budget)
        outcomes = Outcomes(sightings)
        self._count(sightings, int(outcomes.stale.sum()))
        for attempts in self._attempts.values():
            self._judge_answers(attempts)
        for read in sightings.repeated:
            self._twice(read)
        for element, read in sightings.unexpected.values():
            self._never_sent(element, read)
        names = list(sightings.numbers)
        for number in np.flatnonzero(outcomes.lost).tolist():
            self._lost(self._attempts[names[number]], int(sightings.last_missing[number]))

    def _count(self, sightings: Sightings, stale: int) -> None:
        self._tally["requests"] += len(self._attempts)
        self._tally["retried"] += sum(len(attempts) > 1 for attempts in self._attempts.values())
        self._tally["attempts"] += sum(map(len, self._attempts.values()))
        self._tally["reads"] += sightings.reads
        self._tally["stale"] += stale

    def _judge_answers(self, attempts: Iterable[Operation]) -> None:
        known = [op for op in attempts if op.outcome is EventType.OK]
        for op in known[1:]:
            if _differ(known[0], op):
                self._answered_differently(known[0], op)

    def _answered_differently(self, one: Operation, other: Operation) -> None:
        def tell() -> Told:
            text = (
                f"the request {value(one.value)} was answered with {_answer(one)} to process {one.process} "
                f"{at(answered_ns(one))}, and with {_answer(other)} to process {other.process} {at(answered_ns(other))}"
            )
            return text, (one, other)

        self._findings.add("answered-differently", tell, key=self._key, request=one.value)

    def _twice(self, read: Operation) -> None:
        counts = Counter(map(canonical, read.value))
        name, often = next((name, count) for name, count in counts.items() if count > 1)
        attempts = self._attempts.get(name, [])

        def tell() -> Told:
            what = value(attempts[0].value) if attempts else value(str(name))
            text = (
                f"the request {what} was sent {times(len(attempts))}, and took effect {times(often)}: so process "
                f"{read.process} read {at(answered_ns(read))}"
            )
            return text, (*attempts[:MOST_LISTED], read)

        self._findings.add("took-effect-twice", tell, key=self._key)

    def _never_sent(self, element: object, read: Operation) -> None:
        def tell() -> Told:
            text = (
                f"process {read.process} read {at(answered_ns(read))} that the request {value(element)} took effect, "
                "which nobody had sent by then, or which had certainly failed"
            )
            return text, (read,)

        self._findings.add("never-sent", tell, key=self._key, request=element)

    def _lost(self, attempts: list[Operation], read_at: int) -> None:
        def tell() -> Told:
            read = next(op for op in self._operations if op.invoked == read_at)
            known = [op for op in attempts if op.outcome is EventType.OK and op.returned < read.invoked]
            how = f"was acknowledged to process {known[0].process} {at(answered_ns(known[0]))}" if known else "was seen"
            text = (
                f"the request {value(attempts[0].value)} {how}, and process {read.process}'s read, which began "
                f"{at(read.invoke.time)}, does not have it, nor does any that ended later"
            )
            return text, (*known[:1], read)

        self._findings.add("lost", tell, key=self._key, request=attempts[0].value)


def _differ(one: Operation, other: Operation) -> bool:
    assert one.completion is not None
    assert other.completion is not None
    indexes = {one.completion.log_index, other.completion.log_index} - {None}
    return len(indexes) > 1 or canonical(one.completion.value) != canonical(other.completion.value)


def _answer(op: Operation) -> str:
    assert op.completion is not None
    index = f" at log index {op.completion.log_index}" if op.completion.log_index is not None else ""
    return f"{value(op.completion.value)}{index}"
