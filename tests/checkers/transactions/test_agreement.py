"""What is called invalid has no serial order, tried one by one; databases are never accused of what they forbid; and
where all is read at the end, every list-append history without a serial order is found out."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget, Recording
from checkers.history import History
from checkers.transactions import ListAppend, RwRegister
from checkers.verdict import Result
from tests.checkers.transactions.brute_force import explained
from tests.checkers.transactions.simulated import LEVELS, Shape, shapes, simulate

SERIAL = {"serializable": "", "strong-session-serializable": "process", "strict-serializable": "realtime"}
"""Model -> the order that its serial orders respect."""
WRITES = ("append", "w")
randoms = st.randoms(use_true_random=False)


def judge(history: History, write: str, promised: str = "strict-serializable") -> Result:
    checker = ListAppend(promised) if write == "append" else RwRegister(promised)
    return checker.check(Recording(history), Budget())


def sound(rng: random.Random, write: str) -> None:
    """And complete for lists, where all is read at the end."""
    shape = rng.choice([*shapes(write, rng.choice([0.0, 0.1, 0.3]))])
    read_at_end = rng.random() < 0.5
    shape = Shape(**{**vars(shape), "read_at_end": read_at_end})
    history = simulate(rng, shape, rng.choice([*LEVELS]))
    ruled_out = judge(history, write).details["ruled_out"]
    for model, order in SERIAL.items():
        possible = explained(history.operations, order)
        assert not (possible and model in ruled_out), f"{model} is possible"
        if write == "append" and read_at_end:
            assert possible or model in ruled_out, f"{model} is impossible"


def never_accused(rng: random.Random, level: str, write: str) -> None:
    shape = Shape(write=write, txns=rng.randint(3, 40), processes=rng.randint(2, 6), keys="xyz", read_at_end=True)
    result = judge(simulate(rng, shape, level), write)
    assert level not in result.details["ruled_out"], result.details["anomalies"]


@pytest.mark.parametrize("write", WRITES)
@given(rng=randoms)
@settings(max_examples=60)
def test_invalid_means_that_no_serial_order_explains_it(write: str, rng: random.Random) -> None:
    sound(rng, write)


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("level", LEVELS)
@given(rng=randoms)
@settings(max_examples=12)
def test_a_database_is_never_accused_of_what_it_forbids(level: str, write: str, rng: random.Random) -> None:
    never_accused(rng, level, write)


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
def test_serial_orders_at_length(write: str) -> None:
    for seed in range(25_000):
        with_seed(seed, lambda rng: sound(rng, write))


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("level", LEVELS)
def test_databases_at_length(level: str, write: str) -> None:
    for seed in range(5_000):
        with_seed(seed, lambda rng: never_accused(rng, level, write))


def with_seed(seed: int, check: object) -> None:
    assert callable(check)
    try:
        check(random.Random(seed))
    except AssertionError as error:
        raise AssertionError(f"with seed {seed}: {error}") from error
