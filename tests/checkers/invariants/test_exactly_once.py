"""Exactly once: by hand, and with logs of requests played to clients that retry."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History
from checkers.invariants import ExactlyOnce
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, call, check, did, fail, history, kinds, lost, ok, play


def send(process: int, request: Any, index: int | None = None) -> Any:
    return [call(process, "send", request), ok(process, log_index=index)]


def read(process: int, *requests: Any) -> Any:
    return did(process, "read", answer=list(requests))


@pytest.mark.parametrize(
    ("steps", "verdict", "found"),
    [
        ([send(0, 1), read(1, 1)], "valid", []),
        ([lost(0, "send", 1), send(3, 1), read(1, 1)], "valid", []),
        ([lost(0, "send", 1), send(3, 1), read(1, 1, 1)], "invalid", ["took-effect-twice"]),
        ([send(0, 1), read(1, 1, 1)], "invalid", ["took-effect-twice"]),
        ([lost(0, "send", 1), read(1), read(1, 1)], "valid", []),
        ([send(0, 1), read(1)], "invalid", ["lost"]),
        ([send(0, 1), read(1), read(1, 1)], "valid", []),
        ([lost(0, "send", 1), read(1, 1), read(1)], "invalid", ["lost"]),
        ([read(1, 1), send(0, 1)], "invalid", ["never-sent"]),
        ([call(0, "send", 1), fail(0), read(1, 1)], "invalid", ["never-sent"]),
        ([call(0, "send", 1), fail(0), send(0, 1), read(1, 1)], "valid", []),
        # A retry is told what the first attempt would have been told.
        ([send(0, 1, 7), send(0, 1, 7), read(1, 1)], "valid", []),
        ([send(0, 1, 7), send(0, 1, 8), read(1, 1)], "invalid", ["answered-differently"]),
        ([send(0, 1, 7), send(0, 1), read(1, 1)], "valid", []),
        ([send(0, 1)], "unknown", []),
    ],
)
def test_by_hand(steps: Any, verdict: str, found: list[str]) -> None:
    result = check(ExactlyOnce(), history(*steps))
    assert (result.verdict, kinds(result)) == (verdict, found)


def test_in_words() -> None:
    (anomaly,) = check(ExactlyOnce(), history(lost(0, "send", 5), send(3, 5), read(1, 5, 6, 5))).anomalies[:1]
    assert anomaly.text == ("the request 5 was sent twice, and took effect twice: so process 1 read at 0.005 s")
    assert anomaly.operations == [0, 2, 4]


def test_requests_under_another_name() -> None:
    steps = [did(0, "append", 1), did(0, "get", answer=[1, 1])]
    assert kinds(check(ExactlyOnce(request="append", read="get"), history(*steps))) == ["took-effect-twice"]


class Log:
    """`once`: it knows a request again."""

    def __init__(self, once: bool) -> None:
        self.once, self.done, self.repeated = once, list[int](), False

    def propose(self, dice: Random, process: int) -> Call:
        return call(process, "read") if dice.random() < 0.4 else call(process, "send", dice.randrange(4))

    def apply(self, one: Call) -> Any:
        if one.f == "read":
            return list(self.done)
        if one.value not in self.done or not self.once:
            self.done.append(one.value)
        return None


def against_counting(dice: Random) -> None:
    """Valid ones are found valid; of those where a request may take effect twice, exactly the ones where a read saw it;
    and a request that goes missing from the last read is found, if it was known before that read began."""
    played = play(lambda: Log(once=True), dice, steps=dice.randrange(40))
    assert check(ExactlyOnce(), played).verdict is not Verdict.INVALID
    repeating = play(lambda: Log(once=False), dice, steps=dice.randrange(40))
    lists = [op.value for op in repeating.operations if op.f == "read" and op.outcome is EventType.OK]
    seen_twice = any(len(set(one)) < len(one) for one in lists)
    assert (check(ExactlyOnce(), repeating).verdict is Verdict.INVALID) is seen_twice
    reads = [op for op in played.operations if op.f == "read" and op.outcome is EventType.OK and op.value]
    if reads:
        last = max(reads, key=lambda op: op.returned)
        gone = last.value[0]
        events = list(played.events)
        events[last.returned] = msgspec.structs.replace(events[last.returned], value=last.value[1:])
        known = [
            op.returned
            for op in played.operations
            if (op.f == "read" and op.outcome is EventType.OK and gone in op.value and op is not last)
            or (op.f == "send" and op.value == gone and op.outcome is EventType.OK)
        ]
        seen_later = [op for op in reads if op is not last and op.returned > last.invoked and gone in op.value]
        certain = min(known, default=last.invoked) < last.invoked and not seen_later
        assert ("lost" in kinds(check(ExactlyOnce(), History(events)))) is certain


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_counting(dice: Random) -> None:
    against_counting(dice)
