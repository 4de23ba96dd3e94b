"""What every operation does, as tables: conversations with a leader, one request after the other, each applied at once
as the entry of the next index."""

from __future__ import annotations

from typing import Any

import pytest

from node_image.raft import Entry, EntryKind
from node_image.replica import StateMachine
from node_image.replica.answers import command_answer
from node_image.replica.command import Command, Operation, encode
from node_image.replica.requests import BadRequest, parse_command, parse_read
from node_image.replica.state import Refused

MOST = (1 << 63) - 1

Request = dict[str, Any]
Exchange = tuple[Request, Any]


class Told:
    """A state machine that is told requests, as entries 1, 2, 3, ..."""

    def __init__(self) -> None:
        self.machine = StateMachine(100)

    def tell(self, command: Command) -> Request:
        entry = Entry(1, self.machine.applied + 1, EntryKind.COMMAND, encode(command))
        result = self.machine.apply(entry)
        assert result is not None
        return command_answer(result)

    def ask(self, request: Request) -> Any:
        """What the answer says beside the index; the word of a refusal."""
        if request["op"] == "read":
            return self._read(request)
        answer = self.tell(parse_command(request))
        if not answer.pop("ok"):
            assert answer["definite"] is True
            return answer["error"]
        del answer["index"]
        return answer

    def _read(self, request: Request) -> Any:
        try:
            return self.machine.read(parse_read(request, 1.0).query)
        except Refused as refused:
            return str(refused)


def op(name: str, key: str | None = "k", /, **fields: Any) -> Request:
    return {"op": name, **({} if key is None else {"key": key}), **fields}


def txn(*steps: list[Any]) -> Request:
    return op("txn", None, steps=list(steps))


READ = op("read")
OK: Request = {}


def value(found: Any) -> Request:
    return {"value": found}


