"""Sequential reads by log index: tables, and generated histories against trying every place for unknown writes."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import History, Operation
from checkers.sequential import LinearizableByIndex, SequentialByIndex, StaleByIndex
from checkers.verdict import Verdict
from tests.checkers.sequential.histories import Row, history

VALID: dict[str, list[Row]] = {
    "a lagging follower": [(0, "w", "x", 1, "ok", 5), (1, "r", "x", None, "ok", 4)],
    "reads between writes": [
        (0, "w", "x", 1, "ok", 5),
        (0, "w", "x", 2, "ok", 7),
        (1, "r", "x", 1, "ok", 6),
        (1, "r", "x", 2, "ok", 7),
    ],
    "an unknown write in a gap": [
        (0, "w", "x", 1, "ok", 5),
        (2, "w", "x", 9, "info", None),
        (0, "w", "x", 2, "ok", 7),
        (1, "r", "x", 9, "ok", 6),
    ],
    "an unknown compare-and-set behind an unknown write": [
        (0, "w", "x", 1, "ok", 5),
        (2, "w", "x", 8, "info", None),
        (3, "c", "x", [8, 9], "info", None),
        (1, "r", "x", 9, "ok", 7),
    ],
    "a mismatch reads": [(0, "w", "x", 1, "ok", 5), (1, "c", "x", [1, 2], "ok", 6), (0, "r", "x", 2, "ok", 6)],
}

INVALID: dict[str, tuple[list[Row], str]] = {
    "own write not seen": ([(0, "w", "x", 1, "ok", 5), (0, "r", "x", None, "ok", 4)], "index-went-back"),
    "reads go back": ([(1, "r", "x", None, "ok", 4), (1, "r", "x", None, "ok", 3)], "index-went-back"),
    "stale at its own index": ([(0, "w", "x", 1, "ok", 5), (1, "r", "x", None, "ok", 5)], "stale-read"),
    "log against real time": ([(0, "w", "x", 1, "ok", 5), (1, "w", "y", 2, "ok", 4)], "write-order"),
    "no room for the unknown write": (
        [
            (0, "w", "x", 1, "ok", 5),
            (2, "w", "x", 9, "info", None),
            (0, "w", "y", 2, "ok", 6),
            (1, "r", "x", 9, "ok", 6),
        ],
        "impossible-index",
    ),
    "the unknown write is gone again": (
        [(2, "w", "x", 9, "info", None), (1, "r", "x", 9, "ok", 6), (3, "r", "x", None, "ok", 8)],
        "stale-read",
    ),
    "an unknown compare-and-set on another value": (
        [
            (0, "w", "x", 1, "ok", 5),
            (0, "w", "x", 2, "ok", 6),
            (3, "c", "x", [1, 9], "info", None),
            (1, "r", "x", 9, "ok", 8),
        ],
        "wrong-value",
    ),
    "no room for an unknown compare-and-set and what it expected": (
        [
            (0, "w", "x", 1, "ok", 5),
            (2, "w", "x", 8, "info", None),
            (3, "c", "x", [8, 9], "info", None),
            (1, "r", "x", 9, "ok", 6),
        ],
        "impossible-index",
    ),
    "a compare-and-set on another value": (
        [(0, "w", "x", 1, "ok", 5), (1, "c", "x", [3, 2], "ok", 6), (4, "w", "x", 3, "ok", 7)],
        "wrong-value",
    ),
}


@pytest.mark.parametrize("rows", VALID.values(), ids=VALID)
def test_valid(rows: list[Row]) -> None:
    result = SequentialByIndex().check(Recording(history(rows)), Budget())
    assert (result.verdict, result.anomalies) == (Verdict.VALID, [])


@pytest.mark.parametrize(("rows", "kind"), INVALID.values(), ids=INVALID)
def test_invalid(rows: list[Row], kind: str) -> None:
    result = SequentialByIndex().check(Recording(history(rows)), Budget())
    assert result.verdict is Verdict.INVALID
    assert {anomaly.kind for anomaly in result.anomalies} == {kind}
    assert "process" in result.anomalies[0].text


def test_one_index_for_two_writes() -> None:
    rows: list[Row] = [(0, "w", "x", 1, "ok", 5), (1, "w", "y", 2, "ok", 5)]
    result = SequentialByIndex().check(Recording(history(rows)), Budget())
    assert [anomaly.kind for anomaly in result.anomalies] == ["shared-index", "write-order"]


def test_an_answer_without_an_index_is_unknown() -> None:
    result = SequentialByIndex().check(Recording(history([(0, "w", "x", 1, "ok", None)])), Budget())
    assert result.verdict is Verdict.UNKNOWN


MODES: dict[str, tuple[list[Row], set[str], set[str], set[str]]] = {
    # the kinds of anomaly by LinearizableByIndex, SequentialByIndex and StaleByIndex
    "a lagging follower": (
        [(0, "w", "x", 1, "ok", 5), (1, "r", "x", None, "ok", 4)],
        {"index-behind"},
        set(),
        set(),
    ),
    "own write not seen": (
        [(0, "w", "x", 1, "ok", 5), (0, "r", "x", None, "ok", 4)],
        {"index-behind"},
        {"index-went-back"},
        set(),
    ),
    "behind a read of another key by another process": (
        [(0, "r", "y", None, "ok", 7), (1, "r", "x", None, "ok", 6)],
        {"index-behind"},
        set(),
        set(),
    ),
    "a wrong value at its index": (
        [(0, "w", "x", 1, "ok", 5), (1, "r", "x", None, "ok", 5)],
        {"stale-read"},
        {"stale-read"},
        {"stale-read"},
    ),
    "writes against time": (
        [(0, "w", "x", 1, "ok", 5), (1, "w", "y", 2, "ok", 4)],
        {"write-order"},
        {"write-order"},
        {"write-order"},
    ),
    "values may repeat": (
        [
            (0, "w", "x", 1, "ok", 5),
            (1, "w", "x", 2, "ok", 6),
            (1, "w", "x", 1, "ok", 7),
            (0, "r", "x", 1, "ok", 8),
        ],
        set(),
        set(),
        set(),
    ),
}


@pytest.mark.parametrize(("rows", "linearizable", "sequential", "stale"), MODES.values(), ids=MODES)
def test_each_mode_by_what_it_promises(
    rows: list[Row], linearizable: set[str], sequential: set[str], stale: set[str]
) -> None:
    judges = (LinearizableByIndex(), SequentialByIndex(), StaleByIndex())
    for judge, kinds in zip(judges, (linearizable, sequential, stale), strict=True):
        result = judge.check(Recording(history(rows)), Budget())
        assert ({anomaly.kind for anomaly in result.anomalies}, result.reason) == (kinds, None)


@pytest.mark.parametrize("judge", [LinearizableByIndex(), StaleByIndex()], ids=lambda judge: judge.name)
def test_where_no_index_is_reported_nothing_is_judged(judge: Any) -> None:
    rows: list[Row] = [(0, "w", "x", 1, "ok", None), (0, "r", "x", None, "ok", None)]
    result = judge.check(Recording(history(rows)), Budget())
    assert (result.verdict, result.operations) == (Verdict.VALID, 0)


def test_two_unknown_writes_of_one_value_are_unknown_not_guessed() -> None:
    rows: list[Row] = [(0, "w", "x", 1, "info", None), (1, "w", "x", 1, "info", None), (2, "r", "x", 1, "ok", 5)]
    result = SequentialByIndex().check(Recording(history(rows)), Budget())
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None


@st.composite
def claimed_histories(draw: st.DrawFn) -> History:
    """A log of up to six indexes is played; operations report indexes that are mostly, not always, true. Acknowledged
    writes may repeat a value."""
    rows: list[Row] = []
    values: dict[str, list[int | None]] = {"x": [None], "y": [None]}
    for number in range(draw(st.integers(0, 6))):
        key, process = draw(st.sampled_from("xy")), draw(st.integers(0, 2))
        if draw(st.booleans()):
            unknown = draw(st.integers(0, 2)) == 0
            before = draw(st.sampled_from(values[key]))
            values[key].append(number + 1)
            index = None if unknown else draw(st.integers(1, 6))
            if unknown and draw(st.booleans()):
                rows.append((100 + number, "c", key, [before, number + 1], "info", None))
                continue
            value = number + 1
            if not unknown and draw(st.integers(0, 3)) == 0:
                value = draw(st.sampled_from([known for known in values[key] if known is not None]))
            rows.append((100 + number if unknown else process, "w", key, value, "info" if unknown else "ok", index))
        else:
            rows.append((process, "r", key, draw(st.sampled_from(values[key])), "ok", draw(st.integers(0, 6))))
    return history(rows)


@pytest.mark.slow
@settings(max_examples=100_000)
@given(claimed_histories())
def test_agrees_with_every_placement_at_length(recorded: History) -> None:
    result = SequentialByIndex().check(Recording(recorded), Budget())
    assert (result.verdict is Verdict.VALID) == brute_force(list(recorded.operations))


@settings(max_examples=1000)
@given(claimed_histories())
def test_agrees_with_every_placement(recorded: History) -> None:
    result = SequentialByIndex().check(Recording(recorded), Budget())
    assert (result.verdict is Verdict.VALID) == brute_force(list(recorded.operations))


def brute_force(operations: list[Operation]) -> bool:
    """Every place (or none) for every unknown write; then the four rules, word for word."""
    unknown = [op for op in operations if op.outcome is EventType.INFO]
    return any(
        _holds(operations, dict(zip((op.invoked for op in unknown), places, strict=True)))
        for places in product([None, *range(1, 7)], repeat=len(unknown))
    )


def _holds(operations: list[Operation], places: dict[int, int | None]) -> bool:
    at: dict[int, int | None] = {}
    for op in operations:
        at[op.invoked] = places[op.invoked] if op.invoked in places else _reported(op)
    writes = [(index, op) for op in operations if op.f != "read" and (index := at[op.invoked]) is not None]
    if len({index for index, _ in writes}) < len(writes):
        return False
    told = [(index, op) for op in operations if op.outcome is EventType.OK and (index := at[op.invoked]) is not None]
    if any(a.returned < b.invoked and i >= j for i, a in told for j, b in writes):
        return False
    if any(op.f == "cas" and _value(op.key, index - 1, writes) != op.value[0] for index, op in writes):
        return False
    reads = [op for op in operations if op.f == "read"]
    return all(op.value == _value(op.key, at[op.invoked], writes) for op in reads) and _never_back(operations, at)


def _reported(op: Operation) -> int | None:
    return op.completion.log_index if op.completion is not None else None


def _value(key: str | None, index: Any, writes: list[tuple[int, Operation]]) -> Any:
    """What the key holds at an index."""
    below = [(i, op.value[1] if op.f == "cas" else op.value) for i, op in writes if op.key == key and i <= index]
    return max(below)[1] if below else None


def _never_back(operations: list[Operation], at: dict[int, int | None]) -> bool:
    seen: dict[int, int] = {}
    for op in operations:
        index = at[op.invoked]
        if index is None:
            continue
        if op.f == "read" and index < seen.get(op.process, 0):
            return False
        seen[op.process] = max(index, seen.get(op.process, 0))
    return True
