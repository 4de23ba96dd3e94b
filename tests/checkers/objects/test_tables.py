"""Small histories of every object, literal verdicts: what is valid, what is not, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from checkers.checker import NotOfModel
from checkers.objects import check_object
from checkers.objects.validate import core_flaw, flaw
from checkers.verdict import Verdict
from tests.checkers.objects.histories import Row, operations

VALID: dict[str, tuple[str, list[Row]]] = {
    "nothing at all": ("fifo-queue", []),
    "first in, first out": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (0, "enqueue", 2, 2, 2, 3), (1, "dequeue", None, 1, 4, 5)],
    ),
    "enqueues beside each other, in either order": (
        "fifo-queue",
        [
            (0, "enqueue", 1, 1, 0, 2),
            (1, "enqueue", 2, 2, 1, 3),
            (0, "dequeue", None, 2, 4, 5),
            (0, "dequeue", None, 1, 6, 7),
        ],
    ),
    "an unknown dequeue took the first": (
        "fifo-queue",
        [
            (0, "enqueue", 1, 1, 0, 1),
            (0, "enqueue", 2, 2, 2, 3),
            (1, "dequeue", None, None, 4, 5, "info"),
            (0, "dequeue", None, 2, 6, 7),
            (0, "dequeue", None, None, 8, 9),
        ],
    ),
    "an unknown enqueue came late": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1, "info"), (1, "dequeue", None, None, 2, 3), (1, "dequeue", None, 1, 4, 5)],
    ),
    "a drain takes all, oldest first": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (0, "enqueue", 2, 2, 2, 3), (0, "drain", None, [1, 2], 4, 5)],
    ),
    "a drain beside an enqueue": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (0, "enqueue", 2, 2, 2, 5), (1, "drain", None, [1], 3, 4)],
    ),
    "an element twice": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (0, "enqueue", 1, 1, 2, 3), (1, "drain", None, [1, 1], 4, 5)],
    ),
    "empty between two enqueues": (
        "fifo-queue",
        [
            (0, "enqueue", 1, 1, 0, 1),
            (1, "dequeue", None, None, 2, 7),
            (2, "dequeue", None, 1, 3, 4),
            (0, "enqueue", 2, 2, 5, 6),
        ],
    ),
    "in no order": (
        "unordered-queue",
        [
            (0, "enqueue", 1, 1, 0, 1),
            (0, "enqueue", 2, 2, 2, 3),
            (1, "dequeue", None, 2, 4, 5),
            (1, "dequeue", None, 1, 6, 7),
            (1, "dequeue", None, None, 8, 9),
        ],
    ),
    "an unknown dequeue emptied it": (
        "unordered-queue",
        [
            (0, "enqueue", 1, 1, 0, 1),
            (1, "dequeue", None, None, 2, 3, "info"),
            (0, "dequeue", None, None, 4, 5),
        ],
    ),
    "last in, first out": (
        "stack",
        [
            (0, "push", 1, 1, 0, 1),
            (0, "push", 2, 2, 2, 3),
            (1, "pop", None, 2, 4, 5),
            (1, "pop", None, 1, 6, 7),
            (1, "pop", None, None, 8, 9),
        ],
    ),
    "an unknown pop took the top": (
        "stack",
        [
            (0, "push", 1, 1, 0, 1),
            (0, "push", 2, 2, 2, 3),
            (1, "pop", None, None, 4, 5, "info"),
            (0, "pop", None, 1, 6, 7),
        ],
    ),
    "added, seen, removed, missed": (
        "set",
        [
            (0, "add", 1, 1, 0, 1),
            (1, "contains", 1, [1, True], 2, 3),
            (0, "remove", 1, 1, 4, 5),
            (1, "contains", 1, [1, False], 6, 7),
            (1, "read", None, [], 8, 9),
        ],
    ),
    "reads of a growing set": (
        "set",
        [(0, "add", 1, 1, 0, 1), (1, "read", None, [1], 2, 3), (0, "add", 2, 2, 4, 9), (1, "read", None, [2, 1], 5, 6)],
    ),
    "a sum, with an unknown addition": (
        "counter",
        [
            (0, "add", 5, 5, 0, 1),
            (1, "add", -2, -2, 2, 3, "info"),
            (0, "read", None, 5, 4, 5),
            (0, "read", None, 3, 6, 7),
        ],
    ),
    "transactions see each other whole": (
        "multi-register",
        [
            (0, "txn", [["w", "x", 1], ["w", "y", 1]], [["w", "x", 1], ["w", "y", 1]], 0, 9),
            (1, "txn", [["r", "x", None], ["r", "y", None]], [["r", "x", None], ["r", "y", None]], 1, 2),
            (1, "txn", [["r", "x", None], ["r", "y", None]], [["r", "x", 1], ["r", "y", 1]], 3, 4),
        ],
    ),
    "a transaction reads what it wrote; other spellings": (
        "multi-register",
        [(0, "txn", [["write", "x", 1], ["read", "x", None]], [["write", "x", 1], ["read", "x", 1]], 0, 1)],
    ),
    "anyone may release a plain mutex": (
        "mutex",
        [(0, "acquire", None, None, 0, 1), (1, "release", None, None, 2, 3), (2, "acquire", None, None, 4, 5)],
    ),
    "an unknown release let the next one in": (
        "owner-mutex",
        [(0, "acquire", None, None, 0, 1), (0, "release", None, None, 2, 3, "info"), (1, "acquire", None, None, 4, 5)],
    ),
    "acquired twice, released twice": (
        "reentrant-mutex",
        [
            (0, "acquire", None, None, 0, 1),
            (0, "acquire", None, None, 2, 3),
            (0, "release", None, None, 4, 5),
            (0, "release", None, None, 6, 7),
            (1, "acquire", None, None, 8, 9),
        ],
    ),
    "tokens grow, also over an unknown acquire": (
        "fenced-mutex",
        [
            (0, "acquire", None, 3, 0, 1),
            (1, "release", 3, 3, 2, 3),
            (2, "acquire", None, None, 4, 5, "info"),
            (2, "release", None, None, 6, 7, "info"),
            (1, "acquire", None, 5, 8, 9),
        ],
    ),
}

TWO_IN: list[Row] = [(0, "enqueue", 7, 7, 0, 1), (0, "enqueue", 9, 9, 2, 3)]
TWO_PUSHED: list[Row] = [(0, "push", 1, 1, 0, 1), (0, "push", 2, 2, 2, 3)]
ORDER_OF_TWO = (
    "though process 0's enqueue of 7 had been acknowledged at 0.001 s, before process 0's enqueue of 9 was sent "
    "at 0.002 s"
)

INVALID: dict[str, tuple[str, list[Row], str, list[int], str]] = {
    "out of nowhere": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (1, "dequeue", None, 9, 2, 3)],
        "element-from-nowhere",
        [2],
        "process 1 dequeued 9 at 0.003 s, but nobody ever added 9",
    ),
    "what failed": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1, "fail"), (1, "dequeue", None, 1, 2, 3)],
        "element-of-failed-add",
        [2],
        "process 1 dequeued 1 at 0.003 s, but process 0's enqueue of 1 was sent at 0.000 s and certainly failed",
    ),
    "the future": (
        "fifo-queue",
        [(1, "dequeue", None, 1, 0, 1), (0, "enqueue", 1, 1, 2, 3)],
        "element-from-future",
        [0],
        "process 1 dequeued 1 at 0.001 s, before process 0's enqueue of 1 was sent at 0.002 s",
    ),
    "twice": (
        "fifo-queue",
        [(0, "enqueue", 1, 1, 0, 1), (1, "dequeue", None, 1, 2, 4), (2, "dequeue", None, 1, 3, 5)],
        "taken-twice",
        [2, 3],
        "process 1 dequeued 1 at 0.004 s and process 2 dequeued 1 at 0.005 s, though it was added once",
    ),
    "out of order": (
        "fifo-queue",
        [*TWO_IN, (3, "dequeue", None, 9, 4, 5), (3, "dequeue", None, 7, 6, 7)],
        "overtaken",
        [0, 4],
        "process 3 dequeued 9 at 0.005 s, before process 3's dequeue was sent at 0.006 s (it answered 7), "
        f"{ORDER_OF_TWO}",
    ),
    "one is lost": (
        "fifo-queue",
        [*TWO_IN, (3, "dequeue", None, 9, 4, 5)],
        "lost-element",
        [0, 4],
        f"process 3 dequeued 9 at 0.005 s, and nobody is known to have dequeued 7 before, {ORDER_OF_TWO}",
    ),
    "one unknown dequeue for two lost ones": (
        "fifo-queue",
        [*TWO_IN, (0, "enqueue", 8, 8, 4, 5), (1, "dequeue", None, None, 6, 7, "info"), (3, "dequeue", None, 8, 8, 9)],
        "not-linearizable",
        [0, 2, 8],
        "no order explains these together: process 0 enqueued 7",
    ),
    "not empty": (
        "fifo-queue",
        [(0, "enqueue", 7, 7, 0, 1), (1, "dequeue", None, None, 2, 3), (1, "dequeue", None, 7, 4, 5)],
        "not-empty",
        [0, 2],
        "process 1 found the queue empty (0.002 s to 0.003 s), though there was something inside: process "
        "0's enqueue of "
        "7 had been acknowledged at 0.001 s, and process 1's dequeue was sent at 0.004 s",
    ),
    "never empty, though no element was there all the while": (
        "fifo-queue",
        [
            (0, "enqueue", 1, 1, 0, 1),
            (1, "dequeue", None, None, 2, 9),
            (2, "enqueue", 2, 2, 3, 4),
            (0, "dequeue", None, 1, 5, 6),
            (3, "dequeue", None, 2, 10, 11),
        ],
        "not-empty",
        [0, 2, 3],
        "process 1 found the queue empty (0.002 s to 0.009 s), though there was something inside: ",
    ),
    "a drain left something": (
        "fifo-queue",
        [*TWO_IN, (1, "drain", None, [7], 4, 5)],
        "not-empty",
        [2, 4],
        "process 1 drained [7] (0.004 s to 0.005 s), though there was more inside: process 0's enqueue of 9 had been "
        "acknowledged at 0.003 s, and nobody is known to have taken it out",
    ),
    "a drain that tells more than who found nothing meanwhile": (
        "fifo-queue",
        [
            (3, "enqueue", 1, 1, 0, 1),
            (2, "drain", None, [2], 2, 9),
            (1, "dequeue", None, None, 3, 4),
            (3, "enqueue", 2, 2, 5, 6),
        ],
        "not-empty",
        [0, 2],
        "process 2 drained [2] (0.002 s to 0.009 s), though there was more inside: process 3's enqueue of 1 had been "
        "acknowledged at 0.001 s, and nobody is known to have taken it out",
    ),
    "a drain in the wrong order": (
        "fifo-queue",
        [*TWO_IN, (1, "drain", None, [9, 7], 4, 5)],
        "overtaken",
        [0, 4],
        f"process 1 drained [9,7] at 0.005 s, {ORDER_OF_TWO}",
    ),
    "twice out of no order": (
        "unordered-queue",
        [(0, "enqueue", 1, 1, 0, 1), (0, "dequeue", None, 1, 2, 3), (1, "dequeue", None, 1, 4, 5)],
        "taken-twice",
        [2, 4],
        "process 0 dequeued 1 at 0.003 s and process 1 dequeued 1 at 0.005 s, though it was added once",
    ),
    "from below": (
        "stack",
        [*TWO_PUSHED, (1, "pop", None, 1, 4, 5), (1, "pop", None, 2, 6, 7)],
        "taken-from-below",
        [0, 2, 4],
        "process 1 popped 1 at 0.005 s, while 2 was on top of it: process 0's push of 1 had been "
        "acknowledged at 0.001 s, "
        "before process 0's push of 2 was sent at 0.002 s; that had been acknowledged before the pop was "
        "sent, and process "
        "1's pop was sent at 0.006 s",
    ),
    "a stack that is not empty": (
        "stack",
        [(0, "push", 1, 1, 0, 1), (1, "pop", None, None, 4, 5)],
        "not-empty",
        [0, 2],
        "process 1 found the stack empty (0.004 s to 0.005 s), though there was something inside: process "
        "0's push of 1 "
        "had been acknowledged at 0.001 s, and nobody is known to have taken it out",
    ),
    "an added element is missed": (
        "set",
        [(0, "add", 1, 1, 0, 1), (1, "contains", 1, [1, False], 2, 3)],
        "lost-element",
        [0, 2],
        "process 1 missed 1 at 0.003 s, after process 0's add of 1 had been acknowledged at 0.001 s",
    ),
    "an added element is not read": (
        "set",
        [(0, "add", 1, 1, 0, 1), (0, "add", 2, 2, 2, 3), (1, "read", None, [2], 4, 5)],
        "lost-element",
        [0, 4],
        "process 1 read [2] at 0.005 s without 1, after process 0's add of 1 had been acknowledged at 0.001 s",
    ),
    "two reads need two orders": (
        "set",
        [(0, "add", 1, 1, 0, 9), (1, "add", 2, 2, 1, 8), (2, "read", None, [1], 2, 3), (3, "read", None, [2], 4, 5)],
        "not-linearizable",
        [2, 4],
        "no order explains these together: process 2 read [1] (0.002 s to 0.003 s); process 3 read [2] "
        "(0.004 s to 0.005 s)",
    ),
    "no such sum": (
        "counter",
        [(0, "add", 1, 1, 0, 1), (0, "add", 5, 5, 2, 9), (1, "read", None, 2, 3, 4)],
        "not-linearizable",
        [3],
        "nothing explains that process 1 read 2 (0.003 s to 0.004 s)",
    ),
    "half of a transaction": (
        "multi-register",
        [
            (0, "txn", [["w", "x", 1], ["w", "y", 1]], [["w", "x", 1], ["w", "y", 1]], 0, 1),
            (1, "txn", [["r", "x", None], ["r", "y", None]], [["r", "x", 1], ["r", "y", None]], 2, 3),
        ],
        "not-linearizable",
        [2],
        "nothing explains that process 1 read x = 1, read y = null (0.002 s to 0.003 s)",
    ),
    "two hold a mutex": (
        "mutex",
        [(0, "acquire", None, None, 0, 1), (1, "acquire", None, None, 2, 3)],
        "held-twice",
        [0, 2],
        "process 0 acquired the lock (0.000 s to 0.001 s) and process 1 acquired the lock (0.002 s to "
        "0.003 s), and nobody "
        "can have released it in between",
    ),
    "released by another": (
        "owner-mutex",
        [(0, "acquire", None, None, 0, 1), (1, "release", None, None, 2, 3)],
        "foreign-release",
        [0, 2],
        "process 1 released the lock at 0.003 s, though it was held since process 0 acquired the lock at 0.001 s",
    ),
    "released once too few": (
        "reentrant-mutex",
        [
            (0, "acquire", None, None, 0, 1),
            (0, "acquire", None, None, 2, 3),
            (0, "release", None, None, 4, 5),
            (1, "acquire", None, None, 6, 7),
        ],
        "not-linearizable",
        [0, 2, 6],
        "no order explains these together: process 0 acquired the lock",
    ),
    "a token that did not grow": (
        "fenced-mutex",
        [(0, "acquire", None, 5, 0, 1), (0, "release", None, None, 2, 3), (1, "acquire", None, 5, 4, 5)],
        "token-did-not-grow",
        [0, 4],
        "process 1 acquired the lock (token 5) at 0.005 s, after process 0 acquired the lock (token 5) at 0.001 s",
    ),
}


@pytest.mark.parametrize(("model", "rows"), VALID.values(), ids=VALID.keys())
def test_valid(model: str, rows: Sequence[Row]) -> None:
    ops = operations(rows)
    result = check_object(model, ops)
    assert result.verdict is Verdict.VALID
    assert result.witness is not None
    assert flaw(model, ops, result.witness) is None


@pytest.mark.parametrize(("model", "rows", "kind", "core", "text"), INVALID.values(), ids=INVALID.keys())
def test_invalid(model: str, rows: Sequence[Row], kind: str, core: list[int], text: str) -> None:
    ops = operations(rows)
    result = check_object(model, ops)
    assert result.verdict is Verdict.INVALID
    (anomaly,) = result.anomalies
    assert (anomaly.kind, anomaly.operations) == (kind, core)
    assert anomaly.text.startswith(text)
    assert core_flaw(model, ops, core, cut=anomaly.details["cut"]) is None


@pytest.mark.parametrize(
    ("model", "initial", "row"),
    [
        ("fifo-queue", [4, 5], (0, "dequeue", None, 4, 0, 1)),
        ("unordered-queue", [4, 5], (0, "dequeue", None, 5, 0, 1)),
        ("stack", [4, 5], (0, "pop", None, 5, 0, 1)),
        ("set", [4], (0, "read", None, [4], 0, 1)),
        ("set", [4], (0, "contains", 4, [4, True], 0, 1)),
        ("counter", 7, (0, "read", None, 7, 0, 1)),
        ("multi-register", {"x": 1}, (0, "txn", [["r", "x", None]], [["r", "x", 1]], 0, 1)),
        ("mutex", 3, (0, "release", None, None, 0, 1)),
        ("owner-mutex", 0, (0, "release", None, None, 0, 1)),
        ("fenced-mutex", 4, (0, "acquire", None, 5, 0, 1)),
    ],
)
def test_initial_values(model: str, initial: Any, row: Row) -> None:
    ops = operations([row])
    result = check_object(model, ops, initial)
    assert result.verdict is Verdict.VALID
    assert result.witness == [0]
    assert flaw(model, ops, result.witness, initial) is None
    if model != "fenced-mutex":
        assert check_object(model, ops).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("fifo-queue", (0, "push", 1, 1, 0, 1)),
        ("fifo-queue", (0, "enqueue", None, None, 0, 1)),
        ("fifo-queue", (0, "drain", None, 5, 0, 1)),
        ("stack", (0, "drain", None, [], 0, 1)),
        ("set", (0, "contains", 1, True, 0, 1)),
        ("set", (0, "read", None, 4, 0, 1)),
        ("counter", (0, "add", "x", "x", 0, 1)),
        ("counter", (0, "read", None, None, 0, 1)),
        ("multi-register", (0, "txn", [["append", "x", 1]], [["append", "x", 1]], 0, 1)),
        ("multi-register", (0, "write", 1, 1, 0, 1)),
        ("mutex", (0, "lock", None, None, 0, 1)),
        ("fenced-mutex", (0, "acquire", None, None, 0, 1)),
    ],
)
def test_operations_that_an_object_does_not_have(model: str, row: Row) -> None:
    with pytest.raises(NotOfModel, match="event 0: a "):
        check_object(model, operations([row]))


@pytest.mark.parametrize(
    ("model", "initial"),
    [
        ("fifo-queue", 5),
        ("set", [None]),
        ("counter", "x"),
        ("multi-register", []),
        ("mutex", True),
        ("fenced-mutex", "x"),
    ],
)
def test_initial_values_that_an_object_cannot_hold(model: str, initial: Any) -> None:
    with pytest.raises(ValueError, match=r"a list|a whole|an object|null"):
        check_object(model, (), initial)
