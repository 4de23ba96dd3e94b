"""Total queue: by hand, against every way to give the missing away, and with queues played to clients."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History, Operation
from checkers.invariants import TotalQueue
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, fail, history, kinds, lost, ok, play


def put(process: int, element: Any) -> Any:
    return did(process, "enqueue", element)


def take(process: int, element: Any) -> Any:
    return did(process, "dequeue", answer=element)


def drain(process: int, *elements: Any) -> Any:
    return did(process, "drain", answer=list(elements))


EMPTY = did(9, "dequeue")


@pytest.mark.parametrize(
    ("steps", "verdict", "found"),
    [
        ([put(0, 1), take(1, 1), EMPTY], "valid", []),
        ([put(0, 1), put(0, 2), drain(1, 1, 2)], "valid", []),
        ([put(0, 1), EMPTY], "invalid", ["lost"]),
        ([put(0, 1), put(0, 2), drain(1, 2)], "invalid", ["lost"]),
        # It may be in the queue still.
        ([put(0, 1)], "unknown", []),
        ([EMPTY, put(0, 1)], "unknown", []),
        ([call(9, "dequeue"), put(0, 1), ok(9)], "unknown", []),
        # It comes out late: its order is not judged here.
        ([put(0, 1), EMPTY, take(1, 1)], "valid", []),
        # An unknown dequeue takes one away, and only one; a drain takes any number.
        ([put(0, 1), lost(1, "dequeue"), EMPTY], "valid", []),
        ([lost(1, "dequeue"), put(0, 1), EMPTY], "valid", []),
        ([put(0, 1), put(0, 2), lost(1, "dequeue"), EMPTY], "invalid", ["lost"]),
        ([put(0, 1), put(0, 2), lost(1, "drain"), EMPTY], "valid", []),
        ([put(0, 1), EMPTY, lost(1, "dequeue")], "invalid", ["lost"]),
        ([put(0, 1), EMPTY, lost(1, "drain"), EMPTY], "invalid", ["lost"]),
        ([put(0, 1), lost(1, "dequeue"), EMPTY, put(0, 2), EMPTY], "invalid", ["lost"]),
        ([put(0, 1), lost(1, "dequeue"), EMPTY, put(0, 2), lost(2, "dequeue"), EMPTY], "valid", []),
        # An unknown enqueue may never happen, or late.
        ([lost(0, "enqueue", 1), EMPTY], "valid", []),
        ([lost(0, "enqueue", 1), EMPTY, take(1, 1)], "valid", []),
        ([lost(0, "enqueue", 1), take(1, 1), take(1, 1)], "invalid", ["duplicated"]),
        # Once for each time.
        ([put(0, 1), take(1, 1), take(2, 1)], "invalid", ["duplicated"]),
        ([put(0, 1), take(1, 1), put(0, 1), take(2, 1), EMPTY], "valid", []),
        ([put(0, 1), take(1, 1), take(2, 1), put(0, 1)], "invalid", ["duplicated"]),
        ([put(0, 1), put(0, 1), take(1, 1), EMPTY], "invalid", ["lost"]),
        ([put(0, 1), drain(1, 1, 1)], "invalid", ["duplicated"]),
        # Nobody put it in, or only later, or that certainly failed.
        ([take(1, 7)], "invalid", ["unexpected"]),
        ([take(1, 7), put(0, 7)], "invalid", ["unexpected"]),
        ([call(0, "enqueue", 7), fail(0), take(1, 7)], "invalid", ["unexpected"]),
        ([put(0, 1), take(1, 1.0), EMPTY], "valid", []),
        ([put(0, 1), take(1, True), EMPTY], "invalid", ["lost", "unexpected"]),
        # Each key is a queue of its own.
        ([did(0, "enqueue", 1, key="x"), did(1, "dequeue", key="y")], "unknown", []),
        ([], "unknown", []),
    ],
)
def test_by_hand(steps: Any, verdict: str, found: list[str]) -> None:
    result = check(TotalQueue(), history(*steps))
    assert (result.verdict, kinds(result)) == (verdict, found)


def test_a_loss_in_words() -> None:
    (anomaly,) = check(TotalQueue(), history(put(0, 1), EMPTY)).anomalies
    assert anomaly.operations == [0, 2]
    assert anomaly.text == (
        "process 0's enqueue of 1 was acknowledged at 0.001 s, the element never came out, and process 9 found the "
        "queue empty at 0.003 s"
    )


class Bag:
    """Elements come out in any order. `element`: numbers that never repeat, or that do."""

    def __init__(self, repeats: bool) -> None:
        self.repeats, self.inside, self.last = repeats, list[int](), 0

    def propose(self, dice: Random, process: int) -> Call:
        f = dice.choice(["enqueue", "enqueue", "dequeue", "dequeue", "dequeue", "drain"])
        if f != "enqueue":
            return call(process, f)
        self.last = dice.randrange(3) if self.repeats else self.last + 1
        return call(process, f, self.last)

    def apply(self, one: Call) -> Any:
        if one.f == "enqueue":
            self.inside.append(one.value)
            return None
        if one.f == "drain":
            taken, self.inside = self.inside, []
            return taken
        return self.inside.pop() if self.inside else None


def without_one(recorded: History, dice: Random) -> History:
    """One answered operation goes missing: a dequeue (an element is lost) or an enqueue (one appears)."""
    operations = [op for op in recorded.operations if op.outcome is EventType.OK]
    if not operations:
        return recorded
    gone = dice.choice(operations)
    return History([e for e in recorded.events if e.index not in (gone.invoked, gone.returned)])


def possible(operations: list[Operation]) -> bool:
    """Whether something can be found for every unknown dequeue and drain to have taken, so that nothing is lost; and
    what came out can be matched to what was put in. Tries everything."""
    enqueues = [op for op in operations if op.f == "enqueue" and op.outcome is not EventType.FAIL]
    came = [(op, element) for op in operations for element in elements_of(op)]
    return any(nothing_lost(operations, enqueues, left) for left in matchings(came, enqueues))


def elements_of(op: Operation) -> list[Any]:
    if op.outcome is not EventType.OK or op.f == "enqueue":
        return []
    return op.value if op.f == "drain" else [] if op.value is None else [op.value]


def matchings(came: list[tuple[Operation, Any]], enqueues: list[Operation]) -> Iterator[list[Operation]]:
    """The enqueues that are left over, for every way to say which enqueue each element came from."""
    if not came:
        yield enqueues
        return
    (taker, element), *others = came
    for number, enqueue in enumerate(enqueues):
        if enqueue.value == element and enqueue.invoked < taker.returned:
            yield from matchings(others, [*enqueues[:number], *enqueues[number + 1 :]])


def nothing_lost(operations: list[Operation], enqueues: list[Operation], left: list[Operation]) -> bool:
    """Whether those left over, that were acknowledged before the queue was seen empty, can have been taken away."""
    seen_empty = [
        op
        for op in operations
        if op.outcome is EventType.OK and (op.f == "drain" or (op.f, op.value) == ("dequeue", None))
    ]
    deadlines = []
    for enqueue in left:
        ends = [op.returned for op in seen_empty if op.invoked > enqueue.returned]
        deadlines += [min(ends)] if ends else []
    unknown = [op for op in operations if op.outcome is EventType.INFO and op.f != "enqueue"]
    return can_be_given(deadlines, unknown)


def can_be_given(deadlines: list[int], takers: list[Operation]) -> bool:
    if not deadlines:
        return True
    for taker in takers:
        others = takers if taker.f == "drain" else [one for one in takers if one is not taker]
        if taker.invoked < deadlines[0] and can_be_given(deadlines[1:], others):
            return True
    return False


def against_everything(dice: Random) -> None:
    repeats = dice.random() < 0.3
    played = play(lambda: Bag(repeats), dice, steps=dice.randrange(30))
    assert check(TotalQueue(), played).verdict is not Verdict.INVALID
    mutated = without_one(played, dice)
    if sum(op.f == "enqueue" for op in mutated.operations) > 6:
        return
    right = possible(list(mutated.operations))
    found = check(TotalQueue(), mutated).verdict is Verdict.INVALID
    assert found is not right or (repeats and not found)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_everything(dice: Random) -> None:
    against_everything(dice)
