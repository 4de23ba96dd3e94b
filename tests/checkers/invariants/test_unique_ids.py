"""Unique ids: by hand, and against comparing all pairs."""

from __future__ import annotations

from itertools import combinations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History
from checkers.invariants import UniqueIds
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import call, check, did, fail, history, lost, ok


def made(*ids: Any) -> list[Any]:
    return [did(process, "generate", answer=one) for process, one in enumerate(ids)]


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        (made(1, 2, 3), Verdict.VALID),
        (made(1, "1", True, [1]), Verdict.VALID),
        (made(1, 2, 1), Verdict.INVALID),
        (made(1, 1.0), Verdict.INVALID),
        (made("a", "b", "a", "a"), Verdict.INVALID),
        ([did(0, "generate", answer=1, key="x"), did(1, "generate", answer=1, key="y")], Verdict.VALID),
        ([call(0, "generate"), call(1, "generate"), ok(1, 7), ok(0, 7)], Verdict.INVALID),
        ([lost(0, "generate"), made(1)[0]], Verdict.VALID),
        ([call(0, "generate"), fail(0)], Verdict.UNKNOWN),
        ([], Verdict.UNKNOWN),
    ],
)
def test_by_hand(steps: Any, verdict: Verdict) -> None:
    assert check(UniqueIds(), history(*steps)).verdict is verdict


def test_the_words_name_both() -> None:
    (anomaly,) = check(UniqueIds(), history(*made(5, 5))).anomalies
    assert anomaly.text == "process 0 was given the id 5 at 0.001 s, and process 1 was given it too at 0.003 s"
    assert anomaly.operations == [0, 2]


def unique_by_pairs(recorded: History) -> bool:
    answered = [op for op in recorded.operations if op.outcome is EventType.OK]
    return all(one.value != other.value for one, other in combinations(answered, 2))


def against_pairs(dice: Random) -> None:
    recorded = history(*made(*(dice.randrange(12) for _ in range(dice.randrange(1, 8)))))
    assert (check(UniqueIds(), recorded).verdict is Verdict.VALID) is unique_by_pairs(recorded)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_all_pairs(dice: Random) -> None:
    against_pairs(dice)
