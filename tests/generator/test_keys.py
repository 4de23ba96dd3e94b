"""Independent keys: how they share threads, when they are replaced."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from checkers.events import Event, EventType
from harness import generator as gen
from harness.generator.keys import slots_of
from harness.generator.simulation import perfect, simulate, uneven

RS = gen.repeat({"f": "r"})


@pytest.mark.parametrize(
    ("threads", "per_key", "at_once", "groups"),
    [
        pytest.param(4, 2, None, [[0, 1], [2, 3]], id="shared out"),
        pytest.param(5, 2, None, [[0, 1], [2, 3], [4]], id="a smaller last group"),
        pytest.param(2, 5, None, [[0, 1]], id="fewer threads than a key may have"),
        pytest.param(4, 2, 4, [[0, 1], [2, 3], [0, 1], [2, 3]], id="more keys than groups"),
        pytest.param(3, 2, 3, [[0, 1], [0, 2], [1, 2]], id="neighbours share"),
        pytest.param(3, 20, 2, [[0, 1, 2], [0, 1, 2]], id="every thread on every key"),
        pytest.param(6, 2, 1, [[0, 1]], id="one key, the rest idle"),
    ],
)
def test_threads_of_each_slot(threads: int, per_key: int, at_once: int | None, groups: list[list[int]]) -> None:
    masks = slots_of((1 << threads) - 1, per_key, at_once)
    assert [[thread for thread in range(threads) if mask >> thread & 1] for mask in masks] == groups


def invokes(events: list[Event]) -> list[Event]:
    return [event for event in events if event.type is EventType.INVOKE]


def test_every_key_gets_its_operations_and_then_a_fresh_one_takes_its_place() -> None:
    source = gen.limit(
        70,
        gen.independent(lambda n: f"k{n}", lambda key: RS, processes_per_key=2, ops_per_key=10, keys_at_once=2),
    )
    events = invokes(simulate(source, concurrency=4, outcome=uneven(0.01), seed=1))
    counts = Counter(event.key for event in events)
    assert max(counts.values()) == 10
    assert sum(counts.values()) == 70
    in_use = [key for key, count in counts.items() if count < 10]
    assert len(in_use) <= 2
    assert set(counts) == {f"k{n}" for n in range(len(counts))}


def test_no_key_has_more_processes_at_once_than_allowed() -> None:
    source = gen.independent(["a", "b", "c"], lambda key: RS, processes_per_key=2, ops_per_key=30)
    busy: dict[str, set[int | str]] = defaultdict(set)
    most = 0
    for event in simulate(source, concurrency=6, outcome=uneven(0.01, info=0.0), seed=2):
        assert event.key is not None
        if event.type is EventType.INVOKE:
            busy[event.key].add(event.process)
        else:
            busy[event.key].discard(event.process)
        most = max(most, *(len(processes) for processes in busy.values()))
    assert most == 2


def test_keys_end_and_so_does_the_generator() -> None:
    source = gen.independent(["a", "b", "c"], lambda key: gen.repeat({"f": "r"}, 4), processes_per_key=1)
    assert Counter(event.key for event in invokes(simulate(source, concurrency=2))) == {"a": 4, "b": 4, "c": 4}


def test_all_processes_take_part_in_all_keys() -> None:
    """Slot and thread are drawn independently: no key is left to a few of the processes that may serve it."""
    source = gen.limit(2000, gen.independent(lambda n: f"k{n}", lambda key: RS, processes_per_key=20, keys_at_once=5))
    events = invokes(simulate(source, concurrency=10, outcome=perfect(0.0)))
    pairs = Counter((event.key, event.process) for event in events)
    assert len(pairs) == 50
    assert min(pairs.values()) > 15


def test_a_keys_generator_hears_of_its_own_operations_alone() -> None:
    heard: list[tuple[str, str | None]] = []

    class Listener:
        def __init__(self, key: str) -> None:
            self.key = key

        def next(self, context: gen.Context) -> gen.Step:
            step = RS.next(context)
            return (step[0], self) if isinstance(step, tuple) else step

        def update(self, context: gen.Context, event: Event) -> gen.Generator:
            heard.append((self.key, event.key))
            return self

    source = gen.limit(40, gen.independent(["a", "b"], Listener, processes_per_key=1))
    simulate(source, concurrency=2)
    assert len(heard) == 80
    assert all(own == key for own, key in heard)
