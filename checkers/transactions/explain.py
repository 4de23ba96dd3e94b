"""Circles as anomalies: edge by edge in words, and as nodes and edges for those who draw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from checkers.history import Operation
from checkers.transactions import words
from checkers.transactions.cycles import Circle, classify
from checkers.transactions.findings import nodes
from checkers.transactions.graph import NAMES, PROCESS_ORDER, REALTIME_ORDER
from checkers.transactions.table import Table
from checkers.verdict import Anomaly

Because: TypeAlias = Callable[[int, int, int], tuple[str, str]]
"""(before, after, relation) -> the key, and why, with {a} and {b} for the two."""


def explain(circle: Circle, table: Table, because: Because) -> Anomaly:
    """Transactions are T1, T2, ... from the earliest on."""
    circle = _turned(circle)
    txns = list(dict.fromkeys(circle.txns))
    operations = [table.operations[txn] for txn in txns]
    names = {txn: f"T{number}" for number, txn in enumerate(txns, 1)}
    edges = []
    for at, (before, relation) in enumerate(zip(circle.txns, circle.relations, strict=True)):
        after = circle.txns[(at + 1) % len(circle.txns)]
        edges.append(_edge(table, because, names, (before, after), relation))
    keys = {edge["key"] for edge in edges} - {None}
    return Anomaly(
        kind=classify(circle),
        text=f"{'; '.join(edge['text'] for edge in edges)}: T1 would come before itself. {words.cast(operations)}",
        operations=sorted(operation.invoked for operation in operations),
        key=keys.pop() if len(keys) == 1 else None,
        details={"nodes": nodes(operations), "edges": edges},
    )


def _turned(circle: Circle) -> Circle:
    """The same circle from its earliest transaction on."""
    at = circle.txns.index(min(circle.txns))
    return Circle([*circle.txns[at:], *circle.txns[:at]], [*circle.relations[at:], *circle.relations[:at]])


def _edge(
    table: Table, because: Because, names: dict[int, str], pair: tuple[int, int], relation: int
) -> dict[str, Any]:
    before, after = (table.operations[txn] for txn in pair)
    key = None
    if relation == PROCESS_ORDER:
        reason = f"process {before.process} had done {{a}} before it began {{b}}"
    elif relation == REALTIME_ORDER:
        reason = f"{{a}} had returned {_at(before, returned=True)} before {{b}} was invoked {_at(after)}"
    else:
        key, reason = because(*pair, relation)
    ends = {"a": names[pair[0]], "b": names[pair[1]]}
    text = _filled(reason, ends)
    return {"from": ends["a"], "to": ends["b"], "type": NAMES[relation], "key": key, "text": text}


def _filled(reason: str, ends: dict[str, str]) -> str:
    """Not by str.format: values may hold braces of their own."""
    return reason.replace("{a}", ends["a"]).replace("{b}", ends["b"])


def _at(operation: Operation, returned: bool = False) -> str:
    event = operation.completion if returned and operation.completion is not None else operation.invoke
    return f"at {event.time / 1e9:.3f} s (event {event.index})"
