"""Bank: by hand, against every choice of transfers, and with banks played to clients."""

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
from checkers.invariants import Bank
from checkers.invariants.subset import Change, Undecided, choose
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, Failed, call, check, did, fail, history, kinds, lost, ok, play

INITIAL = {"a": 5, "b": 5, "c": 0}


def moved(source: str, target: str, amount: int) -> dict[str, Any]:
    return {"from": source, "to": target, "amount": amount}


def transfer(process: int, source: str, target: str, amount: int) -> Any:
    return did(process, "transfer", moved(source, target, amount))


def read(process: int, a: Any, b: Any, c: Any) -> Any:
    return did(process, "read", answer={"a": a, "b": b, "c": c})


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([read(0, 5, 5, 0)], []),
        ([transfer(0, "a", "b", 3), read(1, 2, 8, 0)], []),
        ([transfer(0, "a", "b", 3), read(1, 5, 5, 0)], ["no-snapshot"]),
        ([read(1, 5, 6, 0)], ["wrong-total"]),
        ([transfer(0, "a", "b", 3), read(1, 2, 5, 0)], ["wrong-total"]),
        ([read(1, 5, 4, 1)], ["no-snapshot"]),
        ([transfer(0, "a", "b", 6), read(1, -1, 11, 0)], ["negative-balance"]),
        ([read(1, 5, 5, None)], ["not-balances"]),
        ([did(1, "read", answer={"a": 5, "b": 5})], ["other-accounts"]),
        ([did(1, "read", answer=[5, 5, 0])], ["not-balances"]),
        # A transfer that overlaps the read counts or not, but as a whole.
        ([call(0, "transfer", moved("a", "b", 3)), read(1, 5, 5, 0), read(1, 2, 8, 0), ok(0)], []),
        ([call(1, "read"), transfer(0, "a", "b", 3), ok(1, {"a": 5, "b": 5, "c": 0})], []),
        ([call(0, "transfer", moved("a", "b", 3)), read(1, 3, 7, 0), ok(0)], ["no-snapshot"]),
        # One without an answer counts late or never; each read is judged alone.
        ([lost(0, "transfer", moved("a", "b", 3)), read(1, 5, 5, 0), read(1, 2, 8, 0)], []),
        ([lost(0, "transfer", moved("a", "b", 3)), transfer(2, "b", "c", 1), read(1, 2, 7, 1)], []),
        ([lost(0, "transfer", moved("a", "b", 3)), transfer(2, "b", "c", 1), read(1, 3, 6, 1)], ["no-snapshot"]),
        ([call(0, "transfer", moved("a", "b", 3)), fail(0, "insufficient"), read(1, 5, 5, 0)], []),
        ([call(0, "transfer", moved("a", "b", 3)), fail(0, "insufficient"), read(1, 2, 8, 0)], ["no-snapshot"]),
        ([transfer(0, "a", "a", 3), read(1, 5, 5, 0)], []),
    ],
)
def test_by_hand(steps: Any, found: list[str]) -> None:
    result = check(Bank(initial=INITIAL), history(*steps))
    assert (kinds(result), result.verdict) == (found, Verdict.INVALID if found else Verdict.VALID)


@pytest.mark.parametrize(
    ("bank", "steps", "found"),
    [
        (Bank(), [read(0, 1, 2, 3), read(0, 3, 2, 1)], []),
        (Bank(), [read(0, 1, 2, 3), read(0, 3, 2, 2)], ["wrong-total"]),
        (Bank(total=10), [read(0, 1, 2, 3)], ["wrong-total"]),
        (Bank(total=10), [read(0, 5, 6, -1)], ["negative-balance"]),
        (Bank(total=10, negative_allowed=True), [read(0, 5, 6, -1)], []),
        (Bank(initial=INITIAL, linearizable=False), [transfer(0, "a", "b", 3), read(1, 5, 5, 0)], []),
        (Bank(), [did(0, "read", answer={"a": 1}, key="x"), did(0, "read", answer={"b": 2}, key="y")], []),
    ],
)
def test_what_is_known_of_a_bank(bank: Bank, steps: Any, found: list[str]) -> None:
    assert kinds(check(bank, history(*steps))) == found


