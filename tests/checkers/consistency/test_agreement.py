"""The levels as graded against their definitions, on generated histories; and that levels nest."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget
from checkers.consistency.grade import grade
from checkers.consistency.levels import SESSION_GUARANTEES, WEAKER, Level
from checkers.consistency.record import Record, record_of
from checkers.consistency.refute import all_keys, by_key, circle, wishes
from checkers.events import Event, EventType
from checkers.history import History, Operation
from checkers.sequential.steps import INITIAL, steps
from tests.checkers.consistency.brute_force import Brute
from tests.checkers.consistency.histories import drawn

randoms = st.randoms(use_true_random=False)
SHAPES = {
    "no compare-and-sets": {"cas": 0.0},
    "compare-and-sets": {"cas": 0.2},
    "one key": {"keys": "x"},
    "repeating": {"distinct": False},
}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def with_nodes(history: History, rng: random.Random) -> tuple[History, Sequence[int]]:
    """The same with nodes that answered, and restarts of nodes here and there."""
    nodes = [None] if rng.random() < 0.4 else ["n1", "n2"]
    events = [
        msgspec.structs.replace(event, node=rng.choice(nodes)) if event.type is EventType.OK else event
        for event in history.events
    ]
    restarts = sorted(rng.sample(range(len(events)), 1)) if rng.random() < 0.2 else []
    return History(events), restarts


def compare(rng: random.Random, shape: dict[str, Any]) -> None:
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    expected = Brute(history, restarts).holds()
    graded = grade(history, "stale", None, restarts, Budget())
    doubtful = graded.record is not None and graded.record.ambiguous
    for level, holds in expected.items():
        finding = graded.findings[level]
        if finding.holds is None:
            assert doubtful or "compare-and-sets" in finding.how, (level, finding.how)
        else:
            assert finding.holds == holds, (level, finding)


@shapes
@settings(max_examples=60)
@given(rng=randoms)
def test_agrees_with_the_definitions(shape: dict[str, Any], rng: random.Random) -> None:
    compare(rng, shape)


@pytest.mark.slow
@shapes
def test_agrees_with_the_definitions_at_length(shape: dict[str, Any]) -> None:
    for seed in range(25_000):
        try:
            compare(random.Random(seed), shape)
        except AssertionError as error:
            raise AssertionError(f"with seed {seed} of {shape}") from error


@shapes
@settings(max_examples=60)
@given(rng=randoms)
def test_levels_nest(shape: dict[str, Any], rng: random.Random) -> None:
    """Whatever holds, all that is weaker holds: also where each level is decided by itself, not by what follows."""
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    findings = grade(history, "stale", None, restarts, Budget()).findings
    for level in Level:
        if findings[level].holds:
            assert all(findings[weaker].holds for weaker in WEAKER[level])
    record = record_of(steps(history.operations), INITIAL, restarts)
    if findings[Level.SEQUENTIAL].holds:
        wanted = wishes(record, (*SESSION_GUARANTEES, Level.CAUSAL), Budget())
        assert wanted is not None
        assert not any(by_key(record, own, Budget()) for own in wanted.values())
        assert all_keys(record, wanted[Level.CAUSAL], Budget()) is None


@shapes
@settings(max_examples=60)
@given(rng=randoms)
def test_contradictions_are_true_and_minimal(shape: dict[str, Any], rng: random.Random) -> None:
    """The operations of an anomaly contradict each other without all others, and no more when one is left out."""
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    graded = grade(history, "stale", None, restarts, Budget())
    for level in (*SESSION_GUARANTEES, Level.CAUSAL, Level.SEQUENTIAL):
        for anomaly in graded.findings[level].anomalies:
            if anomaly.kind.startswith("not-") and graded.record is not None and not graded.record.ambiguous:
                assert not Brute(only(history, anomaly.operations), restarts).holds()[level]
                broken = Level(anomaly.kind.removeprefix("not-").replace("-", " "))
                if broken in (*SESSION_GUARANTEES, Level.CAUSAL):
                    _is_minimal(graded.record, broken, anomaly.operations)


def _is_minimal(record: Record, level: Level, invocations: Sequence[int]) -> None:
    numbers = [number for number, step in enumerate(record.steps) if step.operation.invoked in invocations]
    assert circle(record.part(numbers), level, Budget()) is not None
    for needed in numbers:
        assert circle(record.part([number for number in numbers if number != needed]), level, Budget()) is None


def only(history: History, invocations: Sequence[int]) -> History:
    """These operations alone. Event indexes stay as they are."""
    kept = {index for op in history.operations if op.invoked in invocations for index in _events(op)}
    return History([event for event in history.events if event.index in kept])


def _events(operation: Operation) -> list[int]:
    return [operation.invoked, *([operation.completion.index] if operation.completion is not None else [])]


@shapes
@settings(max_examples=40)
@given(rng=randoms)
def test_what_cannot_change_the_grade(shape: dict[str, Any], rng: random.Random) -> None:
    """Names of values, keys and processes, times, and operations that certainly did not happen mean nothing."""
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    expected = _holds(history, restarts)
    assert _holds(History([_renamed(event) for event in history.events]), restarts) == expected
    failed = {index for op in history.operations if op.outcome is EventType.FAIL for index in _events(op)}
    assert _holds(History([event for event in history.events if event.index not in failed]), restarts) == expected


@shapes
@settings(max_examples=40)
@given(rng=randoms)
def test_fewer_reads_only_ever_allow_more(shape: dict[str, Any], rng: random.Random) -> None:
    history, restarts = with_nodes(drawn(rng, **shape), rng)
    reads = [op for op in history.operations if op.f == "read"]
    if not reads:
        return
    dropped = set(_events(rng.choice(reads)))
    before = _holds(history, restarts)
    after = _holds(History([event for event in history.events if event.index not in dropped]), restarts)
    assert not [level for level in before if before[level] and after[level] is False]


def _holds(history: History, restarts: Sequence[int]) -> dict[Level, bool | None]:
    findings = grade(history, "stale", None, restarts, Budget()).findings
    return {level: finding.holds for level, finding in findings.items()}


def _renamed(event: Event) -> Event:
    def new(value: Any) -> Any:
        return None if value is None else ["v", value]

    value = [new(each) for each in event.value] if event.f == "cas" else new(event.value)
    actual = event.actual if event.actual is msgspec.UNSET else new(event.actual)
    assert isinstance(event.process, int)
    fields = {"value": value, "actual": actual, "key": f"key {event.key}", "process": event.process + 7}
    return msgspec.structs.replace(event, time=event.time * 3 + 17, **fields)
