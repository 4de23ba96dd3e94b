"""Long forks: by hand, and against every order of the inserts."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History, Operation
from checkers.invariants import LongFork
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, fail, history, kinds, lost, play


def insert(process: int, key: str) -> Any:
    return did(process, "txn", [["w", key, 1]])


def read(process: int, **seen: Any) -> Any:
    return did(process, "txn", [["r", key, None] for key in seen], [["r", key, what] for key, what in seen.items()])


X, Y, Z = insert(0, "x"), insert(0, "y"), insert(0, "z")


@pytest.mark.parametrize(
    ("steps", "verdict", "found"),
    [
        ([X, Y, read(1, x=1, y=None), read(2, x=1, y=1)], "valid", []),
        ([X, Y, read(1, x=1, y=None), read(2, x=None, y=1)], "invalid", ["long-fork"]),
        ([lost(0, "txn", [["w", "x", 1]]), Y, read(1, x=1, y=None), read(2, x=None, y=1)], "invalid", ["long-fork"]),
        # No order in time is asked for.
        ([X, Y, read(1, x=1, y=1), read(1, x=None, y=1)], "valid", []),
        ([X, Y, Z, read(1, x=1, y=None), read(2, y=1, z=None), read(2, z=1, x=None)], "invalid", ["long-fork"]),
        ([X, Y, Z, read(1, x=1, y=None), read(2, y=1, z=None), read(2, z=None, x=1)], "valid", []),
        ([X, Y, Z, read(1, x=1, y=None, z=1), read(2, x=None, y=1, z=1)], "invalid", ["long-fork"]),
        ([X, read(1, x=2, y=None)], "invalid", ["invented-value"]),
        ([read(1, x=1, y=None), X], "invalid", ["invented-value"]),
        ([call(0, "txn", [["w", "x", 1]]), fail(0), read(1, x=1, y=None)], "invalid", ["invented-value"]),
        ([X, X, Y, read(1, x=1, y=None), read(2, x=None, y=1)], "unknown", []),
        ([X, Y, did(1, "txn", [["w", "z", 1], ["r", "z", None]], [["w", "z", 1], ["r", "z", 1]])], "unknown", []),
        ([X, Y], "unknown", []),
    ],
)
def test_by_hand(steps: Any, verdict: str, found: list[str]) -> None:
    result = check(LongFork(), history(*steps))
    assert (result.verdict, kinds(result)) == (verdict, found)


def test_in_words() -> None:
    (anomaly,) = check(LongFork(), history(X, Y, read(1, x=1, y=None), read(2, x=None, y=1))).anomalies
    assert anomaly.operations == [0, 2, 4, 6]
    assert anomaly.text == (
        'no order of the inserts explains these reads: process 2 did not see "x", and process 1 did; process 1 did not '
        'see "y", and process 2 did'
    )


class Keys:
    def __init__(self) -> None:
        self.there, self.left = dict[str, int](), list("abcd")

    def propose(self, dice: Random, process: int) -> Call:
        if self.left and dice.random() < 0.4:
            return call(process, "txn", [["w", self.left.pop(), 1]])
        return call(process, "txn", [["r", key, None] for key in dice.sample("abcd", dice.choice([2, 2, 3]))])

    def apply(self, one: Call) -> Any:
        for f, key, number in one.value:
            if f == "w":
                self.there[key] = number
        return [[f, key, self.there.get(key)] for f, key, _ in one.value]


def changed(recorded: History, dice: Random) -> History:
    """One read sees a key that it had not, or the other way round."""
    answers = [e.index for e in recorded.events if e.f == "txn" and e.type is EventType.OK and e.value[0][0] == "r"]
    if not answers:
        return recorded
    index, events = dice.choice(answers), list(recorded.events)
    (_, key, seen), *others = events[index].value
    events[index] = msgspec.structs.replace(events[index], value=[["r", key, 1 if seen is None else None], *others])
    return History(events)


def explained(reads: list[Operation], inserts: list[Operation]) -> bool:
    """Whether in some order of the inserts every read sees a beginning of it, and only what was inserted by then."""
    by_key = {op.value[0][1]: op for op in inserts}
    for read in reads:
        for _, key, seen in read.value:
            if seen is not None and (key not in by_key or by_key[key].invoked > read.returned):
                return False
    return any(all(sees_a_beginning(read, order) for read in reads) for order in permutations("abcd"))


def sees_a_beginning(read: Operation, order: tuple[str, ...]) -> bool:
    seen = {key: what is not None for _, key, what in read.value}
    asked = [seen[key] for key in order if key in seen]
    return asked == sorted(asked, reverse=True)


def against_every_order(dice: Random) -> None:
    played = play(Keys, dice, steps=dice.randrange(60))
    assert check(LongFork(), played).verdict is not Verdict.INVALID
    mutated = changed(changed(played, dice), dice)
    live = [op for op in mutated.operations if op.f == "txn"]
    reads = [op for op in live if op.value[0][0] == "r" and op.outcome is EventType.OK]
    inserts = [op for op in live if op.value[0][0] == "w" and op.outcome is not EventType.FAIL]
    assert (check(LongFork(), mutated).verdict is not Verdict.INVALID) is explained(reads, inserts)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_order(dice: Random) -> None:
    against_every_order(dice)
