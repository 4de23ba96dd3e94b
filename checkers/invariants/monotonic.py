"""Monotonic: numbers that only grow are never read to fall.

Of each key, a read that saw a smaller number came before one that saw a greater. With the order in which reads began
and were answered (`order="real-time"`: what linearizable reads promise), or with each process's own (`order="process"`:
what monotonic reads promise), there must be no cycle. A transaction that reads several keys is one read: two
transactions that each saw a key further than the other are a cycle by themselves. That is exact: without a cycle, there
is an order of all reads in which every key grows.

Null is a key that nobody has written, and less than every number. What is written is not looked at, so this judges
counters that are only incremented, sequence numbers, revisions, clocks: whatever the system says that it never takes
back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import READS, Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.invariants.long_fork import named
from checkers.invariants.snapshots import Order, Snapshot, moved
from checkers.linearizability.words import at, value
from checkers.verdict import Result

PROMISE: Final = "A number that only grows is never read to fall."
NOTHING: Final = float("-inf")


@dataclass(frozen=True)
class Monotonic:
    """`order`: which of two reads of the same keys comes first."""

    order: Literal["real-time", "process"] = "real-time"
    name: str = "monotonic"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        seen = [Snapshot(op, _levels(op)) for op in recording.history.operations if op.outcome is EventType.OK]
        snapshots = [one for one in seen if one.levels and all(map(_is_number, one.levels.values()))]
        odd = sum(bool(one.levels) for one in seen) - len(snapshots)
        budget.spend()
        order = Order(snapshots)
        (order.add_real_time if self.order == "real-time" else order.add_processes)()
        budget.spend()
        for cycle in order.cycles():
            _fell(findings, cycle)
        return findings.result(
            self.name, PROMISE, operations=len(snapshots), unknown=_unknown(len(snapshots), odd), reads=len(snapshots)
        )


def _unknown(reads: int, odd: int) -> str | None:
    if odd:
        return f"{odd:,} reads saw something other than numbers"
    return None if reads else "nothing was read"


def _levels(op: Operation) -> dict[Any, Any]:
    """How far a read saw each key."""
    if op.f in READS:
        return {(op.key, op.key): NOTHING if op.value is None else op.value}
    if op.f == "txn":
        return {named(op, key): NOTHING if seen is None else seen for f, key, seen in op.value if f == "r"}
    return {}


def _is_number(level: Any) -> bool:
    return type(level) in (int, float)


def _fell(findings: Findings, cycle: list[Snapshot]) -> None:
    def tell() -> Told:
        pairs = zip(cycle, [*cycle[1:], cycle[0]], strict=True)
        text = "no order of these reads lets every number grow: " + "; ".join(_before(*pair) for pair in pairs)
        return text, [snapshot.read for snapshot in cycle]

    findings.add("fell" if len(cycle) == 2 else "cycle", tell, key=cycle[0].read.key)


def _before(one: Snapshot, other: Snapshot) -> str:
    """Why the first must come before the second."""
    name = moved(one, other)
    first, second = one.read, other.read
    if name is None:
        return (
            f"process {first.process}'s read was answered {at(answered_ns(first))}, before process {second.process}'s "
            f"began {at(second.invoke.time)}"
        )
    lower, upper = _seen(one.levels, name), _seen(other.levels, name)
    of = "" if name == (None, None) else f" of {value(name[1])}" if isinstance(name, tuple) else ""
    return f"process {first.process} saw {lower}{of}, and process {second.process} {upper}"


def _seen(levels: Mapping[Any, Any], name: Any) -> str:
    return "nothing" if levels[name] == NOTHING else value(levels[name])
