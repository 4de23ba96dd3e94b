"""Schedules: quiet at both ends, everything ended, every kind there, leaders hit often enough."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.simulation.swarm import SomeVariants
from harness.errors import BadInput
from harness.nemesis.clock import FAULT as CLOCK
from harness.nemesis.commands import Begin, End, check_command, load_kinds
from harness.nemesis.fault import FaultKind, hits_one
from harness.nemesis.partition import FAULT as PARTITION
from harness.nemesis.process import KILL, PAUSE
from harness.nemesis.schedule import SWIZZLED, Timed, crowded, draw_schedule, window

ALL: dict[str, FaultKind] = {kind.name: kind for kind in (PARTITION, KILL, PAUSE, CLOCK)}
SEEDS = range(40)

kinds_asked = st.sets(st.sampled_from(sorted(ALL))).map(lambda names: {name: ALL[name] for name in names})


def begins(schedule: list[Timed]) -> dict[str, tuple[float, Begin]]:
    commands = ((timed.at_s, timed.command) for timed in schedule)
    return {command.fault: (at_s, command) for at_s, command in commands if isinstance(command, Begin)}


def ends(schedule: list[Timed]) -> dict[str, float]:
    return {timed.command.fault: timed.at_s for timed in schedule if isinstance(timed.command, End)}


@given(st.integers(), kinds_asked, st.floats(1, 400), st.floats(0.5, 60))
def test_every_schedule(seed: int, kinds: dict[str, FaultKind], limit_s: float, interval_s: float) -> None:
    schedule = draw_schedule(Random(seed), kinds, time_limit_s=limit_s, interval_s=interval_s)
    begun, ended, open_s = begins(schedule), ends(schedule), window(limit_s)

    assert [timed.at_s for timed in schedule] == sorted(timed.at_s for timed in schedule)
    assert begun.keys() == ended.keys()
    assert all(begun[fault][0] <= ended[fault] for fault in begun)
    assert all(open_s.begin_s <= timed.at_s <= open_s.end_s for timed in schedule)
    assert {command.kind for _, command in begun.values()} == set(kinds)
    for _, command in begun.values():
        check_command(command, kinds)


@given(st.integers())
def test_the_seed_decides(seed: int) -> None:
    assert draw_schedule(Random(seed), ALL, time_limit_s=60) == draw_schedule(Random(seed), ALL, time_limit_s=60)


@pytest.mark.parametrize("seed", SEEDS)
def test_three_minutes_have_what_the_known_bugs_need(seed: int) -> None:
    schedule = draw_schedule(Random(seed), ALL, time_limit_s=180)
    begun = begins(schedule)
    counts = Counter((command.kind, command.variant) for _, command in begun.values())
    for kind in ALL:
        assert 25 <= sum(count for (name, _), count in counts.items() if name == kind) <= 48
    assert counts["partition", "isolate-leader"] >= 9
    assert counts["kill", "all"] >= 4
    assert counts["kill", "leader"] >= 6
    assert accompanied(schedule, "jump-back-leader", "strobe-leader") >= 1
    assert accompanied(schedule, "leader") >= 1
    assert accompanied(schedule, "jump-back-leader", "strobe-leader", "leader") >= 6


@pytest.mark.parametrize("seed", SEEDS)
def test_with_clocks_alone_most_isolated_leaders_are_turned_back(seed: int) -> None:
    kinds = {name: ALL[name] for name in ("partition", "clock")}
    schedule = draw_schedule(Random(seed), kinds, time_limit_s=180)
    assert accompanied(schedule, "jump-back-leader", "strobe-leader") >= 6


def accompanied(schedule: list[Timed], *variants: str) -> int:
    """How many partitions that isolate the leader have one of these beside their beginning."""
    begun = begins(schedule).values()
    cuts = [at_s for at_s, command in begun if command.variant == "isolate-leader"]
    others = [at_s for at_s, command in begun if command.variant in variants and command.kind in ("clock", "pause")]
    return sum(any(-1.0 <= other - cut <= 0.3 for other in others) for cut in cuts)


def test_an_isolated_leader_that_is_paused_wakes_up_isolated() -> None:
    for seed in SEEDS:
        schedule = draw_schedule(Random(seed), {name: ALL[name] for name in ("partition", "pause")}, time_limit_s=180)
        begun, ended = begins(schedule), ends(schedule)
        for fault, (at_s, command) in begun.items():
            if command.variant != "isolate-leader" or at_s > 170:
                continue
            for other, (pause_s, pause) in begun.items():
                if pause.variant == "leader" and 0.02 <= pause_s - at_s <= 0.1:
                    assert ended[fault] > ended[other] > pause_s + 1


def test_faults_of_different_kinds_overlap() -> None:
    schedule = draw_schedule(Random(1), ALL, time_limit_s=60)
    begun, ended = begins(schedule), ends(schedule)
    overlaps = {
        frozenset({first.kind, second.kind})
        for fault, (began_s, first) in begun.items()
        for other, (at_s, second) in begun.items()
        if fault != other and began_s <= at_s < ended[fault]
    }
    assert len([pair for pair in overlaps if len(pair) == 2]) == 6


def test_without_partitions_the_clock_keeps_to_its_own_track() -> None:
    schedule = draw_schedule(Random(1), {"clock": CLOCK}, time_limit_s=60)
    assert len(begins(schedule)) >= 8


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Begin("f1", "partitoin"), "There is no fault named 'partitoin': did you mean 'partition'?"),
        (
            Begin("f1", "partition", "isolate-leeder"),
            "There is no variant of partition named 'isolate-leeder': did you mean 'isolate-leader'?",
        ),
        (Begin("f1", "zzz"), "There is no fault named 'zzz': there are: partition, kill, pause, clock."),
    ],
)
def test_commands_that_ask_for_what_is_not_there(command: Begin, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_command(command, ALL)
    assert str(caught.value) == message


def test_unknown_kinds_are_told_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="did you mean 'clock'"):
        load_kinds(["partition", "clok"])


@given(st.integers(), kinds_asked, st.floats(1, 400), st.floats(0.5, 60))
def test_every_swizzled_schedule(seed: int, kinds: dict[str, FaultKind], limit_s: float, interval_s: float) -> None:
    schedule = draw_schedule(Random(seed), kinds, time_limit_s=limit_s, interval_s=interval_s, shape=SWIZZLED)
    begun, ended, open_s = begins(schedule), ends(schedule), window(limit_s)
    assert begun.keys() == ended.keys()
    assert all(open_s.begin_s <= timed.at_s <= open_s.end_s for timed in schedule)
    assert {command.kind for _, command in begun.values()} == set(kinds)
    for fault, (at_s, command) in begun.items():
        assert at_s <= ended[fault]
        assert hits_one(str(command.variant))
        check_command(command, kinds)


@pytest.mark.parametrize("seed", SEEDS)
def test_groups_of_a_swizzled_schedule_are_lifted_in_another_order(seed: int) -> None:
    """Those that were in force together."""
    schedule = draw_schedule(Random(seed), {"partition": PARTITION}, time_limit_s=60, shape=SWIZZLED)
    groups: list[tuple[list[str], list[str]]] = []
    in_force: set[str] = set()
    for command in (timed.command for timed in schedule):
        if isinstance(command, Begin):
            if not in_force:
                groups.append(([], []))
            in_force.add(command.fault)
            groups[-1][0].append(command.fault)
        elif isinstance(command, End):
            in_force.remove(command.fault)
            groups[-1][1].append(command.fault)
    assert len(groups) > 3
    for begun, ended in groups:
        assert 2 <= len(begun) <= 4
        assert sorted(begun) == sorted(ended)
        assert begun != ended


def test_a_kind_that_cannot_hit_a_single_node_comes_all_the_same() -> None:
    kinds = load_kinds(["membership"])
    only = SomeVariants(kinds["membership"], ("minority",))
    schedule = draw_schedule(Random(1), {"membership": only}, time_limit_s=60, shape=SWIZZLED)
    assert {command.variant for _, command in begins(schedule).values()} == {"minority"}


def test_many_kinds_come_less_often_each() -> None:
    assert [crowded(5.0, kinds) for kinds in (1, 4, 6, 12)] == [5.0, 5.0, 7.5, 15.0]


def test_long_variants_are_never_short() -> None:
    schedule = draw_schedule(Random(1), load_kinds(["restart"]), time_limit_s=200, interval_s=5)
    begun, ended = begins(schedule), ends(schedule)
    rolling = [ended[fault] - at_s for fault, (at_s, command) in begun.items() if command.variant == "rolling"]
    assert len(rolling) > 3
    assert all(seconds >= 2.5 for seconds in rolling[:-1])
