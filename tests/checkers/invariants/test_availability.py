"""Availability, recovery and clients' own mistakes: tables with times in seconds."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.events import NEMESIS, Event, EventType
from checkers.history import History
from checkers.invariants import Availability, UnhandledExceptions
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import call, check, did, history, info, kinds

Row = tuple[float, float | None, str, str]
"""When it was called and answered (seconds), its f, and what came of it; the error follows a colon."""


def timed(rows: list[Row], faults: list[tuple[float, str, str, str]] = []) -> History:  # noqa: B006 (never changed)
    """Each operation by a process of its own. Faults: when, fault's id, kind, and begin or end; "heal" heals all."""
    marks: list[tuple[float, int, dict[str, Any]]] = []
    for process, (called, answered, f, outcome) in enumerate(rows):
        kind, _, error = outcome.partition(":")
        marks.append((called, 1, {"process": process, "type": EventType.INVOKE, "f": f}))
        if answered is not None:
            fields = {"error": error or None, "node": f"n{process % 2}"}
            marks.append((answered, 0, {"process": process, "type": EventType(kind), "f": f, **fields}))
    for when, fault, kind, action in faults:
        value = {"action": action, "kind": kind}
        fields = {"process": NEMESIS, "f": kind, "value": value, "fault": None if kind == "heal" else fault}
        marks += [(when, 0, {**fields, "type": EventType.INVOKE}), (when, 0, {**fields, "type": EventType.OK})]
    marks.sort(key=lambda mark: mark[:2])
    common: dict[str, Any] = {"value": None}
    return History(
        [
            Event(index=index, time=round(when * 1e9), **{**common, **mark})
            for index, (when, _, mark) in enumerate(marks)
        ]
    )


def steady(begin: float, end: float, f: str = "write", outcome: str = "ok", every: float = 0.1) -> list[Row]:
    """An operation every tenth of a second that takes 50 ms."""
    count = round((end - begin) / every)
    return [(begin + number * every, begin + number * every + 0.05, f, outcome) for number in range(count)]


@pytest.mark.parametrize(
    ("rows", "share", "gap"),
    [
        ([], None, (0, 0)),
        (steady(0, 10), 1.0, (0.05, None)),
        # From the first call that was in vain to the next that was served.
        ([*steady(0, 2), *steady(2, 5, outcome="info:timeout"), *steady(5, 10)], 0.7, (3.05, 2.0)),
        # Nobody asked: no gap.
        ([*steady(0, 2), *steady(50, 52)], 1.0, (0.05, None)),
        # Nobody asked for a while, and then for a while in vain.
        ([*steady(0, 2), *steady(50, 51, outcome="fail:refused"), *steady(51, 52)], 0.75, (1.05, 50.0)),
        # To the end.
        ([*steady(0, 2), *steady(2, 4, outcome="info:timeout")], 0.5, (1.95, 2.0)),
        (steady(0, 2, outcome="info:timeout"), 0.0, (1.95, 0.0)),
        # A refusal that is an answer.
        (steady(0, 2, f="acquire", outcome="fail:held"), 1.0, (0.05, None)),
    ],
)
def test_served(rows: list[Row], share: float | None, gap: tuple[float, float | None]) -> None:
    (row,) = check(Availability(), timed(rows)).details["workloads"]
    assert row["share"] == share
    assert row["longest_gap_s"] == pytest.approx(gap[0])
    assert gap[1] is None or row["longest_gap_from_s"] == pytest.approx(gap[1])


def test_shares_over_time_by_workload_and_node() -> None:
    rows = [*steady(0, 2, "read"), *steady(2, 4, "read", "fail:refused"), *steady(0, 4, "write")]
    groups = {"reads": lambda op: op.f == "read", "writes": lambda op: op.f == "write"}
    details = check(Availability(groups), timed(rows)).details
    assert [(row["name"], row["shares"]) for row in details["workloads"]] == [
        ("reads", [1.0, 1.0, 0.0, 0.0]),
        ("writes", [1.0, 1.0, 1.0, 1.0]),
    ]
    assert [row["name"] for row in details["nodes"]] == ["n0", "n1"]
    assert details["width_s"] == 1


CUT = [(4.0, "f1", "partition", "begin"), (6.0, "f1", "partition", "end")]


def cut(write_again: float = 7.0, read_again: float = 6.5, last: float = 12.0) -> list[Row]:
    return [
        *steady(0, 4),
        *steady(4, write_again, outcome="info:timeout"),
        *steady(write_again, last),
        *steady(read_again, last, "read"),
    ]


