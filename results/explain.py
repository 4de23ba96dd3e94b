"""Contradictions on the terminal: in words, as a table of their operations, and how those overlap in time.

The timeline keeps order alone: every call and every answer has a column of its own, in the order in which they were
recorded, so two bars overlap exactly if the operations did. A bar without an end is an operation whose answer never
came: it may take effect at any later time, or never.

    write 1      ├─────┤
    write 2              ├───────
    read → 1                 ├─┤
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tabulate import tabulate

from checkers.events import EventType
from checkers.history import PENDING, History, Operation
from results.report.values import listing, mappings, plain, shorten, whole
from results.report.wording import label, seconds_text

MOST_EXPLAINED: Final = 3
MOST_OPERATIONS: Final = 30
NARROWEST: Final = 60
WIDEST_TIMELINE: Final = 60


def explain(verdict: Mapping[str, Any], history: History, *, width: int | None = None) -> str:
    """The first contradictions of a verdict. `width` in columns; None: as wide as the terminal is."""
    columns = max(width or shutil.get_terminal_size().columns, NARROWEST)
    anomalies = mappings(verdict.get("anomalies"))
    by_index = {operation.invoked: operation for operation in history.operations}
    told = [
        _told(number, anomaly, by_index, history, columns)
        for number, anomaly in enumerate(anomalies[:MOST_EXPLAINED], 1)
    ]
    more = len(anomalies) - len(told)
    return "\n\n".join([*told, *([f"and {more} more contradictions"] if more > 0 else [])])


def _told(
    number: int, anomaly: Mapping[str, Any], by_index: Mapping[int, Operation], history: History, columns: int
) -> str:
    key = f" of {plain(anomaly['key'], 40)}" if anomaly.get("key") is not None else ""
    head = f"{number}. {plain(anomaly.get('kind'), 60)}{key}: {plain(anomaly.get('text'), 2000)}"
    indexes = [whole(index) for index in listing(anomaly.get("operations"))]
    found = [by_index[index] for index in indexes if index is not None and index in by_index]
    operations = sorted(found, key=lambda operation: operation.invoked)
    parts = [textwrap.fill(head, columns, subsequent_indent="   "), *_shown(operations[:MOST_OPERATIONS], history)]
    left_out = len(operations) - MOST_OPERATIONS
    return "\n\n".join([*parts, *([f"   and {left_out} more operations"] if left_out > 0 else [])])


def _shown(operations: Sequence[Operation], history: History) -> list[str]:
    if not operations:
        return []
    headers = ["line", "event", "process", "key", "operation", "called", "answered"]
    rows = [_row(operation, history) for operation in operations]
    kept = [place for place in range(len(headers)) if any(row[place] for row in rows)]
    cells = [[row[place] for place in kept] for row in rows]
    table = tabulate(cells, headers=[headers[place] for place in kept], disable_numparse=True).split("\n")
    bars = ["order in time", "-" * max(map(len, timeline(operations))), *timeline(operations)]
    wide = max(map(len, table))
    lines = [f"{line:{wide}}  {bar}".rstrip() for line, bar in zip(table, bars, strict=True)]
    return [textwrap.indent("\n".join(lines), "   ")]


def _row(operation: Operation, history: History) -> list[str]:
    answered = operation.completion if operation.returned < PENDING else None
    return [
        str(history.line_of(operation.invoked)),
        str(operation.invoked),
        str(operation.process),
        "" if operation.key is None else plain(operation.key, 20),
        shorten(label(operation), 40),
        f"{seconds_text(operation.invoke.time)} s" if history.timed else "",
        ("never" if answered is None else f"{seconds_text(answered.time)} s") if history.timed else "",
    ]


def timeline(operations: Sequence[Operation]) -> list[str]:
    """A bar for each operation."""
    ends = {operation.returned for operation in operations if operation.returned < PENDING}
    events = sorted({operation.invoked for operation in operations} | ends)
    step = max(1, min(4, WIDEST_TIMELINE // len(events)))
    at = {event: place * step for place, event in enumerate(events)}
    return [_bar(operation, at, len(events) * step) for operation in operations]


def _bar(operation: Operation, at: Mapping[int, int], end: int) -> str:
    begin = at[operation.invoked]
    if operation.outcome is EventType.INFO or operation.returned not in at:
        return " " * begin + "├" + "─" * (end - begin - 1)
    return " " * begin + "├" + "─" * (at[operation.returned] - begin - 1) + "┤"
