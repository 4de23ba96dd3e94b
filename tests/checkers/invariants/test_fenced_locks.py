"""Locks: by hand, against every order of the operations, and with locks played to clients."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.history import History, Operation
from checkers.invariants import FencedLocks
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import Call, Failed, call, check, did, fail, history, kinds, lost, ok, play
from tests.checkers.invariants.orders import has_order

TOLD_NOT_HELD = ["holder-told-not-held", "two-holders"]


def acquire(process: int, token: int | None = None) -> Any:
    return did(process, "acquire", answer=token)


def release(process: int, token: int | None = None) -> Any:
    return did(process, "release", token)


def use(process: int, token: int) -> Any:
    return did(process, "use", token)


@pytest.mark.parametrize(
    ("steps", "plain", "lease"),
    [
        ([acquire(0, 1), release(0, 1), acquire(1, 2), release(1, 2)], [], []),
        ([acquire(0), release(0), acquire(1), release(1), acquire(0)], [], []),
        # Two at once; the second release shows that the first had believed to hold it.
        ([acquire(0, 1), acquire(1, 2)], ["two-holders"], []),
        ([acquire(0), acquire(1)], ["two-holders"], []),
        (
            [acquire(0, 1), acquire(1, 2), release(1, 2), release(0, 1)],
            ["stale-token-accepted", "two-holders"],
            ["stale-token-accepted"],
        ),
        (
            [acquire(0, 1), acquire(1, 2), call(0, "release", 1), fail(0, "not-held"), release(1, 2)],
            ["holder-told-not-held", "two-holders"],
            [],
        ),
        ([acquire(0), acquire(0)], ["two-holders"], []),
        # From the release's invocation on, nothing is certain; also if its answer never came.
        ([acquire(0, 1), call(0, "release", 1), acquire(1, 2), ok(0)], [], []),
        ([acquire(0, 1), lost(0, "release", 1), acquire(1, 2)], [], []),
        ([acquire(0), lost(0, "release"), acquire(1)], [], []),
        ([acquire(0, 1), call(0, "release", 1), fail(0), acquire(1, 2)], ["two-holders"], []),
        # Before the answer to the acquire, nobody believes anything.
        ([call(0, "acquire"), acquire(1, 1), release(1, 1), ok(0, 2)], [], []),
        (
            [acquire(0, 1), release(0, 1), call(1, "acquire"), call(2, "acquire"), ok(1, 2), ok(2, 3)],
            ["two-holders"],
            [],
        ),
        ([call(0, "acquire"), fail(0, "held"), acquire(1, 1)], [], []),
        ([lost(0, "acquire"), acquire(1, 1)], [], []),
        # Tokens.
        ([acquire(0, 2), release(0, 2), acquire(1, 1)], ["token-went-back"], ["token-went-back"]),
        ([acquire(0, 2), release(0, 2), acquire(1, 2)], ["token-used-twice"], ["token-used-twice"]),
        (
            [acquire(0, 1), lost(0, "release", 1), call(1, "acquire"), acquire(2, 3), lost(2, "release", 3), ok(1, 2)],
            [],
            [],
        ),
        ([acquire(0, 1), release(0, 1), release(0, 1)], ["released-twice"], ["released-twice"]),
        ([acquire(0, 1), release(0, 1), call(0, "release", 1), fail(0, "not-held")], [], []),
        ([acquire(0, 1), release(1, 7)], ["released-without-holding"], ["released-without-holding"]),
        ([acquire(0), release(1)], ["released-without-holding"], ["released-without-holding"]),
        ([lost(0, "acquire"), release(5, 7), acquire(1, 8)], [], []),
        (
            [acquire(0, 1), acquire(1, 2), release(0, 1)],
            ["stale-token-accepted", "two-holders"],
            ["stale-token-accepted"],
        ),
        # What the lock guards has taken a greater one already, or not yet.
        ([acquire(0, 1), acquire(1, 2), use(0, 1), use(1, 2)], ["two-holders"], []),
        (
            [acquire(0, 1), acquire(1, 2), use(1, 2), use(0, 1)],
            ["stale-token-accepted", "two-holders"],
            ["stale-token-accepted"],
        ),
        ([acquire(0, 1), acquire(1, 2), use(1, 2), call(0, "use", 1), fail(0, "stale-token")], ["two-holders"], []),
    ],
)
def test_by_hand(steps: Any, plain: list[str], lease: list[str]) -> None:
    recorded = history(*steps)
    assert kinds(check(FencedLocks(), recorded)) == plain
    assert kinds(check(FencedLocks(lease=True), recorded)) == lease


@pytest.mark.parametrize(
    ("steps", "mortal"),
    [
        # An operation of unknown outcome is the process's last: the lock ends with it.
        ([acquire(0, 1), lost(0, "acquire"), acquire(1, 2)], []),
        ([acquire(0, 1), acquire(1, 2), lost(0, "acquire")], ["two-holders"]),
        ([acquire(0, 1), call(0, "acquire"), acquire(1, 2)], ["two-holders"]),
        ([acquire(0, 1), lost(2, "acquire"), acquire(1, 2)], ["two-holders"]),
        ([acquire(0, 1), release(0, 1), acquire(1, 2)], []),
        ([acquire(0, 1), acquire(1, 2), call(0, "release", 1), fail(0, "not-held")], TOLD_NOT_HELD),
    ],
)
def test_locks_that_end_with_their_holders(steps: Any, mortal: list[str]) -> None:
    assert kinds(check(FencedLocks(mortal=True), history(*steps))) == mortal


def test_each_key_is_a_lock_of_its_own() -> None:
    steps = [did(0, "acquire", answer=1, key="x"), did(1, "acquire", answer=1, key="y")]
    assert check(FencedLocks(), history(*steps)).verdict is Verdict.VALID


def test_a_lock_that_nobody_got_is_unknown() -> None:
    assert check(FencedLocks(), history(call(0, "acquire"), fail(0, "held"))).verdict is Verdict.UNKNOWN


def test_in_words() -> None:
    recorded = history(acquire(0, 1), acquire(1, 2), release(0, 1))
    result = check(FencedLocks(), recorded)
    assert [(anomaly.text, anomaly.operations) for anomaly in result.anomalies] == [
        (
            "process 0 held the lock with the token 1 from 0.001 s until its release at 0.004 s, and process 1 was "
            "given it with the token 2 at 0.003 s",
            [0, 2],
        ),
        (
            "the token 2 was given out to process 1 at 0.003 s, and process 0 had its release with the token 1 "
            "accepted at 0.005 s",
            [2, 4],
        ),
    ]
    assert check(FencedLocks(lease=True), recorded).details["longest_overlap_ms"] == 1.0


class Lock:
    """`lease`: it runs out at times. `fenced`: it has tokens."""

    def __init__(self, lease: bool, fenced: bool) -> None:
        self.lease, self.fenced = lease, fenced
        self.last, self.holder = 0, None
        self.known: dict[int, int | None] = {}

    def propose(self, dice: Random, process: int) -> Call:
        self.expire = self.lease and dice.random() < 0.2
        if process in self.known and dice.random() < 0.8:
            token = self.known.pop(process)
            return call(process, "release", token if self.fenced else None)
        return call(process, "acquire")

    def apply(self, one: Call) -> Any:
        if self.expire:
            self.holder = None
        if one.f == "acquire":
            if self.holder is not None:
                raise Failed("held")
            self.last += 1
            self.holder = (one.process, self.last)
            self.known[one.process] = self.last
            return self.last if self.fenced else None
        if self.holder is None or self.holder[1 if self.fenced else 0] != (one.value if self.fenced else one.process):
            raise Failed("not-held")
        self.holder = None
        return None


def changed(recorded: History, dice: Random, fenced: bool) -> History:
    """An acquire or a release that was refused was not; or a token is another."""
    events = list(recorded.events)
    places = [e.index for e in events if e.type is EventType.FAIL or (e.f == "acquire" and e.type is EventType.OK)]
    if not places:
        return recorded
    index = dice.choice(places)
    old = events[index]
    token = dice.randrange(1, 6) if fenced and old.f == "acquire" and dice.random() < 0.8 else old.value
    events[index] = msgspec.structs.replace(old, type=EventType.OK, value=token, error=None)
    return History(events)


def right(recorded: History, lease: bool) -> bool:
    """Whether some order explains every answer. State: the owner of the lock ("?": of an unknown acquire), and the
    greatest token so far."""

    def apply(state: Any, op: Operation) -> tuple[bool, Any]:
        owner, greatest = state
        known = op.outcome is EventType.OK
        name = op.value if op.value is not None else f"process {op.process}"
        if op.f == "acquire":
            free = owner is None or lease
            if not known:
                return free, ("?", greatest)
            grows = op.value is None or op.value > greatest
            return free and grows, (name, greatest if op.value is None else op.value)
        may = owner == name or (owner == "?" and (op.value is None or op.value > greatest))
        return may, (None, max(greatest, op.value or 0))

    return has_order([op for op in recorded.operations if op.outcome is not EventType.FAIL], (None, 0), apply)


def against_every_order(dice: Random) -> None:
    """What is found, no order explains. (Not the other way round: that an acquire was refused, say, proves nothing.)"""
    lease, fenced = dice.random() < 0.5, dice.random() < 0.7
    played = play(lambda: Lock(lease, fenced), dice, steps=dice.randrange(40))
    checker = FencedLocks(lease=lease)
    assert check(checker, played).verdict is not Verdict.INVALID
    assert right(played, lease)
    mutated = changed(played, dice, fenced)
    assert check(checker, mutated).verdict is not Verdict.INVALID or not right(mutated, lease)


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_against_every_order(dice: Random) -> None:
    against_every_order(dice)
