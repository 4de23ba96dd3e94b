"""All objects of a history together, by the library call and by the checker; what must not change a verdict."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget, OutOfTime, Recording
from checkers.events import EventType
from checkers.history import PENDING, History, HistoryError, Operation
from checkers.library import MODELS as ROWS
from checkers.library import BadInitial, check
from checkers.models import MODELS, UNKNOWN, Call, Model, State
from checkers.objects import ObjectLinearizability, check_object, validate
from checkers.objects.decide import FAST, SEARCH
from checkers.objects.validate import core_flaw, flaw
from checkers.verdict import Verdict
from tests.checkers.objects.histories import Row, Shape, Simulation, history, operations
from tests.checkers.objects.test_agreement import SHAPES

GOOD: list[Row] = [(0, "enqueue", 1, 1, 0, 1), (0, "dequeue", None, 1, 2, 3)]
BAD: list[Row] = [(0, "enqueue", 1, 1, 0, 1), (0, "dequeue", None, 2, 2, 3)]
REPEATING: list[Row] = [*GOOD, (0, "enqueue", 1, 1, 4, 5)]
WITH_ORDER = FAST["fifo-queue"].name


def recording(**keys: Sequence[Row]) -> Recording:
    """The keys one after another."""
    events = [event for key, rows in keys.items() for event in history(rows, key).events]
    return Recording(History([msgspec.structs.replace(event, index=at) for at, event in enumerate(events)]))


@pytest.mark.parametrize(
    ("keys", "verdict", "algorithm"),
    [
        ({}, Verdict.VALID, None),
        ({"a": GOOD, "b": GOOD}, Verdict.VALID, f"{WITH_ORDER}: 2 keys (no element was enqueued twice)"),
        ({"a": GOOD, "b": BAD}, Verdict.INVALID, f"{WITH_ORDER}: 2 keys (no element was enqueued twice)"),
        ({"a": REPEATING}, Verdict.VALID, f"{SEARCH}: 1 key (1 may have been added more than once)"),
    ],
)
def test_keys_together(keys: dict[str, list[Row]], verdict: Verdict, algorithm: str | None) -> None:
    result = ObjectLinearizability("fifo-queue").check(recording(**keys), Budget())
    assert (result.verdict, result.algorithm) == (verdict, algorithm)
    assert [anomaly.key for anomaly in result.anomalies] == [key for key, rows in keys.items() if rows is BAD]
    assert [*result.witnesses] == [key for key, rows in keys.items() if rows is not BAD]


def test_what_is_handed_to_the_map_pickles() -> None:
    def through_pickle(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        again = pickle.loads(pickle.dumps(function))
        return iter([pickle.loads(pickle.dumps(again(pickle.loads(pickle.dumps(item))))) for item in items])

    budget = Budget(seconds_left=partial(float, "inf"), map=through_pickle)
    assert ObjectLinearizability("fifo-queue").check(recording(a=GOOD, b=REPEATING), budget).verdict is Verdict.VALID


def test_out_of_time_is_unknown() -> None:
    late = Budget(seconds_left=lambda: 0.0)
    result = ObjectLinearizability("fifo-queue").check(recording(a=REPEATING), late)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "time ran out before 1 of 1 keys could be decided (a)"
    with pytest.raises(OutOfTime):
        check_object("mutex", operations([(0, "acquire", None, None, 0, 1)]), budget=late)


def test_a_contradiction_outlives_its_time() -> None:
    """What has been found is told, if less shrunk."""
    left = iter([1.0, 1.0])
    budget = Budget(seconds_left=lambda: next(left, 0.0))
    (anomaly,) = check_object("fifo-queue", operations([*GOOD, (1, "dequeue", None, 1, 4, 5)]), budget=budget).anomalies
    assert not anomaly.details["minimal"]


class Switch(Model):
    """Somebody else's object: flip answers whether it is on now."""

    name = "switch"
    functions = ("flip",)
    start = False

    def calls(self, operation: Operation) -> Call:
        return Call("flip", None, operation.value if operation.outcome is EventType.OK else UNKNOWN)

    def given(self, value: Any) -> Sequence[Call]:
        return ()

    def step(self, state: State, call: Call) -> Iterable[State]:
        return (not state,) if call.output in (UNKNOWN, not state) else ()


def test_a_model_of_ones_own() -> None:
    on_off: list[Row] = [(0, "flip", None, True, 0, 1), (0, "flip", None, False, 2, 3)]
    assert check_object(Switch(), operations(on_off)).witness == [0, 2]
    (anomaly,) = check_object(Switch(), operations([*on_off, (1, "flip", None, False, 4, 5)])).anomalies
    assert (anomaly.operations, anomaly.details["minimal"]) == ([2, 4], True)
    assert anomaly.text == (
        "no order explains these together: process 0 did flip false (0.002 s to 0.003 s); "
        "process 1 did flip false (0.004 s to 0.005 s)"
    )


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_asked_for(model: str) -> None:
    assert ROWS[model].functions == MODELS[model].functions
    assert check(History([]), model).verdict is Verdict.VALID


