"""Which format a file is in, and what becomes of order, times, keys and completions alone."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.formats import READERS, UnknownFormat, read
from checkers.history import PENDING, History, HistoryError

READ = b"{:process 0 :type :invoke :f :read :value nil}"


def event(**fields: Any) -> bytes:
    return b"{" + b" ".join(f":{name} {value}".encode() for name, value in fields.items()) + b"}\n"


def pairs(value: str, answer: str) -> bytes:
    """A read that is invoked with `value` and answered with `answer`, and a write of [7 8]."""
    common = {"process": 0, "f": ":read"}
    return (
        event(type=":invoke", value=value, **common)
        + event(type=":ok", value=answer, **common)
        + event(process=1, type=":invoke", f=":write", value="[7 8]")
    )


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b'{"index":0,"time":5,"process":0,"type":"invoke","f":"read","key":"k","value":null}\n', "raftstorm"),
        (READ, "jepsen-edn"),
        (b"; comment\n[" + READ + b"]", "jepsen-edn"),
        (b"(" + READ + b")", "jepsen-edn"),
        (b"#jepsen.history.Op" + READ, "jepsen-edn"),
        (b"INFO  jepsen.core - hello\nINFO  jepsen.util - 0 :invoke :read nil\n", "jepsen-log"),
        (event(process=0, type=":invoke", f=":get", key='"a"', value="nil"), "porcupine-kv"),
        (event(process=":nemesis", type=":info", f=":kill") + event(type=":ok", value="[[:r :x 1]]"), "elle-edn"),
        (event(process=0, type=":invoke", f=":txn", value="[[:read :x nil]]"), "jepsen-edn"),
    ],
)
def test_detected(data: bytes, format: str) -> None:
    assert read(data)[1] == format


def test_no_such_format() -> None:
    with pytest.raises(UnknownFormat, match="no format named 'elle-end': did you mean 'elle-edn'"):
        read(READ, "elle-end")
    assert "auto" not in READERS


def keys_and_values(history: History) -> list[tuple[str | None, Any]]:
    return [(operation.key, operation.value) for operation in history.operations]


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (pairs('["x" nil]', '["x" 1]'), [("x", 1), ("7", 8)]),
        (pairs("nil", "1"), [(None, 1), (None, [7, 8])]),
        (pairs("nil", "[1 2]"), [(None, [1, 2]), (None, [7, 8])]),
        (pairs("#jepsen.independent/tuple [:x nil]", "#a.Tuple [:x [1 2]]"), [("x", [1, 2]), (None, [7, 8])]),
    ],
)
def test_keys_inside_values(data: bytes, found: list[tuple[str | None, Any]]) -> None:
    assert keys_and_values(read(data, "jepsen-edn")[0]) == found


def test_two_keys_of_one_name() -> None:
    with pytest.raises(HistoryError, match="line 3: '1' and 1 are two keys that have the same name"):
        read(pairs("[1 nil]", "[1 1]").replace(b"[7 8]", b'["1" 8]'), "jepsen-edn")


TIMED = [event(process=n, type=":invoke", f=":write", value=n, time=10 * n, index=n) for n in range(3)]


@pytest.mark.parametrize(
    ("lines", "processes", "times", "at"),
    [
        (TIMED, [0, 1, 2], [0, 10, 20], (1, 2, 3)),
        (TIMED[::-1], [0, 1, 2], [0, 10, 20], (3, 2, 1)),
        ([TIMED[2], TIMED[0].replace(b":index", b":other"), TIMED[1]], [2, 0, 1], [20, 20, 20], (1, 2, 3)),
        ([TIMED[0], TIMED[1].replace(b":time", b":other")], [0, 1], [0, 1_000_000], (1, 2)),
        ([line.replace(b":time ", b":time 17000000000000000") for line in TIMED], [0, 1, 2], None, (1, 2, 3)),
    ],
)
def test_order_and_times(
    lines: list[bytes], processes: list[int], times: list[int] | None, at: tuple[int, ...]
) -> None:
    history, _ = read(b"".join(lines))
    assert [each.process for each in history.events] == processes
    assert [history.line_of(index) for index in range(len(lines))] == list(at)
    if times is None:
        assert history.events[0].time == 0
    else:
        assert [each.time for each in history.events] == times


ALONE = b"""{:type :ok, :process 0, :value [[:append :x 1]]}
{:type :info, :process 1, :value [[:append :x 2] [:r :x]]}
{:type :ok, :process 0, :value [[:r :x [1]]]}
"""


def spans(history: History) -> list[tuple[int, int, int]]:
    return [(each.process, each.invoked, each.returned) for each in history.operations]


def test_completions_alone() -> None:
    history, _ = read(ALONE)
    assert spans(history) == [(0, 0, 2), (1, 1, PENDING), (0, 3, 5)]
    assert [each.value for each in history.events][:2] == [[["append", "x", 1]], [["append", "x", 2], ["r", "x", None]]]
    assert history.events[3].value == [["r", "x", None]]


def test_completions_alone_and_of_nobody_overlap() -> None:
    history, _ = read(ALONE.replace(b":process 0, ", b"").replace(b":process 1, ", b""))
    assert spans(history) == [(0, 0, 3), (1, 1, PENDING), (2, 2, 5)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (ALONE.replace(b":process 0, ", b"", 1), "line 1: an event without :process, which others have"),
        (b"{:type :invoke :value [[:r :x nil]]}", "line 1: an event without :process, by which invocations find"),
        (b"{:type :ok :process [] :value [[:r :x nil]]}", r"line 1: process \[\] is neither a number nor nemesis"),
        (b"{:type :ok :value [[:append :x]]}", r"line 1: \[\['append', 'x'\]\] is no list of \[:append k v\]"),
        (b"{:type :ok}{:type :invoke :process 1}", "line 1: an event without :process, which others have"),
    ],
)
def test_bad_transactions(data: bytes, why: str) -> None:
    with pytest.raises(HistoryError, match=why):
        read(data, "elle-edn")
