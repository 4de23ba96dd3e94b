"""Counter: by hand, against every choice of the adds that may count, and with counters played to clients."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History, Operation
from checkers.invariants import CounterBounds
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, fail, history, kinds, lost, ok, play


def add(process: int, number: int) -> Any:
    return did(process, "add", number)


def read(process: int, number: Any) -> Any:
    return did(process, "read", answer=number)


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([read(0, 0)], []),
        ([add(0, 5), read(1, 5), add(0, -7), read(1, -2)], []),
        ([add(0, 5), read(1, 4)], ["counter-too-low"]),
        ([add(0, 5), read(1, 6)], ["counter-too-high"]),
        # An add that overlaps the read counts or not.
        ([call(0, "add", 5), read(1, 0), read(1, 5), ok(0)], []),
        ([call(0, "add", 5), read(1, 0), ok(0), read(1, 0)], ["counter-too-low"]),
        ([call(1, "read"), add(0, 5), ok(1, 0)], []),
        ([call(1, "read"), add(0, 5), ok(1, 5)], []),
        ([call(1, "read"), add(0, 5), ok(1, 6)], ["counter-too-high"]),
        # An add without an answer may count late or never; a subtraction widens the bounds downwards.
        ([lost(0, "add", 5), read(1, 0), read(1, 5), read(1, 0)], []),
        ([add(0, 5), lost(2, "add", -3), read(1, 5), read(1, 2)], []),
        ([add(0, 5), lost(2, "add", -3), read(1, 1)], ["counter-too-low"]),
        ([add(0, 5), lost(2, "add", -3), read(1, 6)], ["counter-too-high"]),
        # What certainly failed does not count.
        ([call(0, "add", 5), fail(0), read(1, 0)], []),
        ([call(0, "add", 5), fail(0), read(1, 5)], ["counter-too-high"]),
        ([call(0, "add", -5), fail(0), read(1, -5)], ["counter-too-low"]),
        # Each key is a counter of its own.
        ([did(0, "add", 5, key="x"), did(1, "read", answer=0, key="y"), did(1, "read", answer=5, key="x")], []),
        ([read(0, "5")], ["not-a-number"]),
        ([read(0, True)], ["not-a-number"]),
    ],
)
def test_by_hand(steps: Any, found: list[str]) -> None:
    result = check(CounterBounds(), history(*steps))
    assert (kinds(result), result.verdict) == (found, Verdict.INVALID if found else Verdict.VALID)


def test_a_counter_that_was_never_read_is_unknown() -> None:
    assert check(CounterBounds(), history(add(0, 1))).verdict is Verdict.UNKNOWN


def test_only_the_adds_that_are_needed_are_shown() -> None:
    """Two of the three are more than was read; the unknown subtraction is why two are needed."""
    steps = [add(0, 3), lost(9, "add", -2), add(0, 1), add(0, 2), read(1, 2)]
    (anomaly,) = check(CounterBounds(), history(*steps)).anomalies
    assert anomaly.operations == [0, 2, 6, 8]
    assert "leave 4 to 6" in anomaly.text


def explained(read: Operation, operations: list[Operation]) -> bool:
    """Whether some choice of the adds that may count, with those that must, makes what was read."""
    adds = [op for op in operations if op.f == "add" and op.outcome is not EventType.FAIL]
    must = sum(op.value for op in adds if op.returned < read.invoked)
    may = [op.value for op in adds if op.returned > read.invoked and op.invoked < read.returned]
    return any(must + sum(chosen) == read.value for chosen in product(*((0, number) for number in may)))


class Counter:
    """Counts by one, so that every number between its bounds can be made."""

    def __init__(self) -> None:
        self.stands = 0

    def propose(self, dice: Random, process: int) -> Call:
        return call(process, "read") if dice.random() < 0.4 else call(process, "add", dice.choice([1, 1, -1]))

    def apply(self, one: Call) -> Any:
        self.stands += one.value or 0
        return self.stands if one.f == "read" else None


def changed(recorded: History, dice: Random) -> History:
    """One read sees another number."""
    answers = [e.index for e in recorded.events if e.f == "read" and e.type is EventType.OK]
    if not answers:
        return recorded
    index = dice.choice(answers)
    events = list(recorded.events)
    events[index] = msgspec.structs.replace(events[index], value=events[index].value + dice.choice([-3, -2, -1, 1, 2]))
    return History(events)


def against_every_choice(dice: Random) -> None:
    played = play(Counter, dice, steps=dice.randrange(40))
    assert check(CounterBounds(), played).verdict is not Verdict.INVALID
    mutated = changed(played, dice)
    reads = [op for op in mutated.operations if op.f == "read" and op.outcome is EventType.OK]
    right = all(explained(read, list(mutated.operations)) for read in reads)
    assert (check(CounterBounds(), mutated).verdict is not Verdict.INVALID) is right


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_choice(dice: Random) -> None:
    against_every_choice(dice)
