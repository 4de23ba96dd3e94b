"""Numbers that only grow: by hand, against every order of the reads, and with counters played to clients."""

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
from checkers.invariants import Monotonic
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, history, kinds, ok, play


def read(process: int, number: Any, key: str | None = None) -> Any:
    return did(process, "read", answer=number, key=key)


def both(process: int, x: Any, y: Any) -> Any:
    return did(process, "txn", [["r", "x", None], ["r", "y", None]], [["r", "x", x], ["r", "y", y]])


def two(process: int, one: str, other: str, *numbers: Any) -> Any:
    steps = [["r", one, numbers[0]], ["r", other, numbers[1]]]
    return did(process, "txn", steps, steps)


@pytest.mark.parametrize(
    ("steps", "real_time", "process"),
    [
        ([read(0, None), read(1, 1), read(0, 1), read(1, 5)], [], []),
        ([read(0, 2), read(1, 1)], ["fell"], []),
        ([read(0, 2), read(0, 1)], ["fell"], ["fell"]),
        ([read(0, 2), read(0, None)], ["fell"], ["fell"]),
        ([read(0, 2, "x"), read(0, 1, "y")], [], []),
        # Reads that overlap have no order.
        ([call(0, "read"), call(1, "read"), ok(0, 2), ok(1, 1)], [], []),
        ([call(0, "read"), read(1, 2), ok(0, 1), read(1, 2)], [], []),
        ([call(0, "read"), read(1, 2), ok(0, 3), read(1, 2)], ["fell"], []),
        # Several keys at once.
        ([both(0, 1, 1), both(1, 2, 1), both(2, 2, 3)], [], []),
        ([call(3, "txn", []), both(0, 2, 1), ok(3, [["r", "x", 1], ["r", "y", 2]])], ["fell"], ["fell"]),
        (
            [two(0, "x", "y", 0, 1), two(1, "y", "z", 0, 1), two(2, "z", "x", 0, 1)],
            ["fell"],
            ["cycle"],
        ),
    ],
)
def test_by_hand(steps: Any, real_time: list[str], process: list[str]) -> None:
    recorded = history(*steps)
    assert kinds(check(Monotonic(), recorded)) == real_time
    assert kinds(check(Monotonic(order="process"), recorded)) == process


@pytest.mark.parametrize("steps", [[], [read(0, "a")], [did(0, "write", 1)]])
def test_what_says_nothing_is_unknown(steps: Any) -> None:
    assert check(Monotonic(), history(*steps)).verdict is Verdict.UNKNOWN


def test_in_words() -> None:
    (anomaly,) = check(Monotonic(), history(read(0, 2, "x"), read(1, 1, "x"))).anomalies
    assert anomaly.operations == [0, 2]
    assert anomaly.text == (
        'no order of these reads lets every number grow: process 1 saw 1 of "x", and process 0 2; process 0\'s read '
        "was answered at 0.001 s, before process 1's began at 0.002 s"
    )


class Counters:
    """Three, read in pairs."""

    def __init__(self) -> None:
        self.numbers = {"x": 0, "y": 0, "z": 0}

    def propose(self, dice: Random, process: int) -> Call:
        if dice.random() < 0.5:
            return call(process, "grow", dice.choice(sorted(self.numbers)))
        return call(
            process, "txn", [["r", key, None] for key in dice.sample(sorted(self.numbers), dice.choice([1, 2]))]
        )

    def apply(self, one: Call) -> Any:
        if one.f == "grow":
            self.numbers[one.value] += 1
            return None
        return [["r", key, self.numbers[key]] for _, key, _ in one.value]


def changed(recorded: History, dice: Random) -> History:
    """In one read, a number is one more or less."""
    answers = [e.index for e in recorded.events if e.f == "txn" and e.type is EventType.OK]
    if not answers:
        return recorded
    index, events = dice.choice(answers), list(recorded.events)
    (_, key, number), *others = events[index].value
    new = [["r", key, number + dice.choice([-1, 1, 2])], *others]
    events[index] = msgspec.structs.replace(events[index], value=new)
    return History(events)


def explained(reads: list[Operation], order: str) -> bool:
    return any(grows(one) and keeps(one, order) for one in permutations(reads))


def grows(reads: tuple[Operation, ...]) -> bool:
    stands: dict[str, int] = {}
    for read in reads:
        for _, key, number in read.value:
            if number < stands.get(key, number):
                return False
            stands[key] = number
    return True


def keeps(reads: tuple[Operation, ...], order: str) -> bool:
    pairs = [(one, other) for place, one in enumerate(reads) for other in reads[place + 1 :]]
    if order == "process":
        return not any(one.process == other.process and other.invoked < one.invoked for one, other in pairs)
    return not any(other.returned < one.invoked for one, other in pairs)


def against_every_order(dice: Random) -> None:
    order = dice.choice(["process", "real-time"])
    played = play(Counters, dice, steps=dice.randrange(34), processes=4)
    reads = [op for op in played.operations if op.f == "txn" and op.outcome is EventType.OK]
    checker = Monotonic(order=order)
    assert check(checker, played).verdict is not Verdict.INVALID
    if len(reads) <= 6:
        mutated = changed(played, dice)
        reads = [op for op in mutated.operations if op.f == "txn" and op.outcome is EventType.OK]
        assert (check(checker, mutated).verdict is not Verdict.INVALID) is explained(reads, order)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_order(dice: Random) -> None:
    against_every_order(dice)
