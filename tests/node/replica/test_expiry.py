"""When leases end: by hand, and against a plain list of deadlines."""

from __future__ import annotations

import random

import pytest

from node_image.replica.command import decode
from node_image.replica.expiry import AGAIN_S, MOST_AT_ONCE, Timers
from node_image.replica.state import Lease


def ended(timers: Timers, leases: dict[str, Lease], now: float) -> list[tuple[str, int]]:
    """(key, index) of what is due."""
    return [(command.key, command.value) for command in map(decode, timers.due(leases, now))]


def test_renewing_takes_no_room() -> None:
    timers, leases = Timers(), {"k": Lease(1, 10_000)}
    for index in range(1, 10_001):
        leases["k"] = Lease(index, 10_000)
        timers.begin(["k"], leases, index / 1000)
    assert len(timers._heap) == 1
    assert ended(timers, leases, 19.9) == []
    assert ended(timers, leases, 20.0) == [("k", 10_000)]


def test_a_shorter_lease_ends_sooner() -> None:
    timers, leases = Timers(), {"k": Lease(1, 10_000)}
    timers.begin(["k"], leases, 0.0)
    leases["k"] = Lease(2, 100)
    timers.begin(["k"], leases, 1.0)
    assert timers.deadline == 1.1
    assert ended(timers, leases, 1.1) == [("k", 2)]
    del leases["k"]
    assert ended(timers, leases, 100.0) == []


def test_many_at_once_come_in_turns() -> None:
    leases = {f"k{number}": Lease(number, 5) for number in range(1, MOST_AT_ONCE + 11)}
    timers = Timers()
    timers.restart(leases, 0.0)
    assert len(timers.due(leases, 1.0)) == MOST_AT_ONCE
    assert timers.deadline <= 1.0
    assert len(timers.due(leases, 1.0)) == 10


@pytest.mark.parametrize("seed", range(20))
def test_against_a_plain_list(seed: int) -> None:
    """Random leases, renewed, dropped and ended: each is proposed when it is due, again until it is gone, and no other
    ever is."""
    rng = random.Random(seed)
    timers, leases, due = Timers(), dict[str, Lease](), dict[str, float]()
    now = 0.0
    for index in range(1, 400):
        now += rng.random() * 0.3
        key = rng.choice("abcde")
        if rng.random() < 0.6:
            leases[key] = Lease(index, rng.randrange(1, 3000))
            due[key] = now + leases[key].ttl_ms / 1000
            timers.begin([key], leases, now)
        elif rng.random() < 0.5:
            leases.pop(key, None)
            due.pop(key, None)
        expected = {(key, leases[key].log_index) for key, time in due.items() if time <= now}
        assert timers.deadline <= min(due.values(), default=float("inf"))
        assert set(ended(timers, leases, now)) == expected
        for key, _ in expected:
            due[key] = now + AGAIN_S
