"""Every combinator in virtual time, as a table of what is invoked: (seconds, process, operation)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, TypeAlias

import pytest

from checkers.events import NEMESIS, Event, EventType
from harness import generator as gen
from harness.client import Completion, Invocation
from harness.generator.simulation import Outcome, Stuck, crashing, perfect, simulate, uneven

R, W, C = {"f": "r"}, {"f": "w"}, {"f": "c"}
RS, WS = gen.repeat(R), gen.repeat(W)

Row: TypeAlias = "tuple[float, int | str, str]"


def table(source: gen.Source, **options: Any) -> list[Row]:
    return [
        (round(event.time / 1e9, 6), event.process, event.f)
        for event in simulate(source, **options)
        if event.type is EventType.INVOKE
    ]


def test_numbered_counts_the_operations_that_it_has_given() -> None:
    source = gen.limit(4, gen.numbered(lambda number, context: {"f": "w", "value": number} if number < 3 else None))
    invoked = [event.value for event in simulate(source, concurrency=2) if event.type is EventType.INVOKE]
    assert invoked == [0, 1, 2]


def test_threads_share_the_work_evenly_also_beside_other_workloads() -> None:
    """A workload with a few of a run's many threads does not favour its first."""
    source = gen.reserve((90, None), gen.limit(2000, RS))
    counts = [0] * 100
    for event in simulate(source, concurrency=100, outcome=perfect()):
        if event.type is EventType.INVOKE:
            assert isinstance(event.process, int)
            counts[event.process] += 1
    assert min(counts[90:]) > 150


def names(rows: Sequence[Row]) -> str:
    return "".join(f for _, _, f in rows)


def times(rows: Sequence[Row]) -> list[float]:
    return [time for time, _, _ in rows]


@pytest.mark.parametrize(
    ("source", "rows"),
    [
        pytest.param(None, [], id="nothing"),
        pytest.param(R, [(0, 0, "r")], id="a dict, once"),
        pytest.param(Invocation(f="w"), [(0, 0, "w")], id="an invocation, once"),
        pytest.param([R, W, [C]], [(0, 0, "r"), (1, 0, "w"), (2, 0, "c")], id="a sequence"),
        pytest.param([], [], id="an empty sequence"),
        pytest.param(gen.limit(2, lambda context: R), [(0, 0, "r"), (1, 0, "r")], id="a function"),
        pytest.param(
            lambda context: R if context.time < 2e9 else None,
            [(0, 0, "r"), (1, 0, "r")],
            id="a function that ends",
        ),
        pytest.param(gen.limit(0, RS), [], id="limit 0"),
        pytest.param(gen.limit(5, [R, W]), [(0, 0, "r"), (1, 0, "w")], id="limit above what there is"),
        pytest.param(gen.repeat([R, W], 2), [(0, 0, "r"), (1, 0, "r")], id="repeat keeps to the first"),
        pytest.param(
            gen.cycle([R, W], 2), [(0, 0, "r"), (1, 0, "w"), (2, 0, "r"), (3, 0, "w")], id="cycle begins again"
        ),
        pytest.param(gen.limit(3, gen.cycle([R, W])), [(0, 0, "r"), (1, 0, "w"), (2, 0, "r")], id="cycle for ever"),
        pytest.param(gen.cycle(None), [], id="cycle of nothing"),
        pytest.param(
            gen.flip_flop(RS, [W, C]),
            [(0, 0, "r"), (1, 0, "w"), (2, 0, "r"), (3, 0, "c"), (4, 0, "r")],
            id="flip-flop until one is exhausted",
        ),
        pytest.param(gen.then(R, W), [(0, 0, "r"), (1, 0, "w")], id="then"),
        pytest.param(gen.time_limit(2, RS), [(0, 0, "r"), (1, 0, "r")], id="time limit excludes its end"),
        pytest.param(gen.time_limit(0, RS), [], id="time limit of nothing"),
        pytest.param(
            [gen.time_limit(2, RS), gen.time_limit(1, WS)],
            [(0, 0, "r"), (1, 0, "r"), (2, 0, "w")],
            id="time limits count from their first operation",
        ),
    ],
)
def test_one_process_whose_operations_take_a_second(source: gen.Source, rows: list[Row]) -> None:
    assert table(source, concurrency=1, outcome=perfect(1.0)) == rows


