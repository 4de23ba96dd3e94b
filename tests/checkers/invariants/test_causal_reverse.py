"""Causal reverse: by hand, against looking at all pairs, and with sets played to clients."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants import CausalReverse
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import call, check, did, fail, history, kinds, lost, ok, play
from tests.checkers.invariants.test_set_full import Set, add, changed, read, remove


def insert(process: int, key: str) -> Any:
    return did(process, "txn", [["w", key, 1]])


def group(process: int, **seen: Any) -> Any:
    return did(process, "txn", [["r", key, None] for key in seen], [["r", key, what] for key, what in seen.items()])


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([add(0, 1), add(0, 2), read(1, 1, 2), read(1, 1)], []),
        ([add(0, 1), add(0, 2), read(1, 2)], ["causal-reverse"]),
        ([call(0, "add", 1), add(1, 2), read(2, 2), ok(0)], []),
        ([call(0, "add", 1), call(1, "add", 2), ok(0), ok(1), read(2, 2)], []),
        # An unknown insert is never missed; when it is seen, it has a time.
        ([lost(0, "add", 1), add(1, 2), read(2, 2)], []),
        ([add(0, 1), lost(1, "add", 2), read(2, 2)], ["causal-reverse"]),
        ([add(0, 1), lost(1, "add", 2), read(2)], []),
        ([call(0, "add", 1), fail(0), add(1, 2), read(2, 2)], []),
        ([add(0, 1), add(1, 2), add(0, 3), read(2, 3, 1)], ["causal-reverse"]),
        ([add(0, 1), remove(0, 1), add(1, 2), read(2, 2)], []),
        ([add(0, "a"), add(0, 2.5), read(2, 2.5)], ["causal-reverse"]),
        # Groups: only what was asked for can be missed.
        ([insert(0, "x"), insert(1, "y"), group(2, x=1, y=1)], []),
        ([insert(0, "x"), insert(1, "y"), group(2, x=None, y=1)], ["causal-reverse"]),
        ([insert(0, "x"), insert(1, "y"), group(2, y=1, z=None)], []),
        ([insert(0, "x"), insert(1, "y"), group(2, x=1, y=None)], []),
        ([lost(0, "txn", [["w", "x", 1]]), insert(1, "y"), group(2, x=None, y=1)], []),
    ],
)
def test_by_hand(steps: Any, found: list[str]) -> None:
    assert kinds(check(CausalReverse(), history(*steps))) == found


def test_each_key_is_a_set_of_its_own() -> None:
    steps = [did(0, "add", 1, key="x"), did(0, "add", 2, key="y"), did(0, "read", answer=[2], key="y")]
    assert check(CausalReverse(), history(*steps)).verdict is Verdict.VALID


def test_without_reads_it_is_unknown() -> None:
    assert check(CausalReverse(), history(add(0, 1), read(1))).verdict is Verdict.UNKNOWN


def test_in_words() -> None:
    (anomaly,) = check(CausalReverse(), history(add(0, 1), add(1, 2), read(2, 2))).anomalies
    assert anomaly.operations == [0, 2, 4]
    assert anomaly.text == (
        "process 0's insert of 1 was acknowledged at 0.001 s, before process 1's of 2 was sent at 0.002 s, but process "
        "2 saw the second without the first at 0.005 s"
    )


def reversed_in_a_pair(operations: list[Operation]) -> bool:
    adds = [op for op in operations if op.f == "add" and op.outcome is not EventType.FAIL]
    sent: dict[Any, int] = {}
    known: dict[Any, int] = {}
    for op in adds:
        sent[op.value] = min(op.invoked, sent.get(op.value, op.invoked))
        if op.outcome is EventType.OK:
            known[op.value] = min(op.returned, known.get(op.value, op.returned))
    return any(
        known[one] < sent[other]
        for read in operations
        if read.f == "read" and read.outcome is EventType.OK
        for other in read.value
        if other in sent
        for one in known
        if one not in read.value
    )


def against_all_pairs(dice: Random) -> None:
    played = play(lambda: Set(removes=False), dice, steps=dice.randrange(45))
    assert check(CausalReverse(), played).verdict is not Verdict.INVALID
    mutated = changed(played, dice)
    found = check(CausalReverse(), mutated).verdict is Verdict.INVALID
    assert found is reversed_in_a_pair(list(mutated.operations))


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_all_pairs(dice: Random) -> None:
    against_all_pairs(dice)
