"""Certificates: what the validators accept is right, and a little changed it is refused."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget, Recording
from checkers.history import History, Operation
from checkers.linearizability import Linearizability, check_register
from checkers.linearizability.refute import core_flaw
from checkers.linearizability.validate import flaw
from checkers.verdict import Verdict
from tests.checkers.linearizability.histories import Row, Shape, Simulation, operations

STALE: list[Row] = [(3, "w", 41, 0, 1), (3, "w", 52, 2, 3), (7, "r", 41, 4, 5), (7, "r", 52, 6, 7)]
ONE_AFTER_ANOTHER: list[Row] = [(0, "w", 1, 0, 1), (1, "r", 1, 2, 3), (0, "w", 2, 4, 5), (1, "r", 2, 6, 7)]


@pytest.mark.parametrize(
    ("core", "why"),
    [
        ([0, 2, 4], None),
        ([2, 4], "there is an order that explains these operations"),
        ([0, 2], "there is an order that explains these operations"),
        ([0, 2, 4, 6], "operation 0 is not needed"),
        ([], "the core is not a set of operations that may have happened"),
        ([0, 2, 4, 4], "the core is not a set of operations that may have happened"),
        ([0, 2, 5], "the core is not a set of operations that may have happened"),
    ],
)
def test_a_contradiction_is_looked_at(core: Sequence[int], why: str | None) -> None:
    assert core_flaw(operations(STALE), core, None) == why


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ([0, 2, 4, 6], None),
        ([0, 2, 4], "operations [6] are left out"),
        ([0, 2, 4, 6, 6], "an operation happens twice"),
        ([2, 0, 4, 6], "operation 0 had returned before 2 was invoked"),
    ],
)
def test_a_witness_is_looked_at(order: Sequence[int], why: str | None) -> None:
    assert flaw(operations(ONE_AFTER_ANOTHER), order, None) == why


SHAPES = {
    "distinct": Shape(wrong=0.2),
    "repeating": Shape(distinct=False, wrong=0.15),
    "appends": Shape(appends=True, most_operations=8, wrong=0.15),
}
LONG = Shape(least_operations=500, most_operations=700, wrong=0.002)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_every_answer_has_one(shape: Shape, rng: random.Random) -> None:
    certified(Simulation(rng, shape).run(), shape.initial, rng)


@pytest.mark.parametrize("seed", range(6))
def test_every_answer_on_a_long_history_has_one(seed: int) -> None:
    rng = random.Random(seed)
    certified(Simulation(rng, LONG).run(), None, rng)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [*SHAPES.values(), LONG], ids=[*SHAPES, "long"])
def test_every_answer_has_one_at_length(shape: Shape) -> None:
    for seed in range(500 if shape is LONG else 10_000):
        rng = random.Random(seed)
        certified(Simulation(rng, shape).run(), shape.initial, rng)


def certified(history: History, initial: Any, rng: random.Random) -> None:
    result = Linearizability(initial=initial).check(Recording(history), Budget())
    if result.verdict is Verdict.VALID:
        for witness in result.witnesses.values():
            assert flaw(history.operations, witness, initial) is None
            spoilt_order_is_refused(history.operations, list(witness), initial, rng)
    else:
        (anomaly,) = result.anomalies
        assert core_flaw(history.operations, anomaly.operations, initial) is None
        spoilt_core_is_refused(history.operations, anomaly.operations, initial, rng)


def spoilt_order_is_refused(ops: Sequence[Operation], order: list[int], initial: Any, rng: random.Random) -> None:
    """An operation that is certain is left out; one stands before another that had returned before it began."""
    certain = [op for op in ops if op.outcome == "ok"]
    if certain:
        victim = rng.choice(certain).invoked
        assert flaw(ops, [index for index in order if index != victim], initial) is not None
    returned = {op.invoked: op.returned for op in ops}
    apart = [at for at in range(1, len(order)) if returned[order[at - 1]] < order[at]]
    if apart:
        at = rng.choice(apart)
        order[at - 1], order[at] = order[at], order[at - 1]
        assert flaw(ops, order, initial) is not None


def spoilt_core_is_refused(ops: Sequence[Operation], core: Sequence[int], initial: Any, rng: random.Random) -> None:
    """One of its operations is left out; a needless one is added."""
    victim = rng.choice(core)
    assert core_flaw(ops, [index for index in core if index != victim], initial) is not None
    others = [op.invoked for op in ops if op.outcome != "fail" and op.invoked not in core]
    if others:
        assert core_flaw(ops, [*core, rng.choice(others)], initial) is not None


def test_a_contradiction_that_is_too_large_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkers.linearizability.refute.MOST_STEPS", 2)
    assert core_flaw(operations(STALE), [0, 2, 4], None) == "more than 2 steps would have to be tried"


def test_a_register_s_answer_has_one_too() -> None:
    assert list(check_register(operations(ONE_AFTER_ANOTHER)).witness or ()) == [0, 2, 4, 6]
    assert check_register(operations(STALE)).anomalies[0].operations == [0, 2, 4]
