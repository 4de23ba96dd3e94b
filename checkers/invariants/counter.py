"""Counter: what is read lies between the least and the most that the counter can have stood at.

For a read from event i to event r, every add that was acknowledged before i counts. Each other add that was invoked
before r and did not certainly fail may count or not: it was under way, or its answer never came, and then it may count
late or never. So with a(i) the sum of the additions acknowledged before i, A(r) the sum of those invoked before r, and
s(i), S(r) the same for subtractions (which are negative):

    a(i) + S(r)  <=  what is read  <=  A(r) + s(i)

Both ends are sums that only grow with the history, so one pass does. The bounds are those of each read alone: that two
reads contradict each other (one sees an unknown add, a later one does not) is for the linearizability checker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import MOST_LISTED, Findings, Told, answered_ns
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "A read lies between all that was acknowledged before it, and all that may have happened by its end."


class Bounds(NamedTuple):
    """For one read: the least and the most that it may see, of a counter that began at `initial`."""

    read: Operation
    initial: int
    least: int
    most: int


@dataclass(frozen=True)
class CounterBounds:
    """`initial`: where a counter begins."""

    initial: int = 0
    name: str = "counter-bounds"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        judged, widest = 0, 0
        for key, operations in by_key(recording.history.operations).items():
            budget.spend()
            for bound in bounds(operations, self.initial):
                judged += 1
                widest = max(widest, bound.most - bound.least)
                seen = bound.read.value
                if type(seen) is not int or not bound.least <= seen <= bound.most:
                    _out_of_bounds(findings, key, bound, operations)
        return findings.result(
            self.name,
            PROMISE,
            operations=judged,
            unknown=None if judged else "no counter was read",
            reads=judged,
            widest_bounds=widest,
        )


def bounds(operations: Iterable[Operation], initial: int) -> list[Bounds]:
    """The bounds of each read that was answered, in the order of the answers."""
    up_sent = up_known = down_sent = down_known = 0
    before: dict[int, tuple[int, int]] = {}
    found = []
    for _, returned, op in _moments(operations):
        if op.f == "add":
            up, down = max(op.value, 0), min(op.value, 0)
            if returned:
                up_known, down_known = up_known + up, down_known + down
            else:
                up_sent, down_sent = up_sent + up, down_sent + down
        elif returned:
            up_then, down_then = before.pop(op.invoked)
            found.append(Bounds(op, initial, initial + up_then + down_sent, initial + up_sent + down_then))
        else:
            before[op.invoked] = up_known, down_known
    return found


def _moments(operations: Iterable[Operation]) -> list[tuple[int, bool, Operation]]:
    """What was invoked and what was acknowledged, in the order of events."""
    moments = []
    for op in operations:
        if op.outcome is EventType.FAIL or op.f not in ("add", "read"):
            continue
        if op.outcome is EventType.OK:
            moments.append((op.returned, True, op))
        elif op.f == "read":
            continue
        moments.append((op.invoked, False, op))
    moments.sort(key=lambda moment: moment[0])
    return moments


def _out_of_bounds(findings: Findings, key: str | None, bound: Bounds, operations: Sequence[Operation]) -> None:
    def tell() -> Told:
        read = bound.read
        text = (
            f"process {read.process} read {value(read.value)} {at(answered_ns(read))}, where the adds acknowledged "
            f"before it began, and those that may have counted by its end, leave {bound.least:,} to {bound.most:,}"
        )
        return text, [read, *_grounds(bound, operations)]

    details = {"read": bound.read.value, "least": bound.least, "most": bound.most}
    findings.add(_kind(bound), tell, key=key, **details)


def _kind(bound: Bounds) -> str:
    if type(bound.read.value) is not int:
        return "not-a-number"
    return "counter-too-low" if bound.read.value < bound.least else "counter-too-high"


def _grounds(bound: Bounds, operations: Sequence[Operation]) -> list[Operation]:
    """The adds that contradict the read: fewest acknowledged ones that take the counter past it, against all that may
    have brought it back. None where they are too many to show."""
    read, kind = bound.read, _kind(bound)
    if kind == "not-a-number":
        return []
    sign = 1 if kind == "counter-too-low" else -1
    adds = [op for op in operations if op.f == "add" and op.outcome is not EventType.FAIL]
    back = [op for op in adds if op.value * sign < 0 and op.invoked < read.returned]
    sure = [op for op in adds if op.value * sign > 0 and op.returned < read.invoked]
    short = sign * (read.value - bound.initial) - sum(sign * op.value for op in back)
    past: list[Operation] = []
    for op in sorted(sure, key=lambda op: -sign * op.value):
        if short < 0:
            break
        past.append(op)
        short -= sign * op.value
    return [*back, *past] if len(back) + len(past) < MOST_LISTED else []
