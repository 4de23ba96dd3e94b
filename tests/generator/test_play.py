"""Operations at their times by their processes."""

from __future__ import annotations

from random import Random

from checkers.events import EventType
from harness import generator as gen
from harness.client import Completion, Invocation
from harness.generator.base import NS
from harness.generator.simulation import Outcome, crashing, perfect, simulate


def written(*rows: tuple[float, int, str]) -> list[Invocation]:
    return [Invocation(f=f, key="r0", time=round(at_s * NS), process=process) for at_s, process, f in rows]


def played(
    rows: list[Invocation], *, ends_s: float = 10.0, begins_s: float = 0.0, outcome: Outcome | None = None
) -> list[tuple[float, int | str, str]]:
    source = gen.play(rows, concurrency=3, begins_ns=round(begins_s * NS), ends_ns=round(ends_s * NS))
    events = simulate(source, concurrency=3, outcome=outcome or perfect(0.01))
    return [(round(event.time / NS, 6), event.process, event.f) for event in events if event.type is EventType.INVOKE]


def test_each_at_its_time_by_its_process() -> None:
    rows = written((2, 1, "b"), (0.5, 2, "a"), (2, 0, "c"), (2.000001, 2, "d"))
    assert played(rows) == [(0.5, 2, "a"), (2, 0, "c"), (2, 1, "b"), (2.000001, 2, "d")]


def test_times_count_from_the_beginning() -> None:
    assert played(written((0.5, 1, "a")), begins_s=3) == [(3.5, 1, "a")]


def test_a_process_that_was_replaced_is_played_by_who_took_over() -> None:
    rows = written((1, 1, "a"), (2, 1, "b"), (3, 4, "c"), (4, 10, "d"), (5, 0, "e"))
    assert played(rows, outcome=crashing(0.01)) == [(1, 1, "a"), (2, 4, "b"), (3, 7, "c"), (4, 10, "d"), (5, 0, "e")]


def test_a_busy_process_is_late_and_keeps_no_other_waiting() -> None:
    rows = written((1, 0, "slow"), (1.5, 0, "late"), (1.6, 1, "other"), (1.7, 0, "later"))
    assert played(rows, outcome=slow) == [(1, 0, "slow"), (1.6, 1, "other"), (3, 0, "late"), (3.01, 0, "later")]


def slow(invocation: Invocation, rng: Random) -> tuple[float, Completion]:
    return 2.0 if invocation.f == "slow" else 0.01, Completion(type=EventType.OK)


def test_it_goes_on_to_its_end_and_leaves_out_what_is_too_late() -> None:
    source = gen.play(written((1, 0, "slow"), (2, 0, "late")), concurrency=3, begins_ns=0, ends_ns=round(2.5 * NS))
    after = simulate([source, {"f": "next"}], concurrency=3, outcome=slow)
    assert [event.f for event in after if event.type is EventType.INVOKE] == ["slow", "next"]


def test_without_operations_it_only_waits() -> None:
    source = gen.play([], concurrency=3, begins_ns=0, ends_ns=5 * NS)
    assert [event.time for event in simulate([source, {"f": "next"}], concurrency=3)] == [5 * NS, 5 * NS]
