"""Small histories, literal verdicts: what is valid, what is not, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from checkers.linearizability import NotARegister, check_register
from checkers.linearizability.register import SEARCH, ZONES
from checkers.linearizability.validate import flaw
from checkers.verdict import Verdict
from tests.checkers.linearizability.histories import Row, operations

VALID: dict[str, list[Row]] = {
    "nothing at all": [],
    "the initial value": [(0, "r", None, 0, 1)],
    "one after another": [(0, "w", 1, 0, 1), (0, "r", 1, 2, 3)],
    "a read beside a write sees the old value": [(0, "w", 1, 0, 9), (1, "r", None, 2, 3)],
    "a read beside a write sees the new value": [(0, "w", 1, 0, 9), (1, "r", 1, 2, 3)],
    "two writes beside each other, in either order": [(0, "w", 1, 0, 5), (1, "w", 2, 1, 4), (0, "r", 1, 6, 7)],
    "an unknown write never happened": [(0, "w", 1, 0, 1, "info"), (1, "r", None, 2, 3)],
    "an unknown write happened late": [(0, "w", 1, 0, 1, "info"), (1, "r", None, 2, 3), (1, "r", 1, 4, 5)],
    "a write without an answer happened": [(0, "w", 1, 0, None), (1, "r", 1, 2, 3)],
    "a failed write is not there": [(0, "w", 1, 0, 1, "fail"), (1, "r", None, 2, 3)],
    "a failed read says nothing": [(0, "w", 1, 0, 1), (1, "r", 7, 2, 3, "fail"), (1, "r", 9, 4, 5, "info")],
    "compare-and-sets in a chain": [
        (0, "w", 1, 0, 1),
        (1, "c", [1, 2], 2, 9),
        (2, "c", [2, 3], 3, 8),
        (0, "r", 3, 10, 11),
    ],
    "a mismatch saw the value": [(0, "w", 1, 0, 1), (1, "m", [5, 6, 1], 2, 3)],
    "an unknown compare-and-set, seen": [(0, "w", 1, 0, 1), (1, "c", [1, 2], 2, 3, "info"), (0, "r", 2, 4, 5)],
    "unknown ones seen through each other": [
        (0, "w", 1, 0, 1, "info"),
        (1, "c", [1, 2], 2, 3, "info"),
        (2, "c", [2, 3], 4, 5, "info"),
        (3, "m", [9, 9, 3], 6, 7),
    ],
    "from a value to itself": [(0, "w", 1, 0, 1), (0, "c", [1, 1], 2, 3), (1, "c", [1, 1], 4, 5), (0, "r", 1, 6, 7)],
    "1.0 is 1": [(0, "w", 1, 0, 1), (0, "r", 1.0, 2, 3)],
    "any JSON value": [(0, "w", {"a": [1], "b": None}, 0, 1), (0, "r", {"b": None, "a": [1]}, 2, 3)],
    "values repeat": [(0, "w", 1, 0, 1), (0, "w", 2, 2, 3), (0, "w", 1, 4, 5), (0, "r", 1, 6, 7)],
    "the initial value comes back": [(0, "w", 1, 0, 1), (0, "w", None, 2, 3), (0, "r", None, 4, 5)],
    "repeated, but never seen": [(0, "w", 1, 0, 1), (0, "w", 1, 2, 3), (0, "w", 2, 4, 5), (0, "r", 2, 6, 7)],
}

INVALID: dict[str, tuple[list[Row], str, list[int], str]] = {
    "out of nowhere": (
        [(0, "w", 1, 0, 1), (1, "r", 9, 2, 3)],
        "read-of-never-written-value",
        [2],
        "process 1 read 9 at 0.003 s, a value that nobody ever wrote",
    ),
    "true is not 1": (
        [(0, "w", 1, 0, 1), (1, "r", True, 2, 3)],
        "read-of-never-written-value",
        [2],
        "process 1 read true at 0.003 s, a value that nobody ever wrote",
    ),
    "what failed": (
        [(0, "w", 1, 0, 1, "fail"), (1, "r", 1, 2, 3)],
        "read-of-failed-write",
        [2],
        "process 1 read 1 at 0.003 s, but process 0's write of 1, which was sent at 0.000 s, certainly failed",
    ),
    "the future": (
        [(1, "r", 1, 0, 1), (0, "w", 1, 2, 3)],
        "read-from-future",
        [0],
        "process 1 read 1 at 0.001 s, before process 0's write of 1 was sent at 0.002 s, the first of that value",
    ),
    "old after new": (
        [(3, "w", 41, 0, 1), (3, "w", 52, 2, 3), (7, "r", 41, 4, 5), (7, "r", 52, 6, 7)],
        "stale-read",
        [0, 2, 4],
        "process 7 read 41 at 0.005 s, after process 3's write of 52 had been acknowledged at 0.003 s; that was begun "
        "at 0.002 s, after process 3's write of 41 had been acknowledged at 0.001 s",
    ),
    "going back between two reads": (
        [(0, "w", 1, 0, 9), (1, "r", 1, 1, 2), (2, "r", None, 3, 4)],
        "stale-read",
        [1, 3],
        "process 2 read null at 0.004 s (the initial value), after process 1 had read 1 at 0.002 s",
    ),
    "gone for good": (
        [(0, "w", 1, 0, 1), (1, "r", None, 2, 3), (2, "r", None, 4, 5)],
        "lost-write",
        [0, 2],
        "process 1 read null at 0.003 s (the initial value), after process 0's write of 1 had been acknowledged at "
        "0.001 s",
    ),
    "gone for one alone": (
        [(0, "w", 1, 0, 1), (1, "r", None, 2, 3), (1, "r", None, 4, 5)],
        "stale-read",
        [0, 2],
        "process 1 read null at 0.003 s (the initial value), after process 0's write of 1 had been acknowledged at "
        "0.001 s",
    ),
    "two from one": (
        [(0, "w", 1, 0, 1), (1, "c", [1, 2], 2, 5), (2, "c", [1, 3], 3, 4)],
        "cas-conflict",
        [2, 3],
        "process 1's compare-and-set from 1 to 2 (0.002 s to 0.005 s) and process 2's compare-and-set from 1 to 3 "
        "(0.003 s to 0.004 s) both succeeded, though 1 was there once",
    ),
    "in a circle": (
        [(1, "c", [1, 2], 2, 5), (2, "c", [2, 1], 3, 4)],
        "cas-circle",
        [0, 1],
        "process 1's compare-and-set from 1 to 2 (0.002 s to 0.005 s) and process 2's compare-and-set from 2 to 1 "
        "(0.003 s to 0.004 s) all succeeded, each replacing what another one of them wrote",
    ),
    "refused a match": (
        [(0, "w", 1, 0, 1), (1, "m", [1, 2, 1], 2, 3)],
        "cas-refused-match",
        [2],
        "process 1's compare-and-set from 1 to 2 answered at 0.003 s that it did not match, but saw 1",
    ),
    "replaced what was gone": (
        [(0, "w", 1, 0, 1), (0, "w", 2, 2, 3), (1, "c", [1, 3], 4, 5)],
        "stale-cas",
        [0, 2, 4],
        "process 1 replaced 1 by 3 at 0.005 s, after process 0's write of 2 had been acknowledged at 0.003 s; that was "
        "begun at 0.002 s, after process 0's write of 1 had been acknowledged at 0.001 s",
    ),
    "two reads that disagree": (
        [(0, "w", 1, 0, 5), (1, "w", 2, 1, 4), (2, "r", 1, 6, 9), (3, "r", 2, 7, 8)],
        "not-linearizable",
        [0, 1, 4, 5],
        "no order explains these together: process 0's write of 1 (0.000 s to 0.005 s); process 1's write of 2 "
        "(0.001 s to 0.004 s); process 2 read 1 (0.006 s to 0.009 s); process 3 read 2 (0.007 s to 0.008 s)",
    ),
    "repeated, and seen too late": (
        [(0, "w", 1, 0, 1), (0, "w", 2, 2, 3), (0, "w", 1, 4, 5), (0, "w", 3, 6, 7), (1, "r", 1, 8, 9)],
        "stale-read",
        [0, 4, 6, 8],
        "process 1 read 1 at 0.009 s, after process 0's write of 3 had been acknowledged at 0.007 s; that was begun at "
        "0.006 s, after process 0's write of 1 had been acknowledged at 0.005 s; that was begun at 0.004 s, after "
        "process 0's write of 1 had been acknowledged at 0.001 s",
    ),
}


@pytest.mark.parametrize("rows", VALID.values(), ids=VALID.keys())
def test_valid(rows: Sequence[Row]) -> None:
    result = check_register(operations(rows))
    assert result.verdict is Verdict.VALID
    assert result.witness is not None
    assert flaw(operations(rows), result.witness, None) is None


@pytest.mark.parametrize(("rows", "kind", "needed", "text"), INVALID.values(), ids=INVALID.keys())
def test_invalid(rows: Sequence[Row], kind: str, needed: Sequence[int], text: str) -> None:
    result = check_register(operations(rows))
    assert result.verdict is Verdict.INVALID
    (anomaly,) = result.anomalies
    assert (anomaly.kind, anomaly.operations, anomaly.text) == (kind, needed, text)
    assert anomaly.details["minimal"]


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("unknown ones seen through each other", ZONES),
        ("repeated, but never seen", ZONES),
        ("values repeat", SEARCH),
        ("the initial value comes back", SEARCH),
    ],
)
def test_which_algorithm_decides(name: str, algorithm: str) -> None:
    assert check_register(operations(VALID[name])).algorithm == algorithm


@pytest.mark.parametrize("value", [3, [1], [1, 2, 3], "ab"])
def test_a_malformed_compare_and_set_is_refused(value: Any) -> None:
    with pytest.raises(NotARegister, match=r"event 0: a cas needs \[expected, new\]"):
        check_register(operations([(0, "c", value, 0, 1)]))
