"""Operations as columns are what `pair` makes of the same events, and what does not pair is told in the same words."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from checkers.columns import Operations, Unpaired
from checkers.events import NEMESIS, Event, EventType
from checkers.history import LONG, History, HistoryError, pair
from tests.checkers.linearizability.histories import Shape, Simulation

SHAPES = [Shape(most_operations=0, least_operations=0), Shape(), Shape(appends=True), Shape(most_operations=60)]


def events(seed: int) -> list[Event]:
    """A few keys, faults in between, some completions missing, and only a part of a longer history: indexes have
    gaps."""
    rng = random.Random(seed)
    found = [
        msgspec.structs.replace(event, key=rng.choice(["a", "b", None])) if event.type is EventType.INVOKE else event
        for event in Simulation(rng, SHAPES[seed % len(SHAPES)]).run().events
    ]
    keys: dict[int | str, str | None] = {}
    for at, event in enumerate(found):
        if event.type is EventType.INVOKE:
            keys[event.process] = event.key
        found[at] = msgspec.structs.replace(event, key=keys[event.process], index=3 * at)
    fault = Event(index=1, time=0, process=NEMESIS, type=EventType.INVOKE, f="kill", value=None)
    last = max((at for at, event in enumerate(found) if event.type is not EventType.INVOKE), default=None)
    if last is not None and rng.random() < 0.5:
        del found[last]
    return [fault, *found]


@pytest.mark.parametrize("seed", range(60))
def test_columns_are_what_pair_makes(seed: int) -> None:
    same_as(Operations.paired(events(seed)), list(pair(events(seed))))


@pytest.mark.parametrize("seed", range(60))
def test_columns_of_operations(seed: int) -> None:
    expected = list(pair(events(seed)))
    same_as(Operations.of(expected), expected)


def same_as(found: Operations, expected: Sequence[object]) -> None:
    assert [found[at] for at in range(len(found))] == expected
    assert list(found) == expected
    assert list(found[1:]) == expected[1:]
    rows = np.arange(len(expected))
    assert found.values(rows) == [op.value for op in found]
    keys = found.by_key()
    assert {key: list(part) for key, part in keys.items()} == by_key(expected)
    assert list(keys) == list(by_key(expected))


def by_key(operations: Sequence[object]) -> dict[object, list[object]]:
    keys: dict[object, list[object]] = {}
    for operation in operations:
        keys.setdefault(operation.key, []).append(operation)  # type: ignore[attr-defined]
    return keys


def write(index: int, kind: EventType, process: int | str = 0, key: str = "k") -> Event:
    return Event(index=index, time=index, process=process, type=kind, f="write", key=key, value=1)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (write(LONG, EventType.OK), "process 0 completes what it never invoked"),
        (write(LONG, EventType.INVOKE, "n1"), "process 'n1' is neither a number nor 'nemesis'"),
    ],
)
def test_what_does_not_pair_is_told(wrong: Event, why: str) -> None:
    good = [write(at, EventType.OK if at % 2 else EventType.INVOKE) for at in range(LONG)]
    with pytest.raises(Unpaired):
        Operations.paired([*good, wrong])
    with pytest.raises(HistoryError) as caught:
        _ = History([*good, wrong]).operations
    assert (caught.value.line, caught.value.why) == (LONG + 1, why)


def test_a_completion_of_another_key_is_told() -> None:
    good = [write(at, EventType.OK if at % 2 else EventType.INVOKE) for at in range(LONG)]
    good[-1] = write(LONG - 1, EventType.OK, key="j")
    with pytest.raises(HistoryError, match="process 0 completes write of j, not its write of k"):
        _ = History(good).operations


def test_a_long_history_has_columns() -> None:
    good = [write(at, EventType.OK if at % 2 else EventType.INVOKE) for at in range(LONG)]
    assert isinstance(History(good).operations, Operations)
    assert list(History(good).operations) == list(pair(good))
