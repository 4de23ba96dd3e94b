"""The fast algorithm, the general search and every order tried agree; witnesses hold; contradictions are minimal."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.canonical import canonical
from checkers.checker import Budget
from checkers.columns import NONE, Operations
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.linearizability import check_register, frontier, zones
from checkers.linearizability.actions import APPEND, Action, Kind, Value, actions, without_unseen
from checkers.linearizability.clusters import Ambiguous
from checkers.linearizability.columns import ActionColumns, action_columns
from checkers.linearizability.outcome import Linearizable, Outcome
from checkers.linearizability.refute import core_flaw
from checkers.linearizability.register import SEARCH, check_long, check_short
from checkers.linearizability.shrink import with_context
from checkers.linearizability.validate import flaw
from checkers.verdict import Verdict
from tests.checkers.linearizability.brute_force import linearizable
from tests.checkers.linearizability.histories import Shape, Simulation

SHAPES = {
    "distinct": Shape(),
    "distinct, wrong": Shape(wrong=0.25),
    "repeating": Shape(distinct=False),
    "repeating, wrong": Shape(distinct=False, wrong=0.2),
    "longer, wrong": Shape(most_operations=14, most_processes=6, distinct=False, wrong=0.1),
    "longer, distinct, wrong": Shape(most_operations=14, most_processes=6, wrong=0.1),
    "appends": Shape(appends=True, most_operations=8),
    "appends, wrong": Shape(appends=True, most_operations=8, wrong=0.15),
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
randoms = st.randoms(use_true_random=False)


@shapes
@given(rng=randoms)
@settings(max_examples=60)
def test_all_agree(shape: Shape, rng: random.Random) -> None:
    compare(rng, shape)


@pytest.mark.slow
@shapes
def test_all_agree_at_length(shape: Shape) -> None:
    for seed in range(15_000):
        try:
            compare(random.Random(seed), shape)
        except AssertionError as error:
            raise AssertionError(f"with seed {seed} of {shape}") from error


def compare(rng: random.Random, shape: Shape) -> None:
    operations = Simulation(rng, shape).run().operations
    found, initial = actions(operations), shape.initial
    truth = linearizable(found, initial)
    assert truth or shape.wrong
    agrees(frontier.search(found, initial, Budget()), truth, operations, initial)
    agrees(frontier.search_long(without_unseen(found), initial, Budget()), truth, operations, initial)
    try:
        agrees(zones.decide(found, initial), truth, operations, initial)
    except Ambiguous:
        assert shape.appends or not shape.distinct or has_repeated_values(found, initial)
    if not truth:
        is_minimal(operations, found, initial)
    columns_say_the_same(operations, found, initial)


def columns_say_the_same(operations: Sequence[Operation], found: Sequence[Action], initial: Any) -> None:
    """As actions.py and zones.py: the same actions, the same witness, the same contradiction in the same words."""
    columns = action_columns(Operations.of(operations), canonical(initial))
    if columns is None:
        assert any(action.kind == APPEND for action in found)
        return
    assert as_actions(columns) == found
    long, short = check_long(operations, initial, Budget()), check_short(operations, initial, Budget())
    if short.algorithm == SEARCH:
        assert long is None
        return
    assert long is not None
    assert (long.verdict, long.operations, long.why) == (short.verdict, short.operations, short.why)
    assert (list(long.witness or ()), long.anomalies) == (list(short.witness or ()), short.anomalies)


def as_actions(columns: ActionColumns) -> list[Action]:
    values = columns.values.all()
    numbers = (columns.kind, columns.value, columns.expected, columns.certain, columns.invoked, columns.returned)
    rows = zip(*(column.tolist() for column in numbers), strict=True)
    return [Action(Kind(k), values[v], values[e] if e != NONE else None, *rest) for k, v, e, *rest in rows]


def agrees(outcome: Outcome, truth: bool, operations: Sequence[Operation], initial: Any) -> None:
    assert isinstance(outcome, Linearizable) == truth
    if isinstance(outcome, Linearizable):
        assert flaw(operations, [action.invoked for action in outcome.witness], initial) is None


def has_repeated_values(found: Sequence[Action], initial: Value) -> bool:
    written = [initial, *(action.value for action in found if action.kind != 0)]
    return len(set(written)) < len(written)


def is_minimal(operations: Sequence[Operation], found: Sequence[Action], initial: Any) -> None:
    """By every order of the actions, and by the validator, which knows nothing of actions."""
    (anomaly,) = check_register(operations, initial).anomalies
    assert core_flaw(operations, anomaly.operations, initial) is None
    core = [action for action in found if action.invoked in anomaly.operations]
    assert len(core) == len(anomaly.operations) > 0
    assert anomaly.text
    assert not linearizable(with_context(found, core), initial)
    for needless in core:
        rest = [action for action in core if action is not needless]
        assert linearizable(with_context(found, rest), initial), f"{needless} is not needed"


@shapes
@given(rng=randoms)
@settings(max_examples=40)
def test_what_cannot_change_the_verdict(shape: Shape, rng: random.Random) -> None:
    """Later completions, unknown outcomes and fewer reads only ever allow more; names of values mean nothing."""
    operations = Simulation(rng, shape).run().operations
    valid = check_register(operations, shape.initial).verdict is Verdict.VALID
    if not shape.appends:
        renamed = check_register([_renamed(op) for op in operations], ["v", shape.initial])
        assert (renamed.verdict is Verdict.VALID) == valid
    if valid and operations:
        victim = rng.randrange(len(operations))
        weaker = [w for at, op in enumerate(operations) for w in ((op,) if at != victim else _weaker(op, rng))]
        assert check_register(weaker, shape.initial).verdict is Verdict.VALID


@shapes
@given(rng=randoms)
@settings(max_examples=25)
def test_what_means_nothing(shape: Shape, rng: random.Random) -> None:
    """Operations that certainly did not happen, times, and which process did it: verdict and contradiction stay."""
    operations = Simulation(rng, shape).run().operations
    result = check_register(operations, shape.initial)
    shift, names = rng.randrange(10**9), rng.sample(range(100), 6)
    for changed in (
        [op for op in operations if op.outcome is not EventType.FAIL],
        [_changed(op, lambda event: {"time": 2 * event.time + shift}) for op in operations],
        [_changed(op, lambda event: {"process": names[event.process]}) for op in operations],
    ):
        again = check_register(changed, shape.initial)
        assert again.verdict is result.verdict
        assert [a.operations for a in again.anomalies] == [a.operations for a in result.anomalies]


def _changed(op: Operation, change: Callable[[Any], dict[str, Any]]) -> Operation:
    invoke, completion = (
        None if event is None else msgspec.structs.replace(event, **change(event))
        for event in (op.invoke, op.completion)
    )
    assert invoke is not None
    return msgspec.structs.replace(op, process=invoke.process, invoke=invoke, completion=completion)


def _renamed(op: Operation) -> Operation:
    """Every value v becomes ["v", v]."""

    def new(value: Any) -> Any:
        return ["v", value]

    value = [new(each) for each in op.value] if op.f == "cas" else new(op.value)
    completion = op.completion
    if completion is not None and completion.actual is not msgspec.UNSET:
        completion = msgspec.structs.replace(completion, actual=new(completion.actual))
    return msgspec.structs.replace(op, value=value, completion=completion)


def _weaker(op: Operation, rng: random.Random) -> Sequence[Operation]:
    if op.outcome is not EventType.OK:
        return (op,)
    if op.f in ("read", "get"):
        return ()
    unknown = msgspec.structs.replace(op, outcome=EventType.INFO, returned=PENDING)
    later = msgspec.structs.replace(op, returned=op.returned + 10_000)
    return (rng.choice((unknown, later)),)
