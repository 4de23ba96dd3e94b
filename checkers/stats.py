"""Statistics: how many operations of each kind there were, and whether enough of them succeeded to mean anything.

A run in which no compare-and-set ever succeeded says nothing about compare-and-sets: it is unknown, not valid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.verdict import Result, Verdict

COMPLETIONS = (EventType.OK, EventType.FAIL, EventType.INFO)


@dataclass(frozen=True)
class Statistics:
    """`minimum`: for each f, the least number of ok operations for which the run says something."""

    minimum: Mapping[str, int] = field(default_factory=dict)
    name: str = "statistics"

    def check(self, recording: Recording, budget: Budget) -> Result:
        operations = recording.history.operations
        counts = count(operations)
        few = [
            f"{counts.get(f, {}).get('ok', 0)} {f} operations succeeded where at least {least} are needed"
            for f, least in self.minimum.items()
            if counts.get(f, {}).get("ok", 0) < least
        ]
        return Result(
            checker=self.name,
            verdict=Verdict.UNKNOWN if few else Verdict.VALID,
            reason="; ".join(few) or None,
            operations=len(operations),
            details={"by_f": counts, "errors": errors(operations)},
        )


def count(operations: Iterable[Operation]) -> dict[str, dict[str, int]]:
    """f -> outcome -> how many."""
    tally = Counter((operation.f, operation.outcome) for operation in operations)
    return {f: {outcome.value: tally[f, outcome] for outcome in COMPLETIONS} for f in sorted({f for f, _ in tally})}


def errors(operations: Iterable[Operation], most: int = 20) -> dict[str, int]:
    """The commonest reasons of fail and info, without their details."""
    reasons = Counter(_reason(operation) for operation in operations if operation.outcome is not EventType.OK)
    return dict(reasons.most_common(most))


def _reason(operation: Operation) -> str:
    completion = operation.completion
    if completion is None:
        return "info: no completion"
    return f"{completion.type.value}: {(completion.error or 'no reason given').split(':')[0]}"


def quantiles(values_ns: list[int]) -> dict[str, Any]:
    """Count, and p50, p95, p99 and maximum in milliseconds (nearest rank)."""
    ordered = sorted(values_ns)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e6, 3)

    return {
        "count": len(ordered),
        "p50_ms": at(0.50),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
        "max_ms": round(ordered[-1] / 1e6, 3),
    }


def latencies(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """For ok operations, by f and read mode: count and quantiles in milliseconds."""
    taken: dict[tuple[str, str | None], list[int]] = {}
    for operation in operations:
        if operation.outcome is EventType.OK and operation.completion is not None:
            key = (operation.f, operation.invoke.read)
            taken.setdefault(key, []).append(operation.completion.time - operation.invoke.time)
    return [
        {"f": f, "read": read, **quantiles(values)}
        for (f, read), values in sorted(taken.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    ]
