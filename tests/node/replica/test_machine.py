"""The state machine: entries in, results out. Sessions: dissertation, section 6.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from node_image.raft import Entry, EntryKind
from node_image.replica import StateMachine
from node_image.replica.command import MAX_DEPTH, Command, Operation, decode, encode, same
from node_image.replica.session import Result

TTL = 3


def write(key: str, value: Any, session: str = "", seq: int = 0, opened: int = -1) -> Command:
    return Command(Operation.WRITE, session, seq, opened, key, value)


def cas(key: str, expected: Any, new: Any, session: str = "", seq: int = 0) -> Command:
    return Command(Operation.CAS, session, seq, -1, key, new, expected)


NOOP = None


def entries(commands: Sequence[Command | None], first: int = 1, term: int = 1) -> list[Entry]:
    return [
        Entry(term, index, EntryKind.NOOP, b"")
        if command is None
        else Entry(term, index, EntryKind.COMMAND, encode(command))
        for index, command in enumerate(commands, first)
    ]


def applied(commands: Sequence[Command | None], ttl: int = TTL) -> tuple[StateMachine, list[Result | None]]:
    machine = StateMachine(ttl)
    return machine, [machine.apply(entry) for entry in entries(commands)]


def expired(index: int) -> Result:
    return Result(index, error="session-expired")


@pytest.mark.parametrize(
    ("commands", "results"),
    [
        pytest.param([write("a", 1), NOOP, write("a", 2)], [Result(1), None, Result(3)], id="writes"),
        pytest.param(
            [cas("a", None, 1), cas("a", 2, 3), cas("a", 1, 3)],
            [Result(1, {"matched": True}), Result(2, {"matched": False, "value": 1}), Result(3, {"matched": True})],
            id="cas-answers-with-the-current-value-when-it-does-not-match",
        ),
        pytest.param(
            [write("a", 1, "s", 1), write("a", 2), write("a", 1, "s", 1), cas("a", 2, 3)],
            [Result(1), Result(2), Result(1), Result(4, {"matched": True})],
            id="a-retry-gets-the-first-result-and-changes-nothing",
        ),
        pytest.param(
            [write("a", 1, "s", 1), cas("a", 9, 2, "s", 2), write("a", 5, "s", 3), cas("a", 9, 2, "s", 2)],
            [Result(1), Result(2, {"matched": False, "value": 1}), Result(3), Result(4, error="stale-sequence")],
            id="an-older-number-is-stale",
        ),
        pytest.param(
            [write("a", 1, "s", 1), write("a", 2, "t", 1), write("a", 3, "s", 4)],
            [Result(1), Result(2), Result(3)],
            id="sessions-are-apart-and-numbers-may-be-skipped",
        ),
        pytest.param([write("a", 1, "s", 2)], [expired(1)], id="without-opened-a-session-begins-with-1"),
        pytest.param(
            [write("a", 1, "s", 1), NOOP, NOOP, NOOP, write("a", 2, "s", 2)],
            [Result(1), None, None, None, expired(5)],
            id="not-named-by-the-last-3-entries",
        ),
        pytest.param(
            [write("a", 1, "s", 1), NOOP, NOOP, write("a", 2, "s", 2)],
            [Result(1), None, None, Result(4)],
            id="named-by-one-of-the-last-3",
        ),
        pytest.param(
            [write("a", 1, "s", 1), NOOP, NOOP, write("a", 1, "s", 1), NOOP, NOOP, write("a", 2, "s", 2)],
            [Result(1), None, None, Result(1), None, None, Result(7)],
            id="a-retry-keeps-a-session-alive",
        ),
        pytest.param(
            [NOOP, write("a", 1, "s", 5, opened=0), write("a", 1, "s", 5, opened=0)],
            [None, Result(2), Result(2)],
            id="opened-lately-so-it-is-new-whatever-its-number",
        ),
        pytest.param(
            [write("a", 1, "s", 1, opened=0), NOOP, NOOP, NOOP, write("a", 1, "s", 1, opened=0)],
            [Result(1), None, None, None, expired(5)],
            id="a-first-command-retried-after-its-session-was-forgotten",
        ),
        pytest.param(
            [NOOP, NOOP, write("a", 1, "s", 1, opened=0)], [None, None, Result(3)], id="at-opened-plus-ttl-still-new"
        ),
        pytest.param(
            [NOOP, NOOP, NOOP, write("a", 1, "s", 1, opened=0)],
            [None, None, None, expired(4)],
            id="after-opened-plus-ttl-nobody-knows",
        ),
    ],
)
def test_results(commands: list[Command | None], results: list[Result | None]) -> None:
    assert applied(commands)[1] == results


def test_a_refused_command_leaves_the_state_alone() -> None:
    machine, _ = applied([write("a", 1, "s", 2)])
    assert machine.read("a") is None
    assert len(machine.sessions) == 0


def test_forgotten_sessions_take_no_room() -> None:
    machine, _ = applied([write("a", n, f"s{n}", 1) for n in range(50)])
    assert len(machine.sessions) == TTL + 1


@pytest.mark.parametrize("cut", range(7))
def test_a_snapshot_continues_the_state_the_sessions_and_the_hash(cut: int) -> None:
    commands = [
        write("a", 1, "s", 1),
        cas("a", 0, 5, "t", 1),
        NOOP,
        write("a", 1, "s", 1),
        NOOP,
        write("b", [1], "u", 1),
    ]
    whole, results = applied(commands)
    before = StateMachine(TTL)
    for entry in entries(commands)[:cut]:
        before.apply(entry)
    after = StateMachine(TTL)
    after.restore(before.snapshot())
    assert [after.apply(entry) for entry in entries(commands)[cut:]] == results[cut:]
    assert (after.applied, after.hash, after.snapshot()) == (whole.applied, whole.hash, whole.snapshot())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(entries([write("a", 2)]), id="data"),
        pytest.param(entries([write("a", 1)], term=2), id="term"),
        pytest.param([Entry(1, 1, EntryKind.NOOP, encode(write("a", 1)))], id="kind"),
        pytest.param(entries([write("a", 1), NOOP]), id="one-more"),
    ],
)
def test_the_hash_tells_logs_apart(other: list[Entry]) -> None:
    machine, _ = applied([write("a", 1)])
    differing = StateMachine(TTL)
    for entry in other:
        differing.apply(entry)
    assert differing.hash != machine.hash


def test_a_snapshot_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="snapshot of format 1, this node reads format 2"):
        StateMachine(TTL).restore(b"\x95\x01\x01\xc4\x00\x80\x90")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, 0, False),
        ("1", 1, False),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, True),
        ({"a": True}, {"a": 1}, False),
        ([1, [2]], [1, [2, 3]], False),
        ([], {}, False),
    ],
)
def test_same_values(left: Any, right: Any, expected: bool) -> None:
    assert same(left, right) is same(right, left) is expected


def nested(depth: int) -> Any:
    value: Any = 0
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("value", [1 << 64, -(1 << 63) - 1, "\ud800", {"\ud800": 1}, nested(MAX_DEPTH + 1)])
def test_values_that_cannot_be_held(value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode(write("a", value))


@pytest.mark.parametrize("value", [(1 << 64) - 1, 1.5, "ü", None, {"a": [None]}, nested(MAX_DEPTH)])
def test_values_that_can(value: Any) -> None:
    assert decode(encode(write("a", value))) == write("a", value)
    assert same(decode(encode(write("a", value))).value, value)
