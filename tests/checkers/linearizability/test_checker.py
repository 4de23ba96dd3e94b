"""All keys together: merging, budgets, parallel maps."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pytest

from checkers.checker import Budget, OutOfTime, Recording
from checkers.history import History
from checkers.linearizability import Linearizability, check_register
from checkers.linearizability.register import SEARCH
from checkers.verdict import Verdict
from tests.checkers.linearizability.histories import Row, Shape, Simulation, history, operations

GOOD: list[Row] = [(0, "w", 1, 0, 1), (0, "r", 1, 2, 3)]
BAD: list[Row] = [(0, "w", 1, 0, 1), (0, "r", 2, 2, 3)]
REPEATING: list[Row] = [(0, "w", 1, 0, 1), (0, "w", 1, 2, 3), (0, "r", 1, 4, 5)]


def recording(**keys: Sequence[Row]) -> Recording:
    """The keys one after another."""
    events = [event for key, rows in keys.items() for event in history(rows, key).events]
    return Recording(History([_moved(event, index) for index, event in enumerate(events)]))


def _moved(event: Any, index: int) -> Any:
    return msgspec.structs.replace(event, index=index)


WITH_ZONES = "zones (Gibbons and Korach): 2 keys (every value that was seen has one writer)"
WITH_SEARCH = "just-in-time search (Wing and Gong, Lowe): 1 key (1 may have been written more than once)"


@pytest.mark.parametrize(
    ("keys", "verdict", "algorithm"),
    [
        ({}, Verdict.VALID, None),
        ({"a": GOOD, "b": GOOD}, Verdict.VALID, WITH_ZONES),
        ({"a": GOOD, "b": BAD}, Verdict.INVALID, WITH_ZONES),
        ({"a": REPEATING}, Verdict.VALID, WITH_SEARCH),
    ],
)
def test_keys_together(keys: dict[str, list[Row]], verdict: Verdict, algorithm: str | None) -> None:
    result = Linearizability().check(recording(**keys), Budget())
    assert (result.verdict, result.algorithm) == (verdict, algorithm)
    assert list(result.details["keys"]) == list(keys)
    assert [anomaly.key for anomaly in result.anomalies] == [key for key, rows in keys.items() if rows is BAD]


def pickling_map(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """What a pool of processes does to function, items and answers."""
    for item in items:
        sent = pickle.loads(pickle.dumps((function, item)))
        yield pickle.loads(pickle.dumps(sent[0](sent[1])))


def forever() -> float:
    return 1.0


def test_keys_can_go_to_other_processes() -> None:
    budget = Budget(seconds_left=forever, map=pickling_map)
    keys = {"a": GOOD, "b": BAD, "c": [(0, "w", 1, 0, 1), (1, "m", [3, 4, 1], 2, 3)]}
    assert Linearizability().check(recording(**keys), budget) == Linearizability().check(recording(**keys), Budget())


def test_out_of_time_is_said() -> None:
    with pytest.raises(OutOfTime):
        check_register(operations(REPEATING), None, Budget(seconds_left=lambda: 0.0))


def test_one_key_out_of_time_leaves_the_others() -> None:
    result = Linearizability().check(recording(a=REPEATING, b=GOOD), Budget(seconds_left=lambda: 0.0))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "time ran out before 1 of 2 keys could be decided (a)"
    invalid = Linearizability().check(recording(a=REPEATING, b=BAD), Budget(seconds_left=lambda: 0.0))
    assert invalid.verdict is Verdict.INVALID


def test_a_long_history_with_repeating_values_is_quick() -> None:
    shape = Shape(least_operations=3000, most_operations=3000, distinct=False)
    operations = Simulation(random.Random(7), shape).run().operations
    result = check_register(operations)
    assert (result.verdict, result.algorithm) == (Verdict.VALID, SEARCH)
