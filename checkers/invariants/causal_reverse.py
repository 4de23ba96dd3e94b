"""Causal reverse: who sees an insert sees every insert that was acknowledged before it was sent.

Two inserts, one acknowledged before the other was sent, have that order for everybody under strict serializability. A
read that has the second and not the first reverses it. Serializability alone allows that, since it knows no time; it
happens where transactions are ordered by clocks.

Inserts are the `add`s of a set, read whole, or transactions that write a key once, read in groups (of a group, only the
keys that were asked for can be missed). An unknown insert is never missed, since it may not have happened; but when it
is seen, then so must be what was acknowledged before it was sent. Elements that are added several times count as
acknowledged when the first was, and as sent when the first was; removed ones are never missed.

For a read it is enough to look at the latest insert that it has, by when it was sent: the inserts acknowledged before
that are a beginning of all inserts in the order of their acknowledgements, and the read must have the whole beginning.
Counting its members shows whether it has, so a read costs its length.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.invariants.long_fork import named
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "A read that has an insert has every insert that was acknowledged before it was sent."
UNHEARD: Final = -1
INSERTS: Final = ("add", "write")


@dataclass(frozen=True)
class CausalReverse:
    name: str = "causal-reverse"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        live = [op for op in recording.history.operations if op.outcome is not EventType.FAIL]
        judged = _judge_groups([op for op in live if op.f == "txn"], findings)
        for key, operations in by_key([op for op in live if op.f != "txn"]).items():
            budget.spend()
            judged += _judge_set(key, operations, findings)
        return findings.result(
            self.name, PROMISE, operations=judged, unknown=None if judged else "no read saw any insert", reads=judged
        )


@dataclass
class _Inserts:
    """Insert by insert: when it was first sent and first acknowledged (or PENDING), and by which operation."""

    numbers: dict[Hashable, int] = field(default_factory=dict)
    sent: list[Operation] = field(default_factory=list)
    known: list[Operation | None] = field(default_factory=list)

    def add(self, name: Hashable, op: Operation) -> None:
        number = self.numbers.setdefault(name, len(self.numbers))
        if number == len(self.sent):
            self.sent.append(op)
            self.known.append(None)
        before = self.known[number]
        if op.outcome is EventType.OK and (before is None or op.returned < before.returned):
            self.known[number] = op

    def known_at(self, removed: Iterable[Hashable]) -> NDArray[np.int64]:
        """When each was acknowledged. What was removed is never missed, and so counts as not acknowledged."""
        times = np.array([PENDING if op is None else op.returned for op in self.known], dtype=np.int64)
        times[[self.numbers[name] for name in removed if name in self.numbers]] = PENDING
        return times


# Sets, read whole.


def _judge_set(key: str | None, operations: Sequence[Operation], findings: Findings) -> int:
    inserts = _Inserts()
    for op in operations:
        if op.f in INSERTS:
            inserts.add(canonical(op.value), op)
    removed = {canonical(op.value) for op in operations if op.f == "remove"}
    sent = np.array([op.invoked for op in inserts.sent], dtype=np.int64)
    known = inserts.known_at(removed)
    ordered = np.sort(known)
    judged = 0
    for read in operations:
        if read.f != "read" or read.outcome is not EventType.OK or not isinstance(read.value, list):
            continue
        seen = _numbers(inserts.numbers, read.value)
        if len(seen):
            judged += 1
            latest = int(seen[np.argmax(sent[seen])])
            if (known[seen] < sent[latest]).sum() < np.searchsorted(ordered, sent[latest]):
                missed = np.setdiff1d(np.flatnonzero(known < sent[latest]), seen)
                _reversed(findings, key, inserts, read, latest, int(missed[np.argmin(known[missed])]))
    return judged


def _numbers(numbers: Mapping[Hashable, int], elements: Sequence[Any]) -> NDArray[np.int64]:
    """Of the elements that somebody inserted, each once."""
    names = elements if set(map(type, elements)) <= {int, str} else list(map(canonical, elements))
    found = np.fromiter(map(numbers.get, names, repeat(UNHEARD)), np.int64, len(names))
    return np.unique(found[found != UNHEARD])


# Transactions, read in groups.


def _judge_groups(transactions: Sequence[Operation], findings: Findings) -> int:
    inserts = _Inserts()
    for op in transactions:
        for f, key, _ in op.value:
            if f == "w":
                inserts.add(named(op, key), op)
    judged = 0
    for read in transactions:
        if read.outcome is not EventType.OK:
            continue
        asked = [(number, seen) for name, seen in _reads(read) if (number := inserts.numbers.get(name)) is not None]
        seen = [number for number, what in asked if what is not None]
        if seen:
            judged += 1
            latest = max(seen, key=lambda number: inserts.sent[number].invoked)
            missed = [number for number, what in asked if what is None and _before(inserts, number, latest)]
            if missed:
                _reversed(findings, read.key, inserts, read, latest, missed[0])
    return judged


def _reads(op: Operation) -> list[tuple[Hashable, Any]]:
    own = {named(op, key) for f, key, _ in op.value if f == "w"}
    return [(named(op, key), seen) for f, key, seen in op.value if f == "r" and named(op, key) not in own]


def _before(inserts: _Inserts, one: int, other: int) -> bool:
    known = inserts.known[one]
    return known is not None and known.returned < inserts.sent[other].invoked


def _reversed(
    findings: Findings, key: str | None, inserts: _Inserts, read: Operation, latest: int, missed: int
) -> None:
    def tell() -> Told:
        first, second = inserts.known[missed], inserts.sent[latest]
        assert first is not None
        text = (
            f"process {first.process}'s insert of {_what(first)} was acknowledged {at(answered_ns(first))}, before "
            f"process {second.process}'s of {_what(second)} was sent {at(second.invoke.time)}, but process "
            f"{read.process} saw the second without the first {at(answered_ns(read))}"
        )
        return text, (first, second, read)

    findings.add("causal-reverse", tell, key=key)


def _what(op: Operation) -> str:
    return ", ".join(value(key) for f, key, _ in op.value if f == "w") if op.f == "txn" else value(op.value)