def test_a_bank_that_was_never_read_is_unknown() -> None:
    assert check(Bank(total=1), history(transfer(0, "a", "b", 1))).verdict is Verdict.UNKNOWN


def test_a_search_that_gives_up_makes_the_answer_unknown() -> None:
    """Subsets of many amounts that nearly fit."""
    many = [lost(process, "transfer", moved("a", "b", 2 * process)) for process in range(1, 40)]
    steps = [*many, did(99, "read", answer={"a": -1, "b": 1})]
    bank = Bank(initial={"a": 0, "b": 0}, negative_allowed=True)
    result = check(bank, history(*steps))
    assert (result.verdict, result.details["snapshots_undecided"]) == (Verdict.UNKNOWN, 1)
    with pytest.raises(Undecided):
        choose({"a": -1, "b": 1}, [Change(number, "a", "b", 2 * number) for number in range(1, 40)])


def test_no_snapshot_in_words() -> None:
    steps = [call(0, "transfer", moved("a", "b", 3)), read(1, 3, 7, 0), ok(0)]
    (anomaly,) = check(Bank(initial=INITIAL), history(*steps)).anomalies
    assert anomaly.operations == [0, 1]
    assert anomaly.text == (
        'process 1 read {"a":3,"b":7,"c":0} at 0.002 s: beside all transfers acknowledged before it began, no choice '
        "among the 1 in flight and the 0 whose answers never came makes these balances"
    )


class Accounts:
    def __init__(self) -> None:
        self.balances = dict(INITIAL)

    def propose(self, dice: Random, process: int) -> Call:
        if dice.random() < 0.4:
            return call(process, "read")
        source, target = dice.sample(sorted(INITIAL), 2)
        return call(process, "transfer", moved(source, target, dice.randrange(1, 4)))

    def apply(self, one: Call) -> Any:
        if one.f == "read":
            return dict(self.balances)
        if self.balances[one.value["from"]] < one.value["amount"]:
            raise Failed("insufficient")
        self.balances[one.value["from"]] -= one.value["amount"]
        self.balances[one.value["to"]] += one.value["amount"]
        return None


def changed(recorded: History, dice: Random) -> History:
    """In one read, some money is on another account."""
    answers = [e.index for e in recorded.events if e.f == "read" and e.type is EventType.OK]
    if not answers:
        return recorded
    index, events = dice.choice(answers), list(recorded.events)
    source, target = dice.sample(sorted(INITIAL), 2)
    new = dict(events[index].value)
    new[source] -= 1
    new[target] += dice.choice([1, 1, 1, 2])
    events[index] = msgspec.structs.replace(events[index], value=new)
    return History(events)


def explained(read: Operation, operations: list[Operation]) -> bool:
    transfers = [op for op in operations if op.f == "transfer" and op.outcome is not EventType.FAIL]
    must = [op for op in transfers if op.returned < read.invoked]
    may = [op for op in transfers if op.returned > read.invoked and op.invoked < read.returned]
    if min(read.value.values()) < 0:
        return False
    for chosen in product([False, True], repeat=len(may)):
        balances = dict(INITIAL)
        for op in [*must, *(op for op, taken in zip(may, chosen, strict=True) if taken)]:
            balances[op.value["from"]] -= op.value["amount"]
            balances[op.value["to"]] += op.value["amount"]
        if balances == read.value:
            return True
    return False


def against_every_choice(dice: Random) -> None:
    played = play(Accounts, dice, steps=dice.randrange(50))
    assert check(Bank(initial=INITIAL), played).verdict is not Verdict.INVALID
    mutated = changed(played, dice)
    reads = [op for op in mutated.operations if op.f == "read" and op.outcome is EventType.OK]
    right = all(explained(read, list(mutated.operations)) for read in reads)
    assert (check(Bank(initial=INITIAL), mutated).verdict is not Verdict.INVALID) is right


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_choice(dice: Random) -> None:
    against_every_choice(dice)
