"""Statistics, fault coverage, invented values, traces, and judging itself: tables of both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from checkers.checker import Budget, OutOfTime, Recording
from checkers.events import NEMESIS, Event, EventType
from checkers.faults import FaultCoverage
from checkers.history import History
from checkers.judge import judge
from checkers.logs import NodeLogs
from checkers.stats import Statistics, latencies, quantiles
from checkers.traces import ElectionSafety, LeaderSafety, StateMachineSafety
from checkers.values import NoInventedValues
from checkers.verdict import Result, Verdict, merge
from tests.checkers.sequential.histories import Row, history

WRITE: Row = (0, "w", "x", 1, "ok", 1)


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([], Verdict.VALID),
        ([Verdict.VALID, Verdict.UNKNOWN], Verdict.UNKNOWN),
        ([Verdict.UNKNOWN, Verdict.INVALID, Verdict.VALID], Verdict.INVALID),
    ],
)
def test_together(verdicts: list[Verdict], together: Verdict) -> None:
    assert merge(verdicts) is together


@pytest.mark.parametrize(
    ("minimum", "verdict"),
    [({"write": 1}, Verdict.VALID), ({"write": 2}, Verdict.UNKNOWN), ({"cas": 1}, Verdict.UNKNOWN)],
)
def test_statistics(minimum: dict[str, int], verdict: Verdict) -> None:
    result = Statistics(minimum).check(Recording(history([WRITE])), Budget())
    assert result.verdict is verdict
    assert result.details["by_f"] == {"write": {"ok": 1, "fail": 0, "info": 0}}


def test_statistics_counts_reasons() -> None:
    result = Statistics().check(Recording(history([(0, "w", "x", 1, "info", None)])), Budget())
    assert result.details["errors"] == {"info: no reason given": 1}


def test_quantiles() -> None:
    milliseconds = [number * 1_000_000 for number in range(1, 101)]
    assert quantiles(milliseconds) == {"count": 100, "p50_ms": 51.0, "p95_ms": 96.0, "p99_ms": 100.0, "max_ms": 100.0}
    assert [(row["f"], row["count"]) for row in latencies(history([WRITE]).operations)] == [("write", 1)]


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([WRITE, (1, "r", "x", 1, "ok", 1)], Verdict.VALID),
        ([(1, "r", "x", None, "ok", 1)], Verdict.VALID),
        ([(0, "w", "x", 1, "info", None), (1, "r", "x", 1, "ok", 1)], Verdict.VALID),
        ([(1, "r", "x", 1, "ok", 1), WRITE], Verdict.INVALID),
        ([WRITE, (1, "r", "y", 1, "ok", 1)], Verdict.INVALID),
        ([(0, "w", "x", 1, "fail", None), (1, "r", "x", 1, "ok", 1)], Verdict.INVALID),
    ],
)
def test_no_invented_values(rows: list[Row], verdict: Verdict) -> None:
    assert NoInventedValues().check(Recording(history(rows)), Budget()).verdict is verdict


def nemesis(*rows: tuple[str, str, EventType, str]) -> History:
    """fault id, kind, type, action."""
    return History(
        [
            Event(
                index=index,
                time=index,
                process=NEMESIS,
                type=kind,
                f=f,
                fault=fault,
                value={"action": action},
                error="why",
            )
            for index, (fault, f, kind, action) in enumerate(rows)
        ]
    )


BEGUN = [("f1", "kill", EventType.INVOKE, "begin"), ("f1", "kill", EventType.OK, "begin")]
LIFTED = [("f1", "kill", EventType.INVOKE, "end"), ("f1", "kill", EventType.OK, "end")]
FAILED = [("f2", "kill", EventType.INVOKE, "begin"), ("f2", "kill", EventType.FAIL, "begin")]


@pytest.mark.parametrize(
    ("rows", "verdict", "counts"),
    [
        ([*BEGUN, *LIFTED], Verdict.VALID, (1, 1, 1)),
        ([*FAILED, *BEGUN, *LIFTED], Verdict.VALID, (2, 1, 1)),
        (FAILED, Verdict.UNKNOWN, (1, 0, 0)),
        ([], Verdict.UNKNOWN, (0, 0, 0)),
    ],
)
def test_fault_coverage(rows: Any, verdict: Verdict, counts: tuple[int, int, int]) -> None:
    result = FaultCoverage().check(Recording(nemesis(*rows), asked_faults=["kill"]), Budget())
    row = result.details["faults"][0]
    assert (result.verdict, (row["asked"], row["effective"], row["lifted"])) == (verdict, counts)


def trace(*rows: tuple[int, str, str | None, int, str]) -> list[dict[str, Any]]:
    """term, role, vote, applied, hash."""
    return [
        {"term": term, "role": role, "vote": vote, "applied": applied, "hash": digest}
        for term, role, vote, applied, digest in rows
    ]


QUIET = trace((1, "follower", "n1", 3, "aa"), (1, "follower", "n1", 5, "bb"))
Traces = Mapping[str, Sequence[Mapping[str, Any]]]


@pytest.mark.parametrize(
    ("traces", "kinds"),
    [
        ({"n1": trace((1, "leader", "n1", 3, "aa")), "n2": QUIET}, []),
        ({"n1": trace((1, "leader", "n1", 3, "aa")), "n2": trace((1, "leader", "n2", 3, "aa"))}, ["two-leaders"]),
        ({"n1": trace((2, "follower", None, 3, "aa"), (1, "follower", None, 3, "aa"))}, ["term-went-back"]),
        ({"n1": trace((2, "follower", "n1", 3, "aa"), (2, "follower", "n2", 3, "aa"))}, ["voted-twice"]),
    ],
)
def test_election_safety(traces: Traces, kinds: list[str]) -> None:
    result = ElectionSafety().check(Recording(History([]), traces), Budget())
    assert [anomaly.kind for anomaly in result.anomalies] == kinds


def test_a_new_process_may_have_forgotten_a_term_that_it_told_nobody() -> None:
    """Its first line, the start, may be lost behind a torn one."""
    before, after = trace((2, "follower", "n1", 3, "aa"), (1, "follower", None, 3, "aa"))
    result = ElectionSafety().check(Recording(History([]), {"n1": [before | {"pid": 7}, after | {"pid": 8}]}), Budget())
    assert result.verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("traces", "verdict"),
    [
        ({"n1": QUIET, "n2": trace((1, "leader", None, 5, "bb"))}, Verdict.VALID),
        ({"n1": QUIET, "n2": trace((1, "leader", None, 5, "XX"))}, Verdict.INVALID),
        ({"n1": QUIET, "n2": trace((1, "leader", None, 4, "cc"))}, Verdict.UNKNOWN),
        ({"n1": [*QUIET, *trace((1, "follower", None, 3, "ZZ"))]}, Verdict.INVALID),
        ({}, Verdict.UNKNOWN),
    ],
)
def test_state_machine_safety(traces: Traces, verdict: Verdict) -> None:
    assert StateMachineSafety().check(Recording(History([]), traces), Budget()).verdict is verdict


def log_records(*rows: tuple[int, str, int, int]) -> list[dict[str, Any]]:
    """(term, role, commit, last index)"""
    names = ("term", "role", "commit", "last_index")
    return [dict(zip(names, row, strict=True)) | {"pid": 1} for row in rows]


@pytest.mark.parametrize(
    ("traces", "kinds"),
    [
        ({"n1": log_records((1, "leader", 0, 1), (1, "leader", 4, 5)), "n2": log_records((2, "leader", 4, 5))}, []),
        ({"n1": log_records((1, "leader", 4, 5), (1, "leader", 4, 4))}, ["leader-cut-its-log"]),
        ({"n1": log_records((1, "leader", 4, 5), (2, "follower", 4, 4), (3, "leader", 4, 4))}, []),
        ({"n1": log_records((1, "leader", 4, 5)), "n2": log_records((2, "leader", 0, 3))}, ["incomplete-leader"]),
        ({"n1": log_records((2, "follower", 4, 4)), "n2": log_records((2, "leader", 0, 3))}, []),
        ({"n1": log_records((2, "leader", 0, 3)), "n2": log_records((1, "follower", 4, 4))}, ["incomplete-leader"]),
    ],
)
def test_leader_safety(traces: Traces, kinds: list[str]) -> None:
    result = LeaderSafety().check(Recording(History([]), traces), Budget())
    assert [anomaly.kind for anomaly in result.anomalies] == kinds


class Late:
    name = "late"

    def check(self, recording: Recording, budget: Budget) -> Result:
        raise OutOfTime


class Broken:
    name = "broken"

    def check(self, recording: Recording, budget: Budget) -> Result:
        raise ZeroDivisionError("of its own")


def test_a_checker_that_fails_is_unknown_with_the_reason() -> None:
    late, broken = judge([Late(), Broken()], Recording(History([])), Budget, iter(range(9)).__next__)
    assert (late.verdict, broken.verdict) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert "time" in str(late.reason)
    assert "ZeroDivisionError: of its own" in str(broken.reason)
    assert late.seconds == 1


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        ("12:00 n1 INFO    raft: term 2: leader\n", Verdict.VALID),
        ("12:00 n1 CRITICAL node: a mistake of its own\n", Verdict.INVALID),
        ("12:00 n1 INFO x\nTraceback (most recent call last):\n", Verdict.INVALID),
        ("panic: runtime error: index out of range [3] with length 3\n", Verdict.INVALID),
        ("fatal error: all goroutines are asleep - deadlock!\n", Verdict.INVALID),
        ('{"level":"panic","msg":"failed to recover v3 backend"}\n', Verdict.VALID),
        ("WARNING: DATA RACE\n", Verdict.INVALID),
        ("thread 'raft-1' panicked at src/log.rs:80:9:\n", Verdict.INVALID),
        ("thread 'main' (7) panicked at src/main.rs:2:5:\n", Verdict.INVALID),
        ('Exception in thread "main" java.lang.IllegalStateException\n', Verdict.INVALID),
        ("java.lang.OutOfMemoryError: Java heap space\n", Verdict.INVALID),
        ("INFO java.net.ConnectException: Connection refused\n", Verdict.VALID),
        ("node: log.c:80: append: Assertion `index > last' failed.\n", Verdict.INVALID),
        ("terminate called after throwing an instance of 'std::logic_error'\n", Verdict.INVALID),
        ("==7==ERROR: AddressSanitizer: heap-use-after-free\n", Verdict.INVALID),
        ("=CRASH REPORT==== 1-Jan-2026::00:00:00 ===\n", Verdict.INVALID),
        ("Unhandled exception. System.NullReferenceException\n", Verdict.INVALID),
        ("INFO peer n2 refused the connection, and said: panic later\n", Verdict.VALID),
    ],
)
def test_node_logs(log: str, verdict: Verdict) -> None:
    result = NodeLogs().check(Recording(History([]), logs={"n1": log}), Budget())
    assert (result.verdict, len(result.anomalies)) == (verdict, int(verdict is Verdict.INVALID))


def test_a_server_that_refuses_what_the_nemesis_has_damaged_is_right_to() -> None:
    line = "10:00:01 n1 CRITICAL node: cannot start from what is stored: wal-1, byte 17"
    evidence = {"n1": {"starts": False, "refuses": line}, "n2": {"starts": True}}
    begin = Event(index=0, time=5, process="nemesis", type=EventType.OK, f="disk", value={}, evidence=evidence)
    for log, verdict in (
        (f"10:00:00 n1 INFO raft: start\n{line}\n", Verdict.VALID),
        (f"{line}\n10:00:09 n1 CRITICAL node: cannot start from what is stored: wal-1, byte 17\n", Verdict.INVALID),
    ):
        assert NodeLogs().check(Recording(History([begin]), logs={"n1": log}), Budget()).verdict is verdict
    assert NodeLogs().check(Recording(History([begin]), logs={"n2": f"{line}\n"}), Budget()).verdict is Verdict.INVALID


def test_node_logs_in_words_of_the_systems_own() -> None:
    recording = Recording(
        History([]), logs={"n1": "BAD thing\nBAD thing, as planned\n", "n2": "panic: no pattern here\n"}
    )
    (anomaly,) = NodeLogs(patterns={"bad": "^BAD"}, passed_over=["as planned"]).check(recording, Budget()).anomalies
    assert (anomaly.text, anomaly.details["pattern"]) == ("n1, line 1 of its log: BAD thing", "bad")
