"""What is written for Knossos and Elle: the words, and that the verdict stays what it was."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkers.events import NEMESIS, Event, EventType
from checkers.formats import read
from checkers.formats.export import edn, jepsen_edn
from checkers.history import History, HistoryError, encode
from checkers.library import check, load


def event(index: int, type_: str, f: str, value: Any, process: int | str = 0, **more: Any) -> Event:
    return Event(index=index, time=index, process=process, type=EventType(type_), f=f, value=value, **more)


def exported(*events: Event, key: str | None = None) -> list[str]:
    return b"".join(jepsen_edn(History(events), key=key)).decode().splitlines()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (event(0, "invoke", "read", None), "[{:process 0, :type :invoke, :f :read, :value nil, :time 0, :index 0}"),
        (event(1, "ok", "read", None), " {:process 0, :type :ok, :f :read, :value :nil, :time 1, :index 1}"),
        (event(1, "ok", "read", 'a"\n'), r' {:process 0, :type :ok, :f :read, :value "a\"\n", :time 1, :index 1}'),
        (event(1, "ok", "cas", [None, 2]), " {:process 0, :type :ok, :f :cas, :value [:nil 2], :time 1, :index 1}"),
        (
            event(1, "ok", "cas", [1, 2], actual=3),
            " {:process 0, :type :ok, :f :read, :value 3, :time 1, :index 1, :cas [1 2]}",
        ),
        (
            event(1, "ok", "cas", [1, 2], actual=1),
            " {:process 0, :type :ok, :f :read, :value :saw-what-it-expected, :time 1, :index 1, :cas [1 2]}",
        ),
        (
            event(1, "info", "write", 5, error="timeout: 3 s", node="n1"),
            ' {:process 0, :type :info, :f :write, :value 5, :time 1, :index 1, :error "timeout: 3 s", :node "n1"}',
        ),
        (
            event(1, "ok", "txn", [["append", "x", 1], ["r", "y", [1, 2]], ["r", "z", None]]),
            " {:process 0, :type :ok, :f :txn, :value "
            '[[:append "x" 1] [:r "y" [1 2]] [:r "z" nil]], :time 1, :index 1}',
        ),
        (
            event(1, "ok", "kill", {"targets": ["n1"]}, process=NEMESIS),
            ' {:process :nemesis, :type :info, :f :kill, :value {"targets" ["n1"]}, :time 1, :index 1}',
        ),
    ],
)
def test_words(before: Event, after: str) -> None:
    asked = event(0, "invoke", before.f, before.value, process=before.process)
    lines = exported(before) if before.index == 0 else exported(asked, before)
    assert lines[before.index].removesuffix("]") == after.removesuffix("]")


def test_a_cas_that_did_not_match_is_a_read_from_its_invocation_on() -> None:
    lines = exported(event(0, "invoke", "cas", [1, 2]), event(1, "ok", "cas", [1, 2], actual=3))
    assert ":f :read, :value nil" in lines[0]


def test_keys_go_into_values_unless_one_is_asked_for() -> None:
    events = [event(at, "invoke", "write", at, process=at, key=f"r{at}") for at in range(2)]
    assert ':value ["r1" 1]' in exported(*events)[1]
    assert [":value 1" in line for line in exported(*events, key="r1")] == [True]
    with pytest.raises(HistoryError, match="no operation on the key 'r7'"):
        exported(*events, key="r7")


@pytest.mark.parametrize(("value", "text"), [(2**70, f"{2**70}N"), (1.5, "1.5"), ({"a": [True]}, '{"a" [true]}')])
def test_values(value: Any, text: str) -> None:
    assert edn(value) == text


VALUES = (None, 1, 2, "1", True, 1.5, [1, 2], {"a": 1})


def random_register(rng: random.Random) -> list[Event]:
    """Operations of three processes on two keys whose answers are as likely wrong as right."""
    events: list[Event] = []
    busy: dict[int, Event] = {}
    for _ in range(rng.randrange(2, 16)):
        process = rng.randrange(3)
        if (asked := busy.pop(process, None)) is None:
            events.append(_asked(rng, len(events), process))
            busy[process] = events[-1]
        else:
            events.append(_answered(rng, len(events), asked))
    return events


def _asked(rng: random.Random, index: int, process: int) -> Event:
    f = rng.choice(("read", "write", "cas"))
    value = {"read": None, "write": rng.choice(VALUES), "cas": [rng.choice(VALUES), rng.choice(VALUES)]}[f]
    return event(index, "invoke", f, value, process=process, key=rng.choice(("x", "y")))


def _answered(rng: random.Random, index: int, asked: Event) -> Event:
    type_ = rng.choice(("ok", "ok", "ok", "fail", "info"))
    more: dict[str, Any] = {"key": asked.key, "process": asked.process}
    if asked.f == "read":
        return event(index, type_, "read", rng.choice(VALUES) if type_ == "ok" else None, **more)
    if asked.f == "cas" and type_ == "ok" and rng.random() < 0.5:
        more["actual"] = rng.choice(VALUES)
    return event(index, type_, asked.f, asked.value, **more)


@given(st.integers(0, 2**32))
def test_registers_keep_their_verdicts(seed: int) -> None:
    before = History(random_register(random.Random(seed)))
    text = b"".join(jepsen_edn(before))
    after, format_ = load(text, "cas-register")
    assert format_ == "jepsen-edn"
    verdicts = [check(history, "cas-register").verdict for history in (before, after)]
    assert verdicts[0] == verdicts[1], text.decode()


@given(st.integers(0, 2**32))
def test_transactions_come_back_as_they_were(seed: int) -> None:
    rng = random.Random(seed)
    value = [[rng.choice(("append", "r")), rng.choice("xyz"), rng.randrange(9)] for _ in range(rng.randrange(1, 5))]
    before = [event(0, "invoke", "txn", value), event(1, rng.choice(("ok", "info", "fail")), "txn", value)]
    after, format_ = read(b"".join(jepsen_edn(History(before))))
    assert format_ == "elle-edn"
    assert list(map(encode, after.events)) == list(map(encode, before))


@pytest.mark.parametrize(
    ("read_value", "verdict"), [("nil", "valid"), (":nil", "invalid"), ("1", "valid"), ("2", "invalid")]
)
def test_registers_of_knossos_in_one_transaction(read_value: str, verdict: str) -> None:
    text = f"""{{:process 0 :type :invoke :f :txn :value [[:write :x 1] [:write :y 1]]}}
{{:process 0 :type :ok :f :txn :value [[:write :x 1] [:write :y 1]]}}
{{:process 0 :type :invoke :f :txn :value [[:read :x nil] [:read :y nil]]}}
{{:process 0 :type :ok :f :txn :value [[:read :x {read_value}] [:read :y 1]]}}
"""
    before, _ = load(text.encode(), "multi-register")
    after, _ = load(b"".join(jepsen_edn(before)), "multi-register")
    assert [check(history, "multi-register").verdict for history in (before, after)] == [verdict, verdict]
