"""The library call: models by name, and what is asked for wrongly."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from checkers import library
from checkers.checker import Budget, NotOfModel
from checkers.events import Event, EventType
from checkers.history import History, HistoryError
from checkers.library import MODELS, BadInitial, UnknownModel, check
from checkers.verdict import Verdict

Row = tuple[str, Any, Any]
"""f, value when invoked, value when ok; one after another."""


def history(*rows: Row, lines: tuple[int, ...] = ()) -> History:
    events = []
    for f, asked, answered in rows:
        for type_, value in ((EventType.INVOKE, asked), (EventType.OK, answered)):
            index = len(events)
            events.append(Event(index=index, time=index, process=0, type=type_, f=f, key="x", value=value))
    return History(events, lines=lines)


@pytest.mark.parametrize(
    ("model", "rows", "initial", "verdict"),
    [
        ("register", [("write", 1, 1), ("read", None, 1)], library.DEFAULT, "valid"),
        ("register", [("write", 1, 1), ("read", None, 2)], library.DEFAULT, "invalid"),
        ("register", [("read", None, 7)], library.DEFAULT, "invalid"),
        ("register", [("read", None, 7)], 7, "valid"),
        ("register", [("read", None, None)], 7, "invalid"),
        ("cas-register", [("cas", [7, 8], [7, 8]), ("read", None, 8)], 7, "valid"),
        ("cas-register", [("cas", [7, 8], [7, 8])], library.DEFAULT, "invalid"),
        ("kv", [("append", "a", "a"), ("get", None, "a")], library.DEFAULT, "valid"),
        ("kv", [("append", "a", "a"), ("get", None, "a")], "b", "invalid"),
    ],
)
def test_verdicts(model: str, rows: list[Row], initial: Any, verdict: str) -> None:
    assert check(history(*rows), model, initial=initial).verdict == verdict


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("cas-registr", "There is no model named 'cas-registr': did you mean 'cas-register'?"),
        ("xyzzy", "There is no model named 'xyzzy': there are: "),
    ],
)
def test_no_such_model(name: str, sentence: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        check(history(), name)
    assert str(caught.value).startswith(sentence)


def test_no_such_initial_value() -> None:
    with pytest.raises(BadInitial, match="A kv cannot begin with null: its initial value is a string"):
        check(history(), "kv", initial=None)


@pytest.mark.parametrize(
    ("model", "row", "why"),
    [
        ("register", ("cas", [1, 2], [1, 2]), "a register has no 'cas', but read, write"),
        ("cas-register", ("cas", 1, 1), "a cas needs [expected, new], not 1 (judged as cas-register)"),
    ],
)
def test_an_operation_that_the_model_does_not_have(model: str, row: Row, why: str) -> None:
    rows = (("read", None, None), row)
    for found, line in ((history(*rows), 3), (history(*rows, lines=(5, 6, 9, 9)), 9)):
        with pytest.raises(HistoryError) as caught:
            check(found, model)
        assert (caught.value.line, caught.value.why) == (line, why)


def test_no_time_is_unknown() -> None:
    rows = [("append", "a", "a"), ("get", None, "a")] * 3
    result = check(history(*rows), "kv", budget=Budget(seconds_left=lambda: 0.0))
    assert (result.verdict, result.anomalies) == (Verdict.UNKNOWN, [])
    assert "time" in str(result.reason)


@pytest.mark.parametrize("row", MODELS.values(), ids=MODELS)
def test_every_row(row: library.Model) -> None:
    """What it holds at first is accepted, nothing that was done is explained, and what it has not is refused."""
    row.accept(row.initial)
    assert row.functions
    assert check(history(), row.name).verdict is Verdict.VALID
    with pytest.raises(HistoryError, match=r"line 1: .*frobnicate"):
        check(history(("frobnicate", None, None)), row.name)


def test_not_of_model_pickles() -> None:
    error = pickle.loads(pickle.dumps(NotOfModel(3, "why")))
    assert (error.event, error.why, str(error)) == (3, "why", "event 3: why")
