"""The fast algorithms, the general search and every order tried agree; both certificates hold."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget
from checkers.history import Operation
from checkers.models import MODELS
from checkers.models.model import read_actions
from checkers.objects import check_object
from checkers.objects.decide import FAST
from checkers.objects.outcome import Linearizable, Outcome, OutOfReach
from checkers.objects.search import search
from checkers.objects.validate import core_flaw, flaw, possible
from checkers.verdict import Verdict
from tests.checkers.objects.histories import Shape, Simulation

SHAPES = {
    "fifo-queue": Shape("fifo-queue"),
    "fifo-queue, wrong": Shape("fifo-queue", wrong=0.3),
    "fifo-queue, many unknown": Shape("fifo-queue", wrong=0.1, unknown=0.5),
    "fifo-queue, mostly enqueues": Shape("fifo-queue", wrong=0.3, unknown=0.0, balance=0.65, most_operations=10),
    "fifo-queue, repeating": Shape("fifo-queue", wrong=0.2, repeats=True, most_operations=8),
    "unordered-queue": Shape("unordered-queue"),
    "unordered-queue, wrong": Shape("unordered-queue", wrong=0.3),
    "unordered-queue, many unknown": Shape("unordered-queue", wrong=0.1, unknown=0.5, most_operations=8),
    "unordered-queue, repeating": Shape("unordered-queue", wrong=0.2, repeats=True, most_operations=8),
    "stack": Shape("stack"),
    "stack, wrong": Shape("stack", wrong=0.3),
    "stack, many unknown": Shape("stack", wrong=0.1, unknown=0.5, most_operations=8),
    "stack, mostly pushes": Shape("stack", wrong=0.3, unknown=0.0, balance=0.65, most_operations=10),
    "stack, repeating": Shape("stack", wrong=0.2, repeats=True, most_operations=8),
    "set": Shape("set"),
    "set, wrong": Shape("set", wrong=0.2),
    "set, elements one by one": Shape("set", wrong=0.2, balance=0.0, most_operations=10),
    "set, adds and reads": Shape("set", wrong=0.1, balance=1.0, most_operations=10),
    "set, repeating": Shape("set", wrong=0.2, repeats=True, most_operations=8),
    "counter": Shape("counter"),
    "counter, wrong": Shape("counter", wrong=0.2),
    "multi-register": Shape("multi-register", most_operations=8),
    "multi-register, wrong": Shape("multi-register", wrong=0.2, repeats=True, most_operations=8),
    "mutex": Shape("mutex", wrong=0.1),
    "owner-mutex": Shape("owner-mutex", wrong=0.1),
    "reentrant-mutex": Shape("reentrant-mutex", wrong=0.1, most_processes=3),
    "fenced-mutex": Shape("fenced-mutex", wrong=0.1),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
randoms = st.randoms(use_true_random=False)


@shapes
@given(rng=randoms)
@settings(max_examples=10)
def test_all_agree(shape: Shape, rng: random.Random) -> None:
    compare(rng, shape)


@pytest.mark.slow
@shapes
def test_all_agree_at_length(shape: Shape) -> None:
    for seed in range(4_000):
        try:
            compare(random.Random(seed), shape)
        except AssertionError as error:
            raise AssertionError(f"with seed {seed} of {shape}") from error


def compare(rng: random.Random, shape: Shape) -> None:
    operations = Simulation(rng, shape).run().operations
    model = MODELS[shape.model]
    everyone = [operation.invoked for operation in operations if operation.outcome == "ok"]
    truth = possible(shape.model, operations, everyone)
    assert truth or shape.wrong
    actions = model.relevant(read_actions(model, operations))
    outcomes = [search(model, part, Budget()) for part in model.parts(actions)]
    assert all(isinstance(outcome, Linearizable) for outcome in outcomes) == truth
    if shape.model in FAST:
        fast_agrees(shape, operations, outcomes)
    certified(shape, operations, truth)


def fast_agrees(shape: Shape, operations: Sequence[Operation], truths: Sequence[Outcome]) -> None:
    """Part by part, where the fast algorithm does not pass."""
    model = MODELS[shape.model]
    actions = model.relevant(read_actions(model, operations))
    for part, truth in zip(model.parts(actions), truths, strict=True):
        try:
            outcome = FAST[shape.model].decide(part)
        except OutOfReach:
            continue
        assert isinstance(outcome, Linearizable) == isinstance(truth, Linearizable)


def certified(shape: Shape, operations: Sequence[Operation], truth: bool) -> None:
    result = check_object(shape.model, operations)
    assert result.verdict is (Verdict.VALID if truth else Verdict.INVALID)
    if truth:
        assert result.witness is not None
        assert flaw(shape.model, operations, result.witness) is None
    else:
        (anomaly,) = result.anomalies
        assert anomaly.text
        assert anomaly.details["minimal"]
        assert core_flaw(shape.model, operations, anomaly.operations, cut=anomaly.details["cut"]) is None, anomaly