CONVERSATIONS: dict[str, list[Exchange]] = {
    "set": [
        (op("set-add", element=1), OK),
        (op("set-add", element="a"), OK),
        (op("set-add", element=1), OK),
        (READ, [1, "a"]),
        (op("read", contains="a"), True),
        (op("set-remove", element=1), OK),
        (op("set-remove", element=1), OK),
        (op("read", contains=1), False),
        (READ, ["a"]),
    ],
    "set-that-nobody-touched": [
        (op("set-remove", element=1), OK),
        (op("read", contains=1), False),
        (READ, None),
        (op("write", value=1), OK),
    ],
    "counter": [
        (op("counter-add", amount=5), OK),
        (op("counter-add", amount=-7), OK),
        (READ, -2),
        (op("counter-add", amount=0), OK),
        (READ, -2),
    ],
    "counter-at-its-end": [
        (op("counter-add", amount=MOST), OK),
        (op("counter-add", amount=1), "out-of-range"),
        (READ, MOST),
        (op("counter-add", amount=-MOST), OK),
        (op("counter-add", amount=-MOST), OK),
        (op("counter-add", amount=-2), "out-of-range"),
        (READ, -MOST),
    ],
    "queue": [
        (op("dequeue"), value(None)),
        (op("enqueue", element=1), OK),
        (op("enqueue", element={"a": [2]}), OK),
        (READ, [1, {"a": [2]}]),
        (op("dequeue"), value(1)),
        (op("enqueue", element=1), OK),
        (op("drain"), value([{"a": [2]}, 1])),
        (op("drain"), value([])),
        (op("dequeue"), value(None)),
        (READ, []),
    ],
    "lock": [
        (op("release", token=1), "not-held"),
        (op("acquire", session="s", seq=1), {"token": 2}),
        (READ, {"token": 2, "session": "s"}),
        (op("acquire"), "held"),
        (op("acquire", session="s", seq=2), "held"),
        (op("release", token=1), "not-held"),
        (op("release", token=2), OK),
        (op("release", token=2), "not-held"),
        (READ, None),
        (op("acquire"), {"token": 8}),
        (op("acquire", "other"), {"token": 9}),
    ],
    "ids": [(op("generate", None), value(1)), (op("generate", None), value(2))],
    "transaction": [
        (
            txn(["w", "a", 1], ["append", "l", 1], ["add", "c", 5]),
            value([["w", "a", 1], ["append", "l", 1], ["add", "c", 5]]),
        ),
        (
            txn(["r", "a", None], ["w", "a", 2], ["r", "a", "ignored"], ["append", "l", 2], ["r", "l", None]),
            value([["r", "a", 1], ["w", "a", 2], ["r", "a", 2], ["append", "l", 2], ["r", "l", [1, 2]]]),
        ),
        (txn(["r", "nothing", None]), value([["r", "nothing", None]])),
        (op("read", None, keys=["a", "l", "c", "nothing"]), [2, [1, 2], 5, None]),
    ],
    "conditions": [
        (txn(["is", "a", None], ["w", "a", 1]), value([["is", "a", None], ["w", "a", 1]])),
        (txn(["w", "a", 9], ["is", "a", 1]), "condition-failed"),
        (txn(["at-least", "c", 0], ["add", "c", -1], ["at-least", "c", 0]), "condition-failed"),
        (
            txn(["at-least", "c", 0], ["add", "c", 3], ["at-least", "c", 3]),
            value([["at-least", "c", 0], ["add", "c", 3], ["at-least", "c", 3]]),
        ),
        (op("read", None, keys=["a", "c"]), [1, 3]),
    ],
    "a-refused-transaction-leaves-no-trace": [
        (
            txn(["w", "old", 1], ["append", "list", 1], ["add", "count", 1]),
            value([["w", "old", 1], ["append", "list", 1], ["add", "count", 1]]),
        ),
        (
            txn(
                ["w", "old", 2],
                ["w", "old", 3],
                ["w", "new", 2],
                ["append", "list", 2],
                ["append", "list", 3],
                ["append", "list2", 2],
                ["add", "count", 2],
                ["add", "count2", 2],
                ["add", "count2", 2],
                ["add", "old", 1],
            ),
            "wrong-type",
        ),
        (op("read", None, keys=["old", "new", "list", "list2", "count", "count2"]), [1, None, [1], None, 1, None]),
        (op("write", "list2", value=1), OK),
        (op("write", "count2", value=1), OK),
    ],
    "cas-and-type": [
        (op("set-add", element=1), OK),
        (op("cas", expected=None, new=1), "wrong-type"),
        (op("cas", expected=3, new=1), "wrong-type"),
        (READ, [1]),
    ],
    "a-retry-gets-the-first-answer": [
        (op("enqueue", element=1, session="s", seq=1), OK),
        (op("enqueue", element=1, session="s", seq=1), OK),
        (READ, [1]),
        (op("dequeue", session="s", seq=2), value(1)),
        (op("enqueue", element=2), OK),
        (op("dequeue", session="s", seq=2), value(1)),
        (READ, [2]),
        (op("drain", session="s", seq=3), value([2])),
        (op("drain", session="s", seq=3), value([2])),
        (op("generate", None, session="s", seq=4), value(8)),
        (op("generate", None, session="s", seq=4), value(8)),
    ],
    "a-retry-of-what-was-refused-is-refused": [
        (op("acquire"), {"token": 1}),
        (op("acquire", session="s", seq=1), "held"),
        (op("release", token=1), OK),
        (op("acquire", session="s", seq=1), "held"),
        (op("acquire", session="s", seq=2), {"token": 5}),
        (op("acquire", session="s", seq=2), {"token": 5}),
        (op("release", token=5, session="t", seq=1), OK),
        (op("release", token=5, session="t", seq=1), OK),
    ],
    "kept-answers-do-not-change-with-their-object": [
        (txn(["append", "l", 1]), value([["append", "l", 1]])),
        ({**txn(["r", "l", None]), "session": "s", "seq": 1}, value([["r", "l", [1]]])),
        (txn(["append", "l", 2]), value([["append", "l", 2]])),
        ({**txn(["r", "l", None]), "session": "s", "seq": 1}, value([["r", "l", [1]]])),
    ],
}