@pytest.mark.parametrize(
    ("source", "latency_s", "expected"),
    [
        pytest.param(gen.limit(4, gen.delay(2, RS)), 0.0, [0, 2, 4, 6], id="delay"),
        pytest.param(gen.limit(3, gen.delay(1, RS)), 1.02, [0, 1.02, 2.04], id="all busy: as soon as one is free"),
        pytest.param(gen.limit(4, gen.delay(1, RS)), 5.0, [0, 5, 10, 15], id="no burst after a long wait"),
        pytest.param(gen.delay(1, gen.cycle([R, W], 1)), 0.0, [0, 1], id="delay ends with its source"),
        pytest.param(
            [gen.limit(2, gen.delay(3, RS)), gen.limit(2, gen.delay(1, WS))], 0.0, [0, 3, 3, 4], id="two delays"
        ),
        pytest.param(gen.time_limit(3, gen.delay(2, RS)), 0.0, [0, 2], id="time limit cuts what is due later"),
    ],
)
def test_pace_of_one_process(source: gen.Source, latency_s: float, expected: list[float]) -> None:
    assert times(table(source, concurrency=1, outcome=perfect(latency_s))) == expected


def test_a_little_lateness_is_made_up_for() -> None:
    """Operations due every second, the process free 20 ms late for the second: the third is on time again."""

    def late_once(invocation: Invocation, rng: Random) -> tuple[float, Completion]:
        return 1.02 if invocation.time == 0 else 0.5, Completion(type=EventType.OK)

    assert times(table(gen.limit(3, gen.delay(1, RS)), concurrency=1, outcome=late_once)) == [0, 1.02, 2]


@pytest.mark.parametrize(
    ("paced", "share_below_mean"),
    [(gen.stagger(0.01, RS), 0.5), (gen.rate(100, RS), 0.632)],
    ids=["stagger: evenly from 0 to 2 dt", "rate: memoryless"],
)
def test_random_pace_keeps_its_mean_and_its_shape(paced: gen.Generator, share_below_mean: float) -> None:
    moments = times(table(gen.limit(4001, paced), concurrency=50, outcome=perfect(0.001), seed=3))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert sum(gaps) / len(gaps) == pytest.approx(0.01, rel=0.05)
    assert sum(gap < 0.01 for gap in gaps) / len(gaps) == pytest.approx(share_below_mean, abs=0.03)


# Order


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(
            gen.phases(gen.limit(2, RS), gen.limit(2, WS)), [(0, "r"), (0, "r"), (1, "w"), (1, "w")], id="phases wait"
        ),
        pytest.param(
            [gen.limit(2, RS), gen.limit(2, WS)], [(0, "r"), (0, "r"), (0, "w"), (1, "w")], id="sequences do not"
        ),
        pytest.param(gen.then(gen.limit(2, RS), W), [(0, "r"), (0, "r"), (1, "w")], id="then waits"),
        pytest.param([R, gen.synchronize(W)], [(0, "r"), (1, "w")], id="synchronize waits"),
        pytest.param(
            gen.phases(None, gen.limit(4, RS), None, W), [(0, "r")] * 3 + [(1, "r"), (2, "w")], id="empty phases"
        ),
    ],
)
def test_order_of_three_processes_whose_operations_take_a_second(source: gen.Source, expected: list[Any]) -> None:
    assert [(time, f) for time, _, f in table(source, outcome=perfect(1.0))] == expected


def answering(kinds: Callable[[Invocation], EventType]) -> Outcome:
    return lambda invocation, rng: (1.0, Completion(type=kinds(invocation)))


def test_until_ok_tries_until_one_is_ok() -> None:
    kinds = iter([EventType.FAIL, EventType.INFO, EventType.FAIL, EventType.OK])
    rows = table(gen.until_ok(RS), concurrency=1, outcome=answering(lambda invocation: next(kinds)))
    assert rows == [(0, 0, "r"), (1, 0, "r"), (2, 1, "r"), (3, 1, "r")]


def test_until_ok_is_not_fooled_by_the_operations_of_others() -> None:
    """Process 0's reads fail; process 1's writes are ok, and are none of until-ok's business."""
    outcome = answering(lambda invocation: EventType.FAIL if invocation.f == "r" else EventType.OK)
    source = gen.reserve((1, gen.limit(4, gen.until_ok(RS))), gen.limit(4, WS))
    assert names(table(source, concurrency=2, outcome=outcome)).count("r") == 4


