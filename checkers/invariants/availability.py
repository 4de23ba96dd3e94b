"""Availability: how much was served, the longest gap, and how soon the system served again after each fault.

Consensus promises safety always, and progress only while a majority can talk: so these numbers are told, and by
themselves make nothing invalid. Whoever promises more can set limits: a least share of operations served and a longest
gap, of each workload, and a longest time from the lifting of a fault to the first answer and to the first answered
write. A limit is on times, so whether it is kept also depends on the machine that the run had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from checkers.checker import Budget, Recording
from checkers.history import Operation
from checkers.invariants.findings import Findings
from checkers.invariants.recovery import Recovery, by_kind
from checkers.invariants.served import NS, done_ns, served_row, width_s
from checkers.verdict import Result

TOLD: Final = "Nothing is promised: how much was served, and how soon again after faults, is told."
ALL: Final = "all operations"


@dataclass(frozen=True)
class Availability:
    """`workloads`: names of groups of operations, and which operations each has; none: all are one group.
    `least_share` from 0 to 1. `longest_recovery_s`: for faults during whose recovery no other was in force."""

    workloads: Mapping[str, Callable[[Operation], bool]] = field(default_factory=dict)
    least_share: float | None = None
    longest_gap_s: float | None = None
    longest_recovery_s: float | None = None
    name: str = "availability"

    def check(self, recording: Recording, budget: Budget) -> Result:
        operations = recording.history.operations
        end_ns = max((done_ns(op) for op in operations), default=0)
        width = width_s(end_ns)
        groups = {name: list(filter(owns, operations)) for name, owns in self.workloads.items()}
        rows = [served_row(name, own, width, end_ns) for name, own in (groups or {ALL: list(operations)}).items()]
        budget.spend()
        nodes = [served_row(node, own, width, end_ns) for node, own in sorted(_by_node(operations).items())]
        recovery = Recovery(operations, recording.history.nemesis)
        recovered = recovery.rows()
        findings = Findings()
        self._hold_to_limits(findings, rows)
        if self.longest_recovery_s is not None:
            for row in recovered:
                if row["lifted_s"] is not None and not row["meanwhile"]:
                    _hold_recovery(findings, self.longest_recovery_s, row, recovery.last_calls_ns)
        return findings.result(
            self.name,
            self._promise(),
            operations=len(operations),
            workloads=rows,
            nodes=nodes,
            width_s=width,
            normal_per_s=recovery.normal,
            recovery=recovered,
            recovery_by_kind=by_kind(recovered),
        )

    def _promise(self) -> str:
        limits = [
            f"at least {self.least_share:.1%} of the operations are served" if self.least_share is not None else "",
            f"no gap is longer than {self.longest_gap_s:g} s" if self.longest_gap_s is not None else "",
            f"writes are served again within {self.longest_recovery_s:g} s of the end of a fault"
            if self.longest_recovery_s is not None
            else "",
        ]
        kept = ", and ".join(limit for limit in limits if limit)
        return f"As was asked for, {kept}." if kept else TOLD

    def _hold_to_limits(self, findings: Findings, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            share, gap_s = row["share"], row["longest_gap_s"]
            if self.least_share is not None and share is not None and share < self.least_share:
                text = f"of {row['name']} {share:.2%} was served, where {self.least_share:.2%} was asked for"
                _over(findings, "too-little-served", text)
            if self.longest_gap_s is not None and gap_s > self.longest_gap_s:
                since = f"{row['longest_gap_from_s']:.3f} s"
                text = f"nothing of {row['name']} was served for {gap_s:.3f} s from {since} on"
                _over(findings, "long-gap", f"{text}, where {self.longest_gap_s:g} s was asked for")


def _hold_recovery(findings: Findings, limit_s: float, row: Mapping[str, Any], last_calls_ns: Sequence[int]) -> None:
    """`last_calls_ns`: when the last operation was called, and the last write. What nobody asked for any more by the
    time of the limit says nothing."""
    named = zip(("first_ok_ms", "first_write_ms"), ("operation", "write"), last_calls_ns, strict=True)
    for name, what, last_ns in named:
        time_ms = row[name]
        late = last_ns / NS - row["lifted_s"] > limit_s if time_ms is None else time_ms > 1000 * limit_s
        if late:
            took = "never" if time_ms is None else f"only after {time_ms / 1000:.3f} s"
            text = (
                f"after {row['fault']}, a {row['kind']} that was lifted at {row['lifted_s']:.3f} s, the next {what} "
                f"was served {took}, where {limit_s:g} s was asked for"
            )
            _over(findings, "slow-recovery", text)
            return


def _over(findings: Findings, kind: str, text: str) -> None:
    findings.add(kind, lambda: (text, ()))


def _by_node(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    nodes: dict[str, list[Operation]] = {}
    for op in operations:
        node = op.completion.node if op.completion is not None else op.invoke.node
        if node is not None:
            nodes.setdefault(node, []).append(op)
    return nodes
