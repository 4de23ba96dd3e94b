"""Long fork: writers are not seen in different orders by different readers.

Transactions insert keys, each key once, and others read several keys. If one read sees x and not y, and another y and
not x, then no order of the two inserts explains both: parallel snapshot isolation allows that, snapshot isolation and
everything stronger does not (Sovran et al., "Transactional storage for geo-replicated systems", SOSP 2011, section 3).
With more reads, of groups of keys that overlap, the same contradiction can take a longer way round. All of them are
cycles of the same graph (snapshots.py), so all are found, in time close to the length of the history.

Keys that were inserted more than once (attempts that certainly failed do not count) say nothing here and make the
answer unknown. What a transaction reads of a key that it writes itself is left out. A value that nobody had inserted by
then is reported as invented.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.invariants.snapshots import Order, Snapshot, moved
from checkers.linearizability.words import at, value
from checkers.verdict import Result

PROMISE: Final = "All readers see the inserts in one order."
Inserts = dict[Hashable, Operation]


@dataclass(frozen=True)
class LongFork:
    name: str = "long-fork"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        transactions = [op for op in recording.history.operations if op.f == "txn" and op.outcome is not EventType.FAIL]
        inserts, repeated = inserted(transactions)
        snapshots = []
        for op in transactions:
            if op.outcome is EventType.OK:
                levels = _levels(op, inserts, repeated, findings)
                snapshots += [Snapshot(op, levels)] if len(levels) > 1 else []
        budget.spend()
        for cycle in Order(snapshots).cycles():
            _fork(findings, cycle, inserts)
        return findings.result(
            self.name,
            PROMISE,
            operations=len(snapshots),
            unknown=_unknown(len(snapshots), len(repeated)),
            reads=len(snapshots),
            early_reads=sum(not any(snapshot.levels.values()) for snapshot in snapshots),
            late_reads=sum(all(snapshot.levels.values()) for snapshot in snapshots),
            keys=len(inserts),
        )


def _unknown(reads: int, repeated: int) -> str | None:
    if repeated:
        return f"{repeated:,} keys were inserted more than once"
    return None if reads else "no transaction read several keys"


def inserted(transactions: Sequence[Operation]) -> tuple[Inserts, set[Hashable]]:
    """The transaction that inserts each key, and the keys that several insert."""
    inserts: Inserts = {}
    repeated: set[Hashable] = set()
    for op in transactions:
        for name in {named(op, key) for f, key, _ in op.value if f == "w"}:
            if inserts.setdefault(name, op) is not op:
                repeated.add(name)
    return inserts, repeated


def named(op: Operation, key: Any) -> Hashable:
    return op.key, canonical(key)


def _levels(op: Operation, inserts: Inserts, repeated: set[Hashable], findings: Findings) -> dict[Hashable, int]:
    """1 for what the read saw, 0 for what it did not."""
    own = {named(op, key) for f, key, _ in op.value if f == "w"}
    levels: dict[Hashable, int] = {}
    for f, key, seen in op.value:
        name = named(op, key)
        if f != "r" or name in own or name in repeated:
            continue
        levels[name] = 0 if seen is None else 1
        if seen is not None and not _was_inserted(inserts.get(name), key, seen, op):
            _invented(findings, op, key, seen)
            del levels[name]
    return levels


def _was_inserted(insert: Operation | None, key: Any, seen: Any, read: Operation) -> bool:
    if insert is None or insert.invoked > read.returned:
        return False
    name, wanted = canonical(key), canonical(seen)
    return any(f == "w" and canonical(at_key) == name and canonical(put) == wanted for f, at_key, put in insert.value)


def _invented(findings: Findings, read: Operation, key: Any, seen: Any) -> None:
    def tell() -> Told:
        text = (
            f"process {read.process} read {value(seen)} from {value(key)} {at(answered_ns(read))}, which nobody had "
            "inserted there by then"
        )
        return text, (read,)

    findings.add("invented-value", tell, key=str(key))


def _fork(findings: Findings, cycle: list[Snapshot], inserts: Inserts) -> None:
    def tell() -> Told:
        pairs = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        names = [name for one, other in pairs if (name := moved(one, other)) is not None]
        text = "no order of the inserts explains these reads: " + "; ".join(_before(*pair) for pair in pairs)
        return text, [*(snapshot.read for snapshot in cycle), *(inserts[name] for name in names)]

    findings.add("long-fork", tell)


def _before(one: Snapshot, other: Snapshot) -> str:
    name = moved(one, other)
    assert isinstance(name, tuple)
    return f"process {one.read.process} did not see {value(_plain(name[1]))}, and process {other.read.process} did"


def _plain(key: Any) -> Any:
    return key if isinstance(key, int | float | str | None) else str(key)
