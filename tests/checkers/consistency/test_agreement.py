"""The levels as graded against their definitions, on generated histories; and that levels nest."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget
from checkers.consistency.grade import grade
from checkers.consistency.levels import WEAKER, Level
from checkers.events import EventType
from checkers.history import History
from tests.checkers.consistency.brute_force import Brute
from tests.checkers.consistency.histories import drawn

randoms = st.randoms(use_true_random=False)
SHAPES = {
    "no compare-and-sets": {"cas": 0.0},
    "compare-and-sets": {"cas": 0.2},
    "one key": {"keys": "x"},
    "repeating": {"distinct": False},
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def with_nodes(history: History, rng: random.Random) -> tuple[History, Sequence[int]]:
    """The same with nodes that answered, and restarts of nodes here and there."""
    nodes = [None] if rng.random() < 0.4 else ["n1", "n2"]
    events = [
        msgspec.structs.replace(event, node=rng.choice(nodes)) if event.type is EventType.OK else event
        for event in history.events
    ]
    restarts = sorted(rng.sample(range(len(events)), 1)) if rng.random() < 0.2 else []
    return History(events), restarts


def compare(rng: random.Random, shape: dict) -> None:
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    expected = Brute(history, restarts).holds()
    graded = grade(history, "stale", None, restarts, Budget())
    doubtful = graded.record is not None and graded.record.ambiguous
    for level, holds in expected.items():
        finding = graded.findings[level]
        if finding.holds is None:
            assert doubtful or "compare-and-sets" in finding.how, (level, finding.how)
        else:
            assert finding.holds == holds, (level, finding)


def nests(rng: random.Random, shape: dict) -> None:
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    findings = grade(history, "stale", None, restarts, Budget()).findings
    for level in Level:
        for weaker in WEAKER[level]:
            assert not (findings[level].holds and findings[weaker].holds is False)


@shapes
@settings(max_examples=120, deadline=None)
@given(rng=randoms)
def test_agrees_with_the_definitions(shape: dict, rng: random.Random) -> None:
    compare(rng, shape)


@pytest.mark.slow
@shapes
def test_agrees_with_the_definitions_at_length(shape: dict) -> None:
    for seed in range(25_000):
        try:
            compare(random.Random(seed), shape)
        except AssertionError as error:
            raise AssertionError(f"with seed {seed} of {shape}") from error
