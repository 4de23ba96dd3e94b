"""What is wrong with single transactions and versions, apart from circles: how often, and the first few in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from checkers.history import Operation
from checkers.transactions import words
from checkers.transactions.table import Table
from checkers.verdict import Anomaly

MOST_TOLD: Final = 8
"""Anomalies of one kind that are told in words."""


@dataclass(frozen=True)
class Finding:
    kind: str
    count: int
    told: Sequence[Anomaly]


def finding(kind: str, count: int, told: Iterable[Anomaly]) -> list[Finding]:
    """A list of one, or of none where the count is 0. Of `told`, no more is taken than is told."""
    return [Finding(kind, count, list(islice(told, MOST_TOLD)))] if count else []


def tell(table: Table, kind: str, txns: Iterable[int], text: str, key: Any = None) -> Anomaly:
    """`text` speaks of the transactions as T1, T2, ... in the order given."""
    operations = [table.operations[txn] for txn in txns]
    return Anomaly(
        kind=kind,
        text=f"{text}. {words.cast(operations)}",
        operations=sorted(operation.invoked for operation in operations),
        key=None if key is None else words.name(key),
        details={"nodes": nodes(operations)},
    )


def nodes(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    """The transactions of an anomaly for those who draw it."""
    return [
        {
            "name": f"T{number}",
            "operation": operation.invoked,
            "process": operation.process,
            "steps": words.steps(operation),
        }
        for number, operation in enumerate(operations, 1)
    ]
