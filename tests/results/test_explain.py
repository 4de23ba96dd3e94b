"""Contradictions on the terminal: what overlaps is drawn as overlapping, and nothing is too wide."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.events import Event, EventType
from checkers.history import History
from results.explain import explain, timeline

Span = tuple[int, int, int | None]
"""process, event of the invocation, event of the answer (None: never)."""


def history(*spans: Span, **more: Any) -> History:
    at: dict[int, tuple[int, EventType]] = {}
    for process, begin, end in spans:
        at[begin] = process, EventType.INVOKE
        if end is not None:
            at[end] = process, EventType.OK
    events = [
        Event(index=index, time=index * 1_000_000, process=process, type=type_, f="write", value=process)
        for index, (process, type_) in sorted(at.items())
    ]
    return History(events, **more)


@pytest.mark.parametrize(
    ("spans", "bars"),
    [
        ([(0, 0, 1), (1, 2, 3)], ["├───┤", "        ├───┤"]),
        ([(0, 0, 2), (1, 1, 3)], ["├───────┤", "    ├───────┤"]),
        ([(0, 0, None), (1, 1, 2)], ["├───────────", "    ├───┤"]),
    ],
)
def test_timeline(spans: list[Span], bars: list[str]) -> None:
    assert timeline(history(*spans).operations) == bars


def told(*operations: int) -> dict[str, Any]:
    return {"anomalies": [{"kind": "lost-write", "text": "something went wrong", "operations": operations, "key": "k"}]}


def test_lines_and_events() -> None:
    text = explain(told(0, 2), history((0, 0, 1), (1, 2, 3), lines=(4, 5, 9, 10)), width=80)
    assert text.split("\n") == [
        "1. lost-write of k: something went wrong",
        "",
        "   line    event    process    operation    called    answered    order in time",
        "   ------  -------  ---------  -----------  --------  ----------  -------------",
        "   4       0        0          write 0      0.000 s   0.001 s     ├───┤",
        "   9       2        1          write 1      0.002 s   0.003 s             ├───┤",
    ]


def test_times_that_nobody_recorded_are_not_shown() -> None:
    assert "called" not in explain(told(0), history((0, 0, 1), timed=False))


def test_what_is_left_out_is_counted() -> None:
    many = history(*((n, 2 * n, 2 * n + 1) for n in range(40)))
    text = explain({"anomalies": told(*range(0, 80, 2))["anomalies"] * 5}, many)
    assert "and 10 more operations" in text
    assert "and 2 more contradictions" in text


def test_operations_that_the_history_does_not_hold() -> None:
    assert explain(told(77), history((0, 0, 1))) == "1. lost-write of k: something went wrong"
