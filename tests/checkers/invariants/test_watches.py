"""Watches: by hand, and with feeds that are right and wrong played to watchers."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.history import History
from checkers.invariants import WatchedEvents
from checkers.verdict import Verdict
from tests.checkers.invariants.histories import call, check, did, fail, history, kinds, lost, ok


def wrote(process: int, value: int, index: int) -> list[Any]:
    return [call(process, "write", value), ok(process, value, log_index=index)]


def watched(process: int, after: int, *told: list[int]) -> list[Any]:
    return did(process, "watch", after, list(told))


def caught_up(process: int, *told: list[int]) -> list[Any]:
    return did(process, "catch-up", None, list(told))


BOTH = [wrote(0, 10, 3), wrote(0, 11, 5)]
ALL = caught_up(9, [3, 10], [5, 11])


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ([*BOTH, watched(1, 0, [3, 10], [5, 11]), watched(2, 3, [5, 11]), ALL], []),
        ([*BOTH, watched(1, 0, [3, 10]), watched(1, 3), watched(1, 3, [5, 11]), ALL], []),
        # What lies beyond the last event that was told is promised to nobody, but to those who catch up.
        ([*BOTH, watched(1, 0, [3, 10]), ALL], []),
        ([*BOTH, ALL, caught_up(1, [3, 10])], ["missed-event"]),
        ([*BOTH, ALL, caught_up(1)], ["missed-event"]),
        ([wrote(0, 10, 3), call(1, "catch-up"), wrote(0, 11, 5), ok(1, [[3, 10]]), ALL], []),
        # Missing: known from the answer to the write, or from another watcher.
        ([*BOTH, watched(1, 0, [5, 11]), ALL], ["missed-event"]),
        ([lost(0, "write", 10), wrote(2, 11, 5), watched(1, 0, [5, 11]), ALL], ["missed-event"]),
        ([lost(0, "write", 10), wrote(2, 11, 5), watched(1, 0, [5, 11]), caught_up(9, [5, 11])], []),
        # Twice, or in another order.
        ([*BOTH, watched(1, 0, [3, 10], [3, 10], [5, 11]), ALL], ["told-twice"]),
        ([*BOTH, watched(1, 3, [3, 10], [5, 11]), ALL], ["told-twice"]),
        ([*BOTH, watched(1, 0, [5, 11], [3, 10]), ALL], ["out-of-order"]),
        # Another event at an index.
        ([*BOTH, lost(2, "write", 12), watched(1, 0, [3, 12]), ALL], ["different-events"]),
        (
            [lost(2, "write", 12), lost(3, "write", 13), watched(1, 0, [3, 12]), caught_up(9, [3, 13])],
            ["different-events"],
        ),
        # Nobody wrote it, or certainly not.
        ([*BOTH, caught_up(9, [3, 10], [5, 11], [6, 99])], ["invented-event"]),
        ([*BOTH, call(1, "write", 12), fail(1), caught_up(9, [3, 10], [5, 11], [6, 12])], ["invented-event"]),
        ([*BOTH, lost(1, "write", 12), caught_up(9, [3, 10], [5, 11], [6, 12])], []),
        ([*BOTH, caught_up(9, [3, 10], [5, 11], [6, 10])], ["written-twice"]),
        # A write after another was acknowledged stands behind it.
        ([wrote(0, 11, 5), wrote(0, 10, 3), ALL], ["write-order"]),
        ([call(0, "write", 11), wrote(1, 10, 3), ok(0, 11, log_index=5), ALL], []),
    ],
)
def test_by_hand(steps: Any, found: list[str]) -> None:
    result = check(WatchedEvents(), history(*steps))
    assert kinds(result) == found
    assert (result.verdict is Verdict.VALID) is (not found)


@pytest.mark.parametrize("steps", [[], BOTH, [*BOTH, watched(1, 0, [3, 10], [5, 11])], [caught_up(1)]])
def test_without_anybody_who_saw_it_to_the_end_nothing_is_known(steps: Any) -> None:
    assert check(WatchedEvents(), history(*steps)).verdict is Verdict.UNKNOWN


def test_each_key_is_a_feed_of_its_own() -> None:
    steps = [
        *[(call(0, "write", 1, key), ok(0, 1, log_index=index)) for key, index in (("a", 2), ("b", 3))],
        *[did(9, "catch-up", None, [[index, 1]], key=key) for key, index in (("a", 2), ("b", 3))],
    ]
    assert check(WatchedEvents(), history(*steps)).verdict is Verdict.VALID


def test_the_words_say_who_shows_it() -> None:
    (anomaly,) = check(WatchedEvents(), history(*BOTH, watched(1, 0, [5, 11]), ALL)).anomalies
    assert anomaly.text == (
        "process 1, watching from index 0 somewhere, was told events up to index 5 at 0.005 s, and not that 10 was "
        "written at index 3, as the answer to process 0's write of it at 0.001 s shows"
    )
    assert anomaly.operations == [0, 4]


def feed(dice: Random, spoil: Any) -> History:
    """Writes, and watchers who go on where they were, each told what a right feed would tell, spoilt now and then."""
    log: list[list[int]] = []
    last = {1: 0, 2: 0}
    steps: list[Any] = []
    for number in range(30):
        log.append([2 * number + 1, number])
        steps.append(wrote(0, number, 2 * number + 1))
        watcher = dice.choice([1, 2])
        told = [event for event in log if event[0] > last[watcher]][: dice.randrange(6)]
        steps.append(watched(watcher, last[watcher], *spoil(list(told))))
        last[watcher] = told[-1][0] if told else last[watcher]
    return history(*steps, caught_up(1, *log), caught_up(2, *log))


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_a_right_feed_is_valid(dice: Random) -> None:
    assert check(WatchedEvents(), feed(dice, lambda told: told)).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda told: told[1:], "missed-event"),
        (lambda told: [*told, told[-1]], "told-twice"),
        (lambda told: told[::-1], "out-of-order"),
        (lambda told: [[index, value + 100] for index, value in told], "different-events"),
    ],
    ids=["drops", "repeats", "turns round", "changes"],
)
@pytest.mark.parametrize("seed", range(5))
def test_a_wrong_feed_is_found_out(spoil: Any, kind: str, seed: int) -> None:
    def sometimes(told: list[Any]) -> list[Any]:
        return spoil(told) if len(told) > 2 else told

    assert kind in kinds(check(WatchedEvents(), feed(Random(seed), sometimes)))