# Choice


def test_mix_keeps_its_shares_and_drops_what_is_exhausted() -> None:
    rows = names(table(gen.limit(3000, gen.mix([RS, WS, C], weights=[3, 1, 1])), concurrency=1))
    assert rows.count("c") == 1
    assert rows.count("r") / len(rows) == pytest.approx(0.75, abs=0.03)
    assert names(table(gen.mix([R, W]), concurrency=1)) in ("rw", "wr")
    assert table(gen.mix([])) == []


def test_any_of_takes_what_comes_first() -> None:
    source = gen.any_of(gen.limit(3, gen.delay(2, RS)), gen.limit(2, gen.delay(3, [W, W])))
    rows = table(source, concurrency=1)
    assert [(time, f) for time, _, f in rows if time > 0] == [(2, "r"), (3, "w"), (4, "r")]
    assert sorted(f for time, _, f in rows if time == 0) == ["r", "w"]


# Threads


def test_reserve_keeps_threads_apart_also_when_processes_crash() -> None:
    source = gen.reserve((1, gen.limit(20, RS)), (2, gen.limit(20, WS)), gen.limit(20, gen.repeat(C)))
    rows = table(source, concurrency=5, outcome=uneven(1.0, info=0.5), seed=5)
    used = {f: {int(process) % 5 for _, process, g in rows if g == f} for f in "rwc"}
    assert used == {"r": {0}, "w": {1, 2}, "c": {3, 4}}
    assert max(int(process) for _, process, _ in rows) >= 5
    assert len(rows) == 60


def test_reserve_of_all_threads_leaves_the_last_nothing() -> None:
    assert names(table(gen.reserve((2, gen.limit(3, RS)), WS), concurrency=2)) == "rrr"


def test_reserve_shares_the_pace_by_threads() -> None:
    rows = names(table(gen.limit(2000, gen.delay(1, gen.reserve((3, RS), WS))), concurrency=4))
    assert rows.count("r") / len(rows) == pytest.approx(0.75, abs=0.04)


def test_each_process_has_a_copy_of_its_own() -> None:
    rows = table(gen.each_process([R, W]), outcome=perfect(1.0))
    assert sorted(rows) == [(time, process, f) for time, f in ((0, "r"), (1, "w")) for process in range(3)]


def test_each_process_begins_anew_for_a_process_that_takes_over() -> None:
    rows = table(gen.limit(4, gen.each_process([R, W])), concurrency=1, outcome=crashing(1.0))
    assert rows == [(0, 0, "r"), (1, 1, "r"), (2, 2, "r"), (3, 3, "r")]


def test_clients_and_nemesis_keep_to_themselves() -> None:
    source = gen.clients(gen.limit(4, gen.delay(1, RS)), gen.limit(2, gen.delay(2, WS)))
    rows = table(source, concurrency=2, nemesis=True)
    assert sorted((time, f) for time, _, f in rows) == [(0, "r"), (0, "w"), (1, "r"), (2, "r"), (2, "w"), (3, "r")]
    assert {f for _, process, f in rows if process == NEMESIS} == {"w"}
    assert {f for _, process, f in rows if process != NEMESIS} == {"r"}
    assert table(gen.nemesis(W), concurrency=1, nemesis=True) == [(0, NEMESIS, "w")]
    assert table(gen.nemesis(W), concurrency=1) == []


def test_a_generator_that_waits_for_nothing_is_found_out() -> None:
    class Never:
        def next(self, context: gen.Context) -> gen.Step:
            return gen.PENDING

        def update(self, context: gen.Context, event: Event) -> gen.Generator:
            return self

    with pytest.raises(Stuck):
        simulate(Never())


def test_pending_until_a_time_is_asked_again_then() -> None:
    class Later:
        def next(self, context: gen.Context) -> gen.Step:
            if context.time < 5e9:
                return gen.Pending(5 * 10**9)
            return gen.once(R).next(context)

        def update(self, context: gen.Context, event: Event) -> gen.Generator:
            return self

    assert times(table(gen.limit(1, Later()))) == [5]
