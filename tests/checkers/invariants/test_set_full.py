"""Sets: by hand, against every order of one element's operations, and with sets played to clients."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History, Operation
from checkers.invariants import SetFull
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, fail, history, kinds, lost, ok, play
from tests.checkers.invariants.orders import has_order


def add(process: int, element: Any) -> Any:
    return did(process, "add", element)


def remove(process: int, element: Any) -> Any:
    return did(process, "remove", element)


def read(process: int, *elements: Any) -> Any:
    return did(process, "read", answer=list(elements))


def has(process: int, element: Any, answer: bool) -> Any:
    return did(process, "contains", element, [element, answer])


@pytest.mark.parametrize(
    ("steps", "verdict", "found"),
    [
        ([add(0, 1), read(1, 1)], "valid", []),
        ([add(0, 1), add(0, 2), read(1, 2, 1), read(1, 1, 2)], "valid", []),
        ([add(0, 1), read(1)], "invalid", ["lost"]),
        ([add(0, 1), read(1, 1), read(1)], "invalid", ["lost"]),
        ([add(0, 1), read(1), read(1, 1)], "invalid", ["stale"]),
        # A read that overlaps the add, or the reads that see it, proves nothing.
        ([call(0, "add", 1), read(1), ok(0), read(1, 1)], "valid", []),
        ([add(0, 9), call(1, "read"), add(0, 1), ok(1, [9]), read(1, 1, 9)], "valid", []),
        ([call(0, "add", 1), read(1, 1), read(1), ok(0), read(1, 1)], "invalid", ["stale"]),
        # Lost only if no read that ended later saw it: these two overlap.
        ([add(0, 1), call(1, "read"), call(2, "read"), ok(2, []), ok(1, [1])], "invalid", ["stale"]),
        ([add(0, 1), call(1, "read"), call(2, "read"), ok(1, [1]), ok(2, [])], "invalid", ["stale"]),
        # An unknown add shows up or not, late or never, but once seen it stays.
        ([add(0, 9), lost(0, "add", 1), read(1, 9), read(1, 9)], "valid", []),
        ([add(0, 9), lost(0, "add", 1), read(1, 9), read(1, 1, 9)], "valid", []),
        ([add(0, 9), lost(0, "add", 1), read(1, 1, 9), read(1, 9)], "invalid", ["lost"]),
        # What nobody had added by then, or certainly not.
        ([add(0, 1), read(1, 1, 2)], "invalid", ["unexpected"]),
        ([read(1, 1), add(0, 1), read(1, 1)], "invalid", ["unexpected"]),
        ([add(0, 9), call(0, "add", 1), fail(0), read(1, 1, 9)], "invalid", ["unexpected"]),
        ([add(0, 1), read(1, True, 1)], "invalid", ["unexpected"]),
        ([add(0, 1), read(1, 1, 1)], "invalid", ["duplicated"]),
        ([add(0, [1, 2]), read(1, [1, 2])], "valid", []),
        # Removes: acknowledged, overlapping, unknown.
        ([add(0, 1), read(1, 1), remove(0, 1), read(1)], "valid", []),
        ([add(0, 1), read(1, 1), remove(0, 1), read(1, 1)], "invalid", ["removed-but-seen"]),
        ([add(0, 1), read(1, 1), call(0, "remove", 1), read(1), read(1), ok(0)], "valid", []),
        ([add(0, 1), read(1, 1), lost(0, "remove", 1), read(1, 1), read(1)], "valid", []),
        ([add(0, 1), read(1, 1), lost(0, "remove", 1), read(1), read(1, 1)], "invalid", ["removed-but-seen"]),
        ([add(0, 1), remove(0, 1), add(0, 1), read(1)], "invalid", ["lost"]),
        ([add(0, 1), remove(0, 1), lost(0, "add", 1), read(1), read(1, 1)], "valid", []),
        # Single elements.
        ([has(0, 1, False), add(0, 1), has(0, 1, True)], "valid", []),
        ([add(0, 1), has(0, 1, False)], "invalid", ["lost"]),
        ([has(0, 1, True)], "invalid", ["unexpected"]),
        ([add(0, 1), has(1, 1, True), remove(0, 1), has(0, 1, True)], "invalid", ["removed-but-seen"]),
        # Each key is a set of its own.
        (
            [did(0, "add", 1, key="x"), did(0, "read", answer=[1], key="x"), did(0, "read", answer=[], key="y")],
            "valid",
            [],
        ),
        ([add(0, 1)], "unknown", []),
        ([lost(0, "add", 1), read(1)], "unknown", []),
    ],
)
def test_by_hand(steps: Any, verdict: str, found: list[str]) -> None:
    result = check(SetFull(), history(*steps))
    assert (result.verdict, kinds(result)) == (verdict, found)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([add(0, 1), read(1), read(1, 1)], "valid"),
        ([add(0, 1), read(1, 1), read(1)], "invalid"),
        ([add(0, 1), read(1, 1), remove(0, 1), read(1, 1), read(1)], "valid"),
        ([add(0, 1), read(1, 1), remove(0, 1), read(1, 1)], "invalid"),
    ],
)
def test_reads_that_may_be_stale_must_come_right_in_the_end(steps: Any, verdict: str) -> None:
    assert check(SetFull(linearizable=False), history(*steps)).verdict == verdict


def test_times_and_outcomes() -> None:
    """1 is stale for 4 ms (known at 1, last missed by the read that began at 5), 2 was last seen 5 ms after it was
    known, 3 is stable, 4 is unknown and never seen."""
    steps = [add(0, 1), add(0, 2), read(1, 2), read(1, 1, 2), add(0, 3), lost(0, "add", 4), read(1, 1, 3)]
    result = check(SetFull(), history(*steps))
    details = result.details
    assert [details[name] for name in ("stable", "stale", "lost", "never_read")] == [1, 1, 1, 1]
    assert details["stable_latency"]["max_ms"] == 3.0
    assert details["lost_latency"]["max_ms"] == 4.0
    assert details["worst_stale"] == [{"key": None, "element": 1, "stale_ms": 3.0}]
    assert [(anomaly.kind, anomaly.operations) for anomaly in result.anomalies] == [
        ("lost", [2, 12]),
        ("stale", [0, 4]),
    ]
    assert result.anomalies[1].text == (
        "process 0's add of 1 was acknowledged at 0.001 s, and process 1's read, which began at 0.004 s, 3.0 ms later, "
        "did not see it"
    )


class Set:
    def __init__(self, removes: bool) -> None:
        self.removes, self.inside = removes, set[int]()

    def propose(self, dice: Random, process: int) -> Call:
        f = dice.choice(["add", "add", "read", "read", "contains", *(["remove"] if self.removes else [])])
        return call(process, f, None if f == "read" else dice.randrange(3))

    def apply(self, one: Call) -> Any:
        if one.f == "read":
            return sorted(self.inside)
        if one.f == "contains":
            return [one.value, one.value in self.inside]
        (self.inside.add if one.f == "add" else self.inside.discard)(one.value)
        return one.value


def changed(recorded: History, dice: Random) -> History:
    """One answer has an element more or less."""
    answers = [e.index for e in recorded.events if e.f in ("read", "contains") and e.type is EventType.OK]
    if not answers:
        return recorded
    index, events = dice.choice(answers), list(recorded.events)
    old = events[index].value
    new = [old[0], not old[1]] if events[index].f == "contains" else sorted({*old} ^ {dice.randrange(3)})
    events[index] = msgspec.structs.replace(events[index], value=new)
    return History(events)


def explained(operations: list[Operation], element: int) -> bool:
    def apply(inside: Any, op: Operation) -> tuple[bool, bool]:
        if op.f == "read":
            return op.outcome is not EventType.OK or inside is (element in op.value), inside
        if op.f == "contains":
            return op.outcome is not EventType.OK or inside is op.value[1], inside
        return True, op.f == "add"

    def about(op: Operation) -> bool:
        return op.f == "read" or (op.value[0] if isinstance(op.value, list) else op.value) == element

    return has_order([op for op in operations if about(op)], False, apply)


def against_every_order(dice: Random) -> None:
    removes = dice.random() < 0.5
    played = play(lambda: Set(removes), dice, steps=dice.randrange(45))
    assert check(SetFull(), played).verdict is not Verdict.INVALID
    mutated = changed(played, dice)
    right = all(explained(list(mutated.operations), element) for element in range(3))
    found = check(SetFull(), mutated).verdict is Verdict.INVALID
    assert found is not right or (removes and not found)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_order_of_one_elements_operations(dice: Random) -> None:
    against_every_order(dice)
