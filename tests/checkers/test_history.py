"""history.jsonl: what is read back, and which line is bad."""

from __future__ import annotations

import gc
import weakref

import pytest

from checkers.events import Event, EventType
from checkers.history import PENDING, HistoryError, decode, encode


def event(index: int, kind: str, process: int | str = 0, f: str = "write", key: str | None = "k") -> Event:
    return Event(index=index, time=index, process=process, type=EventType(kind), f=f, key=key, value=1)


GOOD = b"".join(map(encode, [event(0, "invoke"), event(1, "ok"), event(2, "invoke", 1)]))


def test_what_is_written_is_read() -> None:
    history = decode(GOOD)
    assert b"".join(map(encode, history.events)) == GOOD
    assert not history.cut
    assert [(op.process, op.returned) for op in history.operations] == [(0, 1), (1, PENDING)]


@pytest.mark.parametrize("size", [0, 1, len(GOOD) // 2, len(GOOD) - 1, len(GOOD)])
def test_a_history_cut_anywhere_is_read_up_to_there(size: int) -> None:
    history = decode(GOOD[:size])
    assert len(history.events) == GOOD[:size].count(b"\n")
    assert history.cut == (not GOOD[:size].endswith(b"\n") and size > 0)


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (GOOD + b"\n", 4, "not an event: Input data was truncated"),
        (b"\n" + GOOD, 1, "not an event: Input data was truncated"),
        (GOOD + b"{}\n", 4, "not an event: Object missing required field `index`"),
        (GOOD + b"junk\n", 4, "not an event: JSON is malformed: invalid character (byte 0)"),
        (GOOD + encode(event(7, "invoke", 2)), 4, "index 7 where 3 belongs"),
        (GOOD.replace(b"\n", b" ", 1), 1, "not an event: JSON is malformed: trailing characters (byte 82)"),
    ],
)
def test_a_bad_line(data: bytes, line: int, why: str) -> None:
    with pytest.raises(HistoryError) as caught:
        decode(data)
    assert (caught.value.line, caught.value.why) == (line, why)


@pytest.mark.parametrize(
    ("events", "line", "why"),
    [
        ([event(0, "invoke"), event(1, "invoke")], 2, "process 0 invokes before its last operation completed"),
        ([event(0, "ok")], 1, "process 0 completes what it never invoked"),
        ([event(0, "invoke"), event(1, "ok", key="j")], 2, "process 0 completes write of j, not its write of k"),
        ([event(0, "invoke", "n1")], 1, "process 'n1' is neither a number nor 'nemesis'"),
    ],
)
def test_bad_pairs(events: list[Event], line: int, why: str) -> None:
    with pytest.raises(HistoryError) as caught:
        _ = decode(b"".join(map(encode, events))).operations
    assert (caught.value.line, caught.value.why) == (line, why)


def test_garbage_is_not_kept_by_reading_many_small_histories() -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

    knot = Knot()
    seen = weakref.ref(knot)
    del knot
    decode(b"")
    gc.collect(0)
    assert seen() is None
