"""Hand-made histories: for every level one that satisfies what is below it and not the level itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from checkers.checker import Budget, Recording
from checkers.consistency import Level, ReadConsistency
from checkers.consistency.grade import Graded, grade, restarts
from checkers.consistency.levels import SESSION_GUARANTEES, strongest
from checkers.events import Event, EventType
from checkers.history import History
from checkers.verdict import Result, Verdict
from tests.checkers.consistency.histories import Row, history

RYW, MR, MW, WFR = SESSION_GUARANTEES
LINEARIZABLE, SEQUENTIAL, CAUSAL, EVENTUAL = Level.LINEARIZABLE, Level.SEQUENTIAL, Level.CAUSAL, Level.EVENTUAL
N1: dict[str, Any] = {"node": "n1"}
N2: dict[str, Any] = {"node": "n2"}

GAPS: dict[str, tuple[list[Row], list[Level]]] = {
    "nothing at all": ([], [LINEARIZABLE]),
    "a read of the last write": ([(0, "w", "x", 1), (1, "r", "x", 1)], [LINEARIZABLE]),
    "stale for everybody else": ([(0, "w", "x", 1), (1, "r", "x", None)], [SEQUENTIAL]),
    "two readers at different points": (
        [(0, "w", "x", 1), (0, "w", "x", 2), (1, "r", "x", 1), (2, "r", "x", 2), (1, "r", "x", 2), (2, "r", "x", 2)],
        [SEQUENTIAL],
    ),
    "independent writes seen in either order (IRIW)": (
        [
            (0, "w", "x", 1, 1, 20),
            (1, "w", "y", 2, 2, 21),
            (2, "r", "x", 1),
            (2, "r", "y", None),
            (3, "r", "y", 2),
            (3, "r", "x", None),
        ],
        [CAUSAL],
    ),
    "store buffering: both wrote, and neither saw the other": (
        [
            (0, "w", "x", 1, 1, 3),
            (1, "w", "y", 2, 2, 4),
            (0, "r", "y", None, 5, 7),
            (1, "r", "x", None, 6, 8),
        ],
        [CAUSAL],
    ),
    "a second reader of what another node brought along": (
        # What y brought along is known to a process that then asks another node.
        [(0, "w", "x", 1), (0, "w", "y", 2), (1, "r", "y", 2, 5, 6, N1), (1, "r", "x", None, 7, 8, N2)],
        [RYW, MR, MW, WFR],
    ),
    "causality through three processes that monotonic writes and writes follow reads take one by one": (
        [
            (0, "w", "x", 1),
            (0, "w", "y", 2),
            (1, "r", "y", 2),
            (1, "w", "z", 3),
            (2, "r", "z", 3),
            (2, "r", "x", None),
        ],
        [RYW, MR, MW, WFR],
    ),
    "own write not read": ([(0, "w", "x", 1), (0, "r", "x", None)], [MR, MW, WFR]),
    "own write not read, an older one instead": (
        [(1, "w", "x", 1), (0, "w", "x", 2), (0, "r", "x", 1)],
        [MR, MW, WFR],
    ),
    "reads go back": ([(0, "w", "x", 1), (1, "r", "x", 1), (1, "r", "x", None)], [RYW, MW, WFR]),
    "reads go back between writes of different processes": (
        [(0, "w", "x", 1), (1, "w", "x", 2), (2, "r", "x", 2), (2, "r", "x", 1)],
        [RYW, MW, WFR],
    ),
    "a write without what its writer had written before": (
        [(0, "w", "x", 1), (0, "w", "y", 2), (1, "r", "y", 2), (1, "r", "x", None)],
        [RYW, MR, WFR],
    ),
    "an answer without the question": (
        [(0, "w", "x", 1), (1, "r", "x", 1), (1, "w", "y", 2), (2, "r", "y", 2), (2, "r", "x", None)],
        [RYW, MR, MW],
    ),
    "a question behind a question": (
        [
            (0, "w", "x", 1),
            (1, "r", "x", 1),
            (1, "w", "y", 2),
            (2, "r", "y", 2),
            (2, "w", "z", 3),
            (3, "r", "z", 3),
            (3, "r", "x", None),
        ],
        [RYW, MR, MW],
    ),
    "everything at once": (
        [
            (0, "w", "x", 1),
            (0, "r", "x", 1),
            (0, "r", "x", None),
            (0, "w", "y", 2),
            (1, "r", "y", 2),
            (1, "r", "x", None),
        ],
        [],
    ),
    "a compare-and-set leaves no room between": (
        [(0, "w", "x", 1), (1, "c", "x", [1, 2]), (2, "r", "x", 2), (2, "r", "x", 1)],
        [RYW, MW, WFR],
    ),
    "two concurrent writes, seen in the two orders by two processes": (
        # One order of the writes cannot serve both: causal convergence and monotonic reads for either alone.
        [
            (0, "w", "x", 1, 1, 3),
            (1, "w", "x", 2, 2, 4),
            (2, "r", "x", 1),
            (2, "r", "x", 2),
            (3, "r", "x", 2),
            (3, "r", "x", 1),
        ],
        [RYW, MW, WFR],
    ),
    "a value from nowhere": ([(0, "w", "x", 1), (1, "r", "x", 7)], []),
    "a value from the future": ([(1, "r", "x", 1), (0, "w", "x", 1)], []),
    "writes that are not linearizable": (
        [(0, "w", "x", 1), (1, "c", "x", [5, 6]), (0, "w", "x", 5), (2, "r", "x", 5)],
        [],
    ),
    "an unknown write that was seen and then not": (
        [(0, "w", "x", 1, 1, None), (1, "r", "x", 1, 2, 3), (2, "r", "x", None, 4, 5)],
        [SEQUENTIAL],
    ),
    "a session ends with an unknown write": (
        [(0, "w", "x", 1, 1, None), (10, "r", "x", 1, 2, 3), (11, "r", "x", None, 4, 5)],
        [SEQUENTIAL],
    ),
}


def graded(rows: list[Row], restarts: list[int] | None = None) -> Graded:
    return grade(history(rows), "stale", None, restarts or [], Budget())


def reached(found: Graded) -> list[Level]:
    return strongest([level for level in Level if level is not EVENTUAL and found.findings[level].holds])


@pytest.mark.parametrize(("rows", "levels"), GAPS.values(), ids=GAPS)
def test_the_levels_reached(rows: list[Row], levels: list[Level]) -> None:
    found = graded(rows)
    assert reached(found) == levels
    assert all(found.findings[level].holds is not None for level in Level if level is not EVENTUAL)


@pytest.mark.parametrize(("rows", "levels"), GAPS.values(), ids=GAPS)
def test_what_is_not_reached_is_told_in_words(rows: list[Row], levels: list[Level]) -> None:
    invoked = {op.invoked for op in history(rows).operations}
    for level, finding in graded(rows).findings.items():
        if finding.holds is False and level is not EVENTUAL:
            assert finding.anomalies
            assert all("process" in anomaly.text for anomaly in finding.anomalies)
            assert all(anomaly.operations and invoked.issuperset(anomaly.operations) for anomaly in finding.anomalies)


def test_a_contradiction_is_small_and_reads_well() -> None:
    noise: list[Row] = [(5, "w", "z", 1), (5, "r", "z", 1), (6, "w", "x", 8), (6, "r", "x", 8)]
    rows: list[Row] = [*noise, (0, "w", "x", 1), (1, "r", "x", 1), (1, "w", "y", 2), (2, "r", "y", 2), (2, "r", "x", 8)]
    (anomaly,) = graded(rows).findings[WFR].anomalies
    assert anomaly.text == (
        "process 0 wrote 1 to x at 0.010 s; process 1 read 1 from x at 0.012 s, and then process 1 wrote 2 to y at "
        "0.014 s; process 2 read 2 from y at 0.016 s, and then process 2 read 8 from x at 0.018 s, which had been "
        "replaced by then: process 6 wrote 8 to x at 0.006 s, before the other write was sent at 0.009 s (who sees a "
        "write must see what its writer had read before)"
    )
    assert len(anomaly.operations) == 6


def test_a_restarted_node_may_go_back() -> None:
    rows: list[Row] = [(0, "w", "x", 1), (0, "w", "y", 2), (1, "r", "y", 2, 5, 6, N1), (1, "r", "x", None, 7, 8, N1)]
    assert MW not in reached(graded(rows))
    assert MW in reached(graded(rows, restarts=[6]))


def struck(kind: str, begin: float, end: float) -> tuple[list[Event], list[int]]:
    """The history of that test with a fault: its events, and what is taken for restarts."""
    rows: list[Row] = [(0, "w", "x", 1), (0, "w", "y", 2), (1, "r", "y", 2, 5, 6, N1), (1, "r", "x", None, 7, 8, N1)]
    told = [
        Event(
            index=0,
            time=int(at * 1_000_000),
            process="nemesis",
            type=kind_of,
            f=kind,
            value={"action": action},
            fault="f1",
        )
        for at, action, kind_of in (
            (begin, "begin", EventType.INVOKE),
            (begin + 0.1, "begin", EventType.OK),
            (end, "end", EventType.INVOKE),
            (end + 0.1, "end", EventType.OK),
        )
    ]
    events = sorted([*history(rows).events, *told], key=lambda event: event.time)
    events = [msgspec.structs.replace(event, index=at) for at, event in enumerate(events)]
    return events, restarts(History(events))


@pytest.mark.parametrize(
    ("kind", "begin", "end", "may_go_back"),
    [
        *((kind, 6.2, 6.6, True) for kind in ("kill", "power", "memory", "disk", "replace", "restart")),
        *((kind, 6.2, 6.6, False) for kind in ("clock", "partition", "pause", "membership")),
        ("restart", 0.2, 9.0, True),
        ("restart", 0.2, 0.6, False),
        ("kill", 0.2, 0.6, False),
    ],
)
def test_what_restarts_nodes(kind: str, begin: float, end: float, may_go_back: bool) -> None:
    """`restart` kills and starts from its begin to its end, and has no events between."""
    events, found = struck(kind, begin, end)
    assert (MW in reached(grade(History(events), "stale", None, found, Budget()))) == may_go_back


REPEATED: list[Row] = [(0, "w", "x", 1), (1, "w", "x", 1), (2, "r", "x", 1), (3, "r", "x", None)]


def test_repeated_values_are_unknown_not_guessed() -> None:
    findings = graded(REPEATED).findings
    assert findings[SEQUENTIAL].holds  # by an order that was found, and with it all that follows
    rows: list[Row] = [*REPEATED, (4, "r", "x", 1), (4, "r", "x", None)]
    findings = graded(rows).findings
    assert [findings[level].holds for level in (RYW, MR, CAUSAL)] == [None, None, None]
    assert "more than one write" in findings[MR].how


def test_repeated_values_that_do_not_matter_hide_no_contradiction() -> None:
    rows: list[Row] = [*REPEATED, (4, "w", "y", 5), (4, "r", "y", None)]
    assert graded(rows).findings[RYW].holds is False


def test_appends_are_graded_as_linearizable_or_not_at_all() -> None:
    events = [
        Event(index=0, time=0, process=0, type=EventType.INVOKE, f="append", key="x", value="a"),
        Event(index=1, time=1, process=0, type=EventType.OK, f="append", key="x", value="a"),
        Event(index=2, time=2, process=1, type=EventType.INVOKE, f="get", key="x", value=None),
        Event(index=3, time=3, process=1, type=EventType.OK, f="get", key="x", value="a"),
    ]
    assert grade(History(events), None, "", [], Budget()).findings[CAUSAL].holds
    stale = grade(
        History([*events[:3], Event(index=3, time=3, process=1, type=EventType.OK, f="get", key="x", value="")]),
        None,
        "",
        [],
        Budget(),
    )
    assert [stale.findings[level].holds for level in (LINEARIZABLE, CAUSAL)] == [False, None]


def test_another_initial_value() -> None:
    rows: list[Row] = [(0, "w", "x", 1), (1, "r", "x", 0), (1, "r", "x", 1), (1, "r", "x", 0)]
    findings = grade(history(rows), "stale", 0, [], Budget()).findings
    assert (findings[MR].holds, findings[RYW].holds) == (False, True)


# The end of a history


def healed(rows: list[Row], reads: list[Row]) -> History:
    first = list(history(rows).events)
    at = len(first)
    heal = [
        Event(index=at, time=at, process="nemesis", type=EventType.INVOKE, f="heal", value={}),
        Event(index=at + 1, time=at, process="nemesis", type=EventType.OK, f="heal", value={}),
    ]
    more = history(reads).events
    moved = [msgspec.structs.replace(e, index=e.index + at + 2, time=e.time + at * 10**6) for e in more]
    return History([*first, *heal, *moved])


ENDS: dict[str, tuple[list[Row], list[Row], bool | None]] = {
    "all agree": ([(0, "w", "x", 1)], [(1, "r", "x", 1), (2, "r", "x", 1)], True),
    "the last read of each process counts": ([(0, "w", "x", 1)], [(1, "r", "x", None), (1, "r", "x", 1)], True),
    "one stays behind": ([(0, "w", "x", 1)], [(1, "r", "x", 1), (2, "r", "x", None)], False),
    "an old write": ([(0, "w", "x", 1), (0, "w", "x", 2)], [(1, "r", "x", 1)], False),
    "either of two concurrent writes": (
        [(0, "w", "x", 1, 1, 3), (1, "w", "x", 2, 2, 4)],
        [(1, "r", "x", 1), (2, "r", "x", 1)],
        True,
    ),
    "but not both": (
        [(0, "w", "x", 1, 1, 3), (1, "w", "x", 2, 2, 4)],
        [(1, "r", "x", 1), (2, "r", "x", 2), (3, "r", "x", 1)],
        False,
    ),
    "an unknown write may take effect in between": (
        [(0, "w", "x", 1), (1, "w", "x", 2, 3, None)],
        [(2, "r", "x", 1), (3, "r", "x", 2), (4, "r", "x", 1)],
        True,
    ),
    "nobody read": ([(0, "w", "x", 1), (1, "r", "x", None)], [], None),
}


@pytest.mark.parametrize(("rows", "reads", "holds"), ENDS.values(), ids=ENDS)
def test_eventual(rows: list[Row], reads: list[Row], holds: bool | None) -> None:
    finding = grade(healed(rows, reads), "stale", None, [], Budget()).findings[EVENTUAL]
    assert finding.holds is holds
    assert holds is not False or "process" in finding.anomalies[0].text


def test_without_time_to_catch_up_nothing_is_said_of_the_end() -> None:
    assert graded([(0, "w", "x", 1), (1, "r", "x", None)]).findings[EVENTUAL].holds is None
    assert graded([(0, "w", "x", 1), (1, "r", "x", None), (1, "r", "x", 1)]).findings[EVENTUAL].holds is True


# Promises


def judged(rows: list[Row], *promised: Level) -> Result:
    return ReadConsistency({"stale": promised}).check(Recording(history(rows)), Budget())


@pytest.mark.parametrize(
    ("rows", "promised", "verdict", "more"),
    [
        ([(0, "w", "x", 1), (1, "r", "x", 1)], [LINEARIZABLE], Verdict.VALID, False),
        ([(0, "w", "x", 1), (1, "r", "x", 1)], [MR], Verdict.VALID, True),
        ([(0, "w", "x", 1), (1, "r", "x", None)], [LINEARIZABLE], Verdict.INVALID, False),
        ([(0, "w", "x", 1), (1, "r", "x", None)], [SEQUENTIAL], Verdict.VALID, False),
        ([(0, "w", "x", 1), (1, "r", "x", None)], [SEQUENTIAL, EVENTUAL], Verdict.VALID, False),
        ([(0, "w", "x", 1), (1, "r", "x", None)], [], Verdict.VALID, True),
        ([(0, "w", "x", 1), (0, "r", "x", None)], [RYW], Verdict.INVALID, True),
        ([(0, "w", "x", 1), (0, "r", "x", None)], [MW, WFR], Verdict.VALID, True),
        ([*REPEATED, (4, "r", "x", 1), (4, "r", "x", None)], [MR], Verdict.UNKNOWN, False),
    ],
)
def test_promises(rows: list[Row], promised: list[Level], verdict: Verdict, more: bool) -> None:
    result = judged(rows, *promised)
    assert result.verdict is verdict
    assert bool(result.anomalies) == (verdict is Verdict.INVALID)
    assert bool(result.reason) == (verdict is Verdict.UNKNOWN)
    assert result.details["modes"][0]["more"] is more


def test_each_mode_is_graded_with_all_writes_and_its_own_reads() -> None:
    rows: list[Row] = [(0, "w", "x", 1), (1, "r", "x", None), (2, "r", "x", 1), (3, "r", "x", 1)]
    modes = {2: "lease", 3: None}
    events = [
        msgspec.structs.replace(e, read=modes.get(e.process, e.read)) if e.f == "read" else e
        for e in history(rows).events
    ]
    result = ReadConsistency({"stale": [SEQUENTIAL]}).check(Recording(History(events)), Budget())
    assert [(row["mode"], row["reached"]) for row in result.details["modes"]] == [
        ("stale", ["sequential"]),
        ("lease", ["linearizable"]),
        (None, ["linearizable"]),
    ]
    assert result.algorithm == "the levels reached (stale: sequential; lease: linearizable; reads: linearizable)"


@pytest.mark.parametrize("spends", range(12))
def test_time_that_runs_out_is_unknown_never_a_pass(spends: int) -> None:
    rows: list[Row] = [(0, "w", "x", 1), (0, "w", "y", 2), (1, "r", "y", 2), (1, "r", "x", None)]
    left = iter([1.0] * spends)
    recording = Recording(history(rows))
    result = ReadConsistency({"stale": [MW]}).check(recording, Budget(seconds_left=lambda: next(left, 0.0)))
    assert result.verdict is not Verdict.VALID