def test_recovery() -> None:
    details = check(Availability(), timed(cut(), CUT)).details
    assert details["normal_per_s"] == 15.0
    (row,) = details["recovery"]
    assert row == {
        "fault": "f1",
        "kind": "partition",
        "lifted_s": 6.0,
        "first_ok_ms": 550.0,
        "first_write_ms": 1050.0,
        "normal_ms": 550.0,
        "meanwhile": [],
    }
    assert details["recovery_by_kind"] == [
        {
            "kind": "partition",
            "lifted": 1,
            "first_ok_ms": {"p50": 550.0, "max": 550.0},
            "first_write_ms": {"p50": 1050.0, "max": 1050.0},
            "normal_ms": {"p50": 550.0, "max": 550.0},
        }
    ]


@pytest.mark.parametrize(
    ("faults", "lifted", "meanwhile"),
    [
        ([*CUT, (6.5, "f2", "kill", "begin"), (9.0, "f2", "kill", "end")], 6.0, ["f2"]),
        ([*CUT, (8.0, "f2", "kill", "begin"), (9.0, "f2", "kill", "end")], 6.0, []),
        ([(3.0, "f2", "kill", "begin"), *CUT], 6.0, ["f2"]),
        ([CUT[0], (6.0, "", "heal", "heal")], 6.0, []),
        ([CUT[0]], None, []),
    ],
)
def test_other_faults_meanwhile(faults: Any, lifted: float | None, meanwhile: list[str]) -> None:
    rows = check(Availability(), timed(cut(), faults)).details["recovery"]
    row = next(row for row in rows if row["fault"] == "f1")
    assert (row["lifted_s"], row["meanwhile"]) == (lifted, meanwhile)


@pytest.mark.parametrize(
    ("checker", "recorded", "found"),
    [
        (Availability(), timed(cut(), CUT), []),
        (Availability(least_share=0.5), timed(cut()), []),
        (Availability(least_share=0.9), timed(cut()), ["too-little-served"]),
        (Availability(longest_gap_s=3.0), timed(cut()), []),
        (Availability(longest_gap_s=2.0), timed(cut()), ["long-gap"]),
        (Availability(longest_recovery_s=1.5), timed(cut(), CUT), []),
        (Availability(longest_recovery_s=1.0), timed(cut(), CUT), ["slow-recovery"]),
        (Availability(longest_recovery_s=1.0), timed(cut(), [*CUT, (5.0, "f2", "kill", "begin")]), []),
        # Nothing was served again: that counts only if somebody asked for long enough.
        (Availability(longest_recovery_s=1.0), timed(steady(0, 9, outcome="info:timeout"), CUT), ["slow-recovery"]),
        (Availability(longest_recovery_s=5.0), timed(steady(0, 9, outcome="info:timeout"), CUT), []),
        (Availability(longest_recovery_s=1.0), timed(steady(0, 9, "read"), CUT), []),
    ],
)
def test_limits(checker: Availability, recorded: History, found: list[str]) -> None:
    result = check(checker, recorded)
    assert (kinds(result), result.verdict) == (found, Verdict.INVALID if found else Verdict.VALID)


def test_a_slow_recovery_in_words() -> None:
    (anomaly,) = check(Availability(longest_recovery_s=1.0), timed(cut(), CUT)).anomalies
    assert anomaly.text == (
        "after f1, a partition that was lifted at 6.000 s, the next write was served only after 1.050 s, where 1 s was "
        "asked for"
    )


def test_a_clients_own_mistakes_make_the_run_unknown() -> None:
    steps = [
        did(0, "read", answer=1),
        [call(0, "write", 1), info(0, "exception: KeyError: 'k4'")],
        [call(5, "cas", [1, 2]), info(5, "exception: KeyError: 'k5'")],
        [call(6, "write", 1), info(6, "exception: ValueError")],
        [call(7, "write", 1), info(7, "timeout")],
    ]
    result = check(UnhandledExceptions(), history(*steps))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == (
        "a client raised KeyError twice (in write, cas; first: 'k4'); a client raised ValueError once (in write; "
        "first: no words)"
    )
    assert [(row["type"], row["count"], row["example"]["operation"]) for row in result.details["exceptions"]] == [
        ("KeyError", 2, 2),
        ("ValueError", 1, 6),
    ]


def test_clients_without_mistakes() -> None:
    assert check(UnhandledExceptions(), history(did(0, "read", answer=1))).verdict is Verdict.VALID