@pytest.mark.parametrize("exchanges", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations(exchanges: list[Exchange]) -> None:
    told = Told()
    assert [told.ask(request) for request, _ in exchanges] == [answer for _, answer in exchanges]


@pytest.mark.parametrize("exchanges", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_conversations_across_snapshots(exchanges: list[Exchange]) -> None:
    """A node that is restored from a snapshot after every step answers the same, and holds the same."""
    told, whole = Told(), Told()
    for request, answer in exchanges:
        restored = Told()
        restored.machine.restore(told.machine.snapshot())
        assert (restored.ask(request), whole.ask(request)) == (answer, answer)
        assert restored.machine.snapshot() == whole.machine.snapshot()
        told = restored


MAKERS: dict[str, Request] = {
    "plain": op("write", value=1),
    "set": op("set-add", element=1),
    "counter": op("counter-add", amount=1),
    "queue": op("enqueue", element=1),
    "list": txn(["append", "k", 1]),
    "lock": op("acquire"),
}
OF_TYPE: list[tuple[Request, str]] = [
    *((request, kind) for kind, request in MAKERS.items()),
    (op("write", value=1, ttl_ms=5), "plain"),
    (op("cas", expected=1, new=1), "plain"),
    (txn(["w", "k", 1]), "plain"),
    (txn(["is", "k", 1]), "plain"),
    (op("set-remove", element=1), "set"),
    (op("read", contains=1), "set"),
    (txn(["add", "k", 1]), "counter"),
    (txn(["at-least", "k", 1]), "counter"),
    (op("dequeue"), "queue"),
    (op("drain"), "queue"),
    (op("release", token=1), "lock"),
]


@pytest.mark.parametrize(("request_", "kind"), OF_TYPE)
def test_a_key_has_one_type(request_: Request, kind: str) -> None:
    for other, make in MAKERS.items():
        told = Told()
        assert isinstance(told.ask(make), dict)
        before = told.machine.read("k")
        answer = told.ask(request_)
        assert (answer == "wrong-type") is (other != kind), f"{request_} of a {other} is answered {answer}"
        if other != kind:
            assert told.machine.read("k") == before


# Time to live


def expire(key: str, index: int) -> Command:
    return Command(Operation.EXPIRE, "", 0, -1, key, index)


TTL: Request = {"ttl_ms": 50}
EXPIRIES: dict[str, tuple[list[Request | Command], Any]] = {
    "a-value": ([op("write", value=1, **TTL), expire("k", 1)], None),
    "twice": ([op("write", value=1, **TTL), expire("k", 1), expire("k", 1)], None),
    "another-entry": ([op("write", value=1, **TTL), expire("k", 7)], 1),
    "written-again": ([op("write", value=1, **TTL), op("write", value=2, **TTL), expire("k", 1)], 2),
    "written-again-without": ([op("write", value=1, **TTL), op("write", value=2), expire("k", 1)], 2),
    "compared-and-set": ([op("write", value=1, **TTL), op("cas", expected=1, new=2), expire("k", 1)], 2),
    "not-matched": ([op("write", value=1, **TTL), op("cas", expected=9, new=2), expire("k", 1)], None),
    "in-a-transaction": ([op("write", value=1, **TTL), txn(["w", "k", 2]), expire("k", 1)], 2),
    "in-a-refused-one": ([op("write", value=1, **TTL), txn(["w", "k", 2], ["is", "k", 1]), expire("k", 1)], None),
    "a-lock": ([op("acquire", **TTL), expire("k", 1)], None),
    "a-lock-taken-again": (
        [op("acquire", **TTL), op("release", token=1), op("acquire"), expire("k", 1)],
        {"token": 3, "session": ""},
    ),
    "nothing": ([expire("k", 1)], None),
    "then-another-type": ([op("write", value=1, **TTL), expire("k", 1), op("counter-add", amount=1)], 1),
}


@pytest.mark.parametrize(("told", "left"), EXPIRIES.values(), ids=EXPIRIES)
def test_what_an_expiry_ends(told: list[Request | Command], left: Any) -> None:
    teller = Told()
    for command in told:
        teller.tell(command if isinstance(command, Command) else parse_command(command))
    assert teller.machine.read("k") == left
    restored = StateMachine(100)
    restored.restore(teller.machine.snapshot())
    assert (restored.read("k"), restored.leases) == (left, teller.machine.leases)


def test_the_holder_of_a_lock_that_expired_releases_nothing() -> None:
    told = Told()
    told.ask(op("acquire", **TTL))
    told.tell(expire("k", 1))
    assert told.ask(op("acquire")) == {"token": 3}
    assert told.ask(op("release", token=1)) == "not-held"
    assert told.ask(op("release", token=3)) == OK


BAD: list[Request] = [
    op("write", value=1, ttl_ms=0),
    op("write", value=1, ttl_ms=1.5),
    op("set-add"),
    op("set-add", element=None),
    op("set-add", element=True),
    op("set-add", element=1.0),
    op("set-add", element=[1]),
    op("set-add", element=1 << 63),
    op("set-add", element="\ud800"),
    op("set-add", None, element=1),
    op("set-remove", element={}),
    op("counter-add"),
    op("counter-add", amount=1.0),
    op("counter-add", amount=True),
    op("counter-add", amount=1 << 63),
    op("counter-add", amount=-(1 << 63) - 1),
    op("enqueue", element=None),
    op("enqueue"),
    op("dequeue", None),
    op("drain", ""),
    op("acquire", ttl_ms="1"),
    op("release"),
    op("release", token=0),
    op("generate", None, seq=1),
    op("txn", None),
    op("txn", None, steps=[]),
    op("txn", None, steps=[["r", "k", None]] * 1001),
    txn(["r", "k"]),
    txn(["read", "k", None]),
    txn([["r"], "k", None]),
    txn(["w", "", 1]),
    txn(["w", 1, 1]),
    txn(["add", "k", 1.5]),
    txn(["at-least", "k", None]),
]


@pytest.mark.parametrize("request_", BAD, ids=str)
def test_requests_that_make_no_sense(request_: Request) -> None:
    with pytest.raises(BadRequest):
        parse_command(request_)


@pytest.mark.parametrize(
    "request_",
    [
        op("read", contains=1.5),
        op("read", None, contains=1),
        op("read", None, keys=[]),
        op("read", None, keys=["a", 1]),
    ],
    ids=str,
)
def test_reads_that_make_no_sense(request_: Request) -> None:
    with pytest.raises(BadRequest):
        parse_read(request_, 1.0)