def test_the_library_refuses_in_one_sentence() -> None:
    with pytest.raises(BadInitial, match='A counter cannot begin with "x": its initial value is a whole number'):
        check(History([]), "counter", initial="x")
    with pytest.raises(HistoryError, match="line 1: a counter has no 'pop', but add, read"):
        check(history([(0, "pop", None, 1, 0, 1)]), "counter")
    with pytest.raises(HistoryError, match="line 1: a counter has no add of 'x'"):
        check(history([(0, "add", "x", "x", 0, 1)]), "counter")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
@given(rng=st.randoms(use_true_random=False))
@settings(max_examples=10)
def test_what_cannot_change_the_verdict(shape: Shape, rng: random.Random) -> None:
    """Later completions, unknown outcomes, fewer observations only ever allow more; what certainly did not happen, when
    it was, and the names of processes and values mean nothing."""
    ops = Simulation(rng, shape).run().operations
    valid = check_object(shape.model, ops).verdict is Verdict.VALID
    same = [_shifted(op, rng) for op in ops if op.outcome is not EventType.FAIL]
    assert (check_object(shape.model, same).verdict is Verdict.VALID) == valid
    if shape.model.endswith(("queue", "stack")):
        renamed = [_renamed(op) for op in ops]
        assert (check_object(shape.model, renamed).verdict is Verdict.VALID) == valid
    if valid and ops:
        victim = rng.randrange(len(ops))
        weaker = [w for at, op in enumerate(ops) for w in ((op,) if at != victim else _weaker(op, rng))]
        assert check_object(shape.model, weaker).verdict is Verdict.VALID


def _shifted(op: Operation, rng: random.Random) -> Operation:
    """Another time and another name for its process; the order of events stays."""
    invoke = msgspec.structs.replace(op.invoke, time=op.invoke.time + rng.randrange(10**9))
    return msgspec.structs.replace(op, invoke=invoke, process=op.process + 1000)


def _renamed(op: Operation) -> Operation:
    """Every element v becomes ["v", v]."""

    def new(value: Any) -> Any:
        return [new(each) for each in value] if isinstance(value, list) else None if value is None else ["v", value]

    invoke = msgspec.structs.replace(op.invoke, value=new(op.invoke.value))
    return msgspec.structs.replace(op, value=new(op.value), invoke=invoke)


def _weaker(op: Operation, rng: random.Random) -> Sequence[Operation]:
    if op.outcome is not EventType.OK:
        return (op,)
    if op.f in ("read", "contains") or (op.f in ("dequeue", "pop") and op.value is None):
        return ()
    unknown = msgspec.structs.replace(op, outcome=EventType.INFO, returned=PENDING, value=op.invoke.value)
    later = msgspec.structs.replace(op, returned=op.returned + 10_000)
    return (rng.choice((unknown, later)),)


LONG = {
    "fifo-queue": Shape("fifo-queue", drains=0.0),
    "fifo-queue, growing": Shape("fifo-queue", drains=0.0, balance=0.6),
    "stack": Shape("stack"),
    "stack, growing": Shape("stack", balance=0.6),
    "unordered-queue": Shape("unordered-queue", drains=0.0, balance=0.4),
    "set": Shape("set", balance=1.0),
}


@pytest.mark.parametrize("shape", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize("seed", range(2))
def test_long_histories_with_unknown_operations(shape: Shape, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the general search could not decide in any time, the fast algorithms decide at once; also when wrong."""
    monkeypatch.setattr(validate, "MOST_SITUATIONS", 2_000)
    rng = random.Random(seed)
    shape = replace(shape, unknown=0.01, least_operations=400, most_operations=400, most_processes=8)
    ops = Simulation(rng, shape).run().operations
    result = check_object(shape.model, ops)
    assert (result.verdict, result.algorithm) == (Verdict.VALID, FAST[shape.model].name)
    assert result.witness is not None
    assert flaw(shape.model, ops, result.witness) is None
    wrong = _spoilt(ops, rng)
    for anomaly in check_object(shape.model, wrong).anomalies:
        assert len(anomaly.operations) < 20
        if shape.model != "set":
            assert core_flaw(shape.model, wrong, anomaly.operations) in (None, TOO_MUCH)


TOO_MUCH = "more than 2000 situations would have to be tried"


def _spoilt(ops: Sequence[Operation], rng: random.Random) -> Sequence[Operation]:
    """Two answers that are some way apart change places."""
    answers = [at for at, op in enumerate(ops) if op.outcome is EventType.OK and op.f in ("dequeue", "pop", "read")]
    place = rng.randrange(len(answers) // 4, len(answers) // 2)
    first = answers[place]
    second = next(at for at in answers[place + 15 :] if ops[at].value not in (None, ops[first].value))
    changed = list(ops)
    changed[first] = msgspec.structs.replace(ops[first], value=ops[second].value)
    changed[second] = msgspec.structs.replace(ops[second], value=ops[first].value)
    return changed
