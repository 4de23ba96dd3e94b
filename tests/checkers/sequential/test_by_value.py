"""Sequential consistency by values: tables, and generated histories against trying every interleaving."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from checkers.checker import Budget, Recording
from checkers.history import History, Operation
from checkers.sequential import SequentialByValue
from checkers.sequential.order import Order, UnwrittenValue
from checkers.sequential.steps import steps
from checkers.verdict import Verdict
from tests.checkers.sequential.histories import Row, brute_force, history, small_histories

VALID: dict[str, list[Row]] = {
    "nothing": [],
    "stale read by another process": [(0, "w", "x", 1, "ok", None), (1, "r", "x", None, "ok", None)],
    "two readers at different points": [
        (0, "w", "x", 1, "ok", None),
        (0, "w", "x", 2, "ok", None),
        (1, "r", "x", 1, "ok", None),
        (2, "r", "x", 2, "ok", None),
        (1, "r", "x", 2, "ok", None),
    ],
    "an unknown write that was seen": [(0, "w", "x", 1, "info", None), (1, "r", "x", 1, "ok", None)],
    "an unknown write that was not": [(0, "w", "x", 1, "info", None), (1, "r", "x", None, "ok", None)],
}

INVALID: dict[str, tuple[list[Row], int]] = {
    "reads go back": (
        [(0, "w", "x", 1, "ok", None), (1, "r", "x", 1, "ok", None), (1, "r", "x", None, "ok", None)],
        3,
    ),
    "own write not read": ([(0, "w", "x", 1, "ok", None), (0, "r", "x", None, "ok", None)], 2),
    "two readers disagree on the order (IRIW)": (
        [
            (0, "w", "x", 1, "ok", None),
            (1, "w", "y", 2, "ok", None),
            (2, "r", "x", 1, "ok", None),
            (2, "r", "y", None, "ok", None),
            (3, "r", "y", 2, "ok", None),
            (3, "r", "x", None, "ok", None),
        ],
        6,
    ),
    "causality across keys": (
        [
            (0, "w", "x", 1, "ok", None),
            (0, "w", "y", 2, "ok", None),
            (1, "r", "y", 2, "ok", None),
            (1, "r", "x", None, "ok", None),
        ],
        4,
    ),
    "a value from nowhere": ([(0, "w", "x", 1, "ok", None), (1, "r", "x", 7, "ok", None)], 1),
}


@pytest.mark.parametrize("rows", VALID.values(), ids=VALID)
def test_valid(rows: list[Row]) -> None:
    result = SequentialByValue().check(Recording(history(rows)), Budget())
    assert (result.verdict, result.anomalies) == (Verdict.VALID, [])


@pytest.mark.parametrize(("rows", "needed"), INVALID.values(), ids=INVALID)
def test_invalid_with_a_minimal_contradiction(rows: list[Row], needed: int) -> None:
    padding: list[Row] = [(9, "w", "z", 1, "ok", None), (8, "r", "z", 1, "ok", None)]
    result = SequentialByValue().check(Recording(history([*padding, *rows])), Budget())
    assert result.verdict is Verdict.INVALID
    assert [len(anomaly.operations) for anomaly in result.anomalies] == [needed]
    assert "process" in result.anomalies[0].text


@pytest.mark.parametrize("spends", range(1, 8))
def test_a_refutation_stands_when_time_runs_out_over_its_explanation(spends: int) -> None:
    rows = next(iter(INVALID.values()))[0]
    left = iter([1.0] * 2 + [1.0] * spends)
    result = SequentialByValue().check(Recording(history(rows)), Budget(seconds_left=lambda: next(left, 0.0)))
    assert (result.verdict, len(result.anomalies)) == (Verdict.INVALID, 1)


def test_repeated_values_are_unknown_not_guessed() -> None:
    rows: list[Row] = [(0, "w", "x", 1, "ok", None), (1, "w", "x", 1, "ok", None), (2, "r", "x", 1, "ok", None)]
    result = SequentialByValue().check(Recording(history([*rows, (2, "r", "x", None, "ok", None)])), Budget())
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None


@settings(max_examples=600)
@given(small_histories())
def test_agrees_with_every_interleaving(recorded: History) -> None:
    result = SequentialByValue().check(Recording(recorded), Budget())
    expected = Verdict.VALID if brute_force(recorded.operations) else Verdict.INVALID
    assert result.verdict is expected
    if result.verdict is Verdict.INVALID and result.anomalies[0].kind != "invented-value":
        assert not brute_force(part(recorded, result.anomalies[0].operations))


@pytest.mark.slow
@settings(max_examples=100_000)
@given(small_histories())
def test_agrees_with_every_interleaving_at_length(recorded: History) -> None:
    expected = Verdict.VALID if brute_force(recorded.operations) else Verdict.INVALID
    assert SequentialByValue().check(Recording(recorded), Budget()).verdict is expected


@settings(max_examples=300)
@given(small_histories())
def test_saturation_refutes_only_what_is_refutable(recorded: History) -> None:
    try:
        refuted = Order(steps(recorded.operations)).saturate(Budget()) is None
    except UnwrittenValue:
        return
    assert not (refuted and brute_force(recorded.operations))


def part(recorded: History, invocations: list[int]) -> list[Operation]:
    """The operations of an anomaly alone: they must contradict each other without the rest."""
    return [op for op in recorded.operations if op.invoked in invocations]


def test_the_claimed_order_is_only_a_guess() -> None:
    """Indexes that lie do not make an invalid history valid."""
    rows: list[Row] = [(0, "w", "x", 1, "ok", 5), (0, "r", "x", None, "ok", 4)]
    assert SequentialByValue().check(Recording(history(rows)), Budget()).verdict is Verdict.INVALID
