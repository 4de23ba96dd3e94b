"""No invented values: the least that any read promises. A read returns the initial value, or a value that some
write (or compare-and-set) that was invoked before the read completed, and that did not certainly fail, put there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.verdict import Anomaly, Result, Verdict


@dataclass(frozen=True)
class NoInventedValues:
    name: str = "no-invented-values"

    def check(self, recording: Recording, budget: Budget) -> Result:
        operations = recording.history.operations
        written = _first_writes(operations)
        reads = [op for op in operations if op.f == "read" and op.outcome is EventType.OK]
        anomalies = [
            _invented(read)
            for read in reads
            if read.value is not None and written.get(_place(read.key, read.value), PENDING) > read.returned
        ]
        return Result(
            checker=self.name,
            verdict=Verdict.INVALID if anomalies else Verdict.VALID,
            anomalies=anomalies,
            operations=len(reads),
        )


def _place(key: str | None, value: Any) -> tuple[str | None, Hashable]:
    return key, canonical(value)


def _first_writes(operations: Iterable[Operation]) -> dict[object, int]:
    """(key, value) -> the earliest invocation of a write that may have put it there."""
    first: dict[object, int] = {}
    for op in operations:
        if op.outcome is EventType.FAIL or op.f not in ("write", "cas"):
            continue
        if op.f == "cas" and op.outcome is EventType.OK and not op.matched:
            continue
        value = op.value if op.f == "write" else op.value[1]
        first.setdefault(_place(op.key, value), op.invoked)
    return first


def _invented(read: Operation) -> Anomaly:
    assert read.completion is not None
    return Anomaly(
        kind="invented-value",
        key=read.key,
        operations=[read.invoked],
        text=f"process {read.process} read {read.value!r} from {read.key} at {read.completion.time / 1e9:.3f} s, "
        "a value that nobody had written by then",
    )
