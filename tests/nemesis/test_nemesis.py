"""The nemesis in the virtual world, on a cluster that fails where the test says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.events import EventType
from checkers.faults import coverage
from harness.cluster import Capabilities
from harness.errors import BadInput, HealFailed
from harness.nemesis import Begin, Command, End, HealAll, Nemesis, Stop, Timed, draw_schedule, feed, load_kinds
from harness.nemesis.nemesis import leader_of
from harness.world.sync import Queue
from harness.world.virtual import VirtualWorld
from tests.nemesis.fakes import FakeCluster, FakeRecorder

KINDS = load_kinds(["partition", "kill", "pause", "clock"])


@dataclass
class Stage:
    """A nemesis on a fake cluster, fed with commands at their times (seconds)."""

    world: VirtualWorld
    cluster: FakeCluster
    recorder: FakeRecorder
    nemesis: Nemesis

    def play(self, *script: tuple[float, Command], heal_deadline_s: float = 5.0) -> list[str]:
        """Plays the script, heals, and tells what was recorded."""
        schedule = [Timed(at_s, command) for at_s, command in script]
        self.world.run(self._play(schedule, heal_deadline_s))
        return self.recorder.lines

    async def _play(self, schedule: Sequence[Timed], heal_deadline_s: float) -> None:
        queue: Queue[Command] = Queue(self.world)
        running = self.world.spawn(self.nemesis.run(queue), name="nemesis")
        await feed(self.world, schedule, queue.put)
        queue.put(Stop())
        await running
        await self.nemesis.heal_all(deadline_s=heal_deadline_s)


def stage(seed: int = 0, scripts: dict[str, list[str]] | None = None) -> Stage:
    world = VirtualWorld(seed)
    cluster, recorder = FakeCluster(world, scripts=scripts or {}), FakeRecorder(world)
    return Stage(world, cluster, recorder, Nemesis(world, KINDS, cluster.capabilities, recorder, cluster.statuses))


def after(world: VirtualWorld, seconds: float, do: Callable[[], object]) -> None:
    async def later() -> None:
        await world.sleep(seconds)
        do()

    world.spawn(later(), name="later")


BEGIN = Begin("f1", "partition", "isolate-leader")


@pytest.mark.parametrize(
    ("scripts", "lines"),
    [
        ({}, ["f1 begin ok", "f1 end ok", "heal ok"]),
        # No effect at first: undone, drawn again under an id of its own.
        ({"cut": ["weak", "fine"]}, ["f1 begin fail no-effect", "f1.2 begin ok", "f1.2 end ok", "heal ok"]),
        # Control breaks while it begins: it may be in force, so it is ended like any other.
        ({"cut": ["lost"]}, ["f1 begin info control", "f1 end ok", "heal ok"]),
        # Lifting fails at first, and is tried again.
        ({"heal": ["weak", "lost", "fine"]}, ["f1 begin ok", "f1 end ok", "heal ok"]),
        # It takes so many attempts that only healing gets it lifted.
        ({"heal": ["weak"] * 8 + ["fine"]}, ["f1 begin ok", "f1 end fail not-lifted", "f1 end ok", "heal ok"]),
        # Undoing fails: it stays in force as far as anybody knows.
        (
            {"cut": ["weak"], "heal": ["weak"] * 8 + ["fine"]},
            ["f1 begin fail no-effect", "f1 end ok", "heal ok"],
        ),
        # The nodes look whole only after a while.
        ({"verify": ["weak", "lost", "fine"]}, ["f1 begin ok", "f1 end ok", "heal ok"]),
    ],
)
def test_the_life_of_a_partition(scripts: dict[str, list[str]], lines: list[str]) -> None:
    played = stage(scripts=scripts)
    assert played.play((1, BEGIN), (4, End("f1"))) == lines
    assert played.cluster.whole


@pytest.mark.parametrize(
    ("scripts", "reason"),
    [
        ({"heal": ["weak"]}, "partition isolate-leader f1: n3: no heal"),
        ({"heal": ["lost"]}, "partition isolate-leader f1: n3: the connection is gone"),
        ({"verify": ["weak"]}, "n3 is not whole"),
        ({"verify": ["lost"]}, "n3: the connection is gone"),
    ],
)
def test_a_cluster_that_cannot_be_healed_says_why(scripts: dict[str, list[str]], reason: str) -> None:
    played = stage(scripts=scripts)
    with pytest.raises(HealFailed, match="could not be healed within 5 s") as caught:
        played.play((1, BEGIN), (2, End("f1")))
    assert reason in caught.value.troubles
    last = played.recorder.events[-1]
    assert (last.f, last.type) == ("heal", EventType.FAIL)
    assert reason in str(last.error)


def test_without_a_leader_the_fault_waits_until_there_is_one() -> None:
    played = stage()
    played.cluster.leader = None
    after(played.world, 2.2, lambda: setattr(played.cluster, "leader", "n4"))
    lines = played.play((1, BEGIN), (6, End("f1")))
    assert lines == ["f1 begin fail no-target", "f1.2 begin ok", "f1.2 end ok", "heal ok"]
    begun = next(event for event in played.recorder.events if event.fault == "f1.2")
    assert begun.time == 2_500_000_000
    assert begun.value["groups"][0] == ("n4",)


@pytest.mark.parametrize(("insist", "begun"), [(False, True), (True, False)])
def test_a_fault_that_waits_too_long_takes_another_variant_unless_it_insists(insist: bool, begun: bool) -> None:
    played = stage(seed=1)
    played.cluster.leader = None
    lines = played.play((1, Begin("f1", "partition", "isolate-leader", insist=insist)), (9, End("f1")))
    assert lines[0] == "f1 begin fail no-target"
    assert ("f1.2 begin ok" in lines) == begun
    assert all(event.value["variant"] != "isolate-leader" for event in played.recorder.events if event.fault == "f1.2")


def test_ending_a_fault_ends_the_attempts_to_begin_it() -> None:
    played = stage()
    played.cluster.leader = None
    after(played.world, 2, lambda: setattr(played.cluster, "leader", "n4"))
    insisting = Begin("f1", "kill", "leader", insist=True)
    assert played.play((1, insisting), (1.7, End("f1"))) == ["f1 begin fail no-target", "heal ok"]


def test_what_never_takes_effect_is_given_up() -> None:
    played = stage(scripts={"cut": ["weak"]})
    lines = played.play((1, BEGIN), (60, End("f1")))
    assert lines == [*(f"{fault} begin fail no-effect" for fault in ("f1", "f1.2", "f1.3", "f1.4", "f1.5")), "heal ok"]


def test_killed_and_paused_nodes_are_left_alone_by_each_other() -> None:
    played = stage()
    lines = played.play(
        (1, Begin("f1", "kill", "all")),
        (2, Begin("f2", "pause", "one", insist=True)),
        (2.2, End("f2")),
        (3, End("f1")),
        (4, Begin("f3", "pause", "minority")),
        (5, Begin("f4", "kill", "leader")),
    )
    assert lines[:3] == ["f1 begin ok", "f2 begin fail no-target", "f1 end ok"]
    assert played.cluster.whole


def test_two_faults_planned_at_one_instant_do_not_share_a_node() -> None:
    for seed in range(20):
        played = stage(seed)
        played.play((1, Begin("f1", "kill", "majority")), (1, Begin("f2", "pause", "majority")))
        assert played.cluster.whole


def test_a_slow_fault_keeps_no_other_waiting() -> None:
    played = stage()
    slow = Begin("f1", "clock", "strobe-all")
    played.play((1, slow), (1, Begin("f2", "partition", "halves")), (2, End("f2")), (3, End("f1")))
    times = {
        (event.fault, event.type, event.value["action"]): event.time for event in played.recorder.events if event.fault
    }
    assert times["f2", EventType.OK, "end"] < times["f1", EventType.INVOKE, "end"]


def test_strobes_and_drifts_go_on_until_they_are_ended() -> None:
    played = stage()
    played.play((1, Begin("f1", "clock", "drift-one")), (3, End("f1")))
    assert played.cluster.calls.count("shift") >= 10
    assert played.cluster.whole


def test_control_lost_while_sustaining_is_recorded_and_ends_nothing_else() -> None:
    played = stage(scripts={"shift": ["fine", "fine", "lost", "fine"]})
    lines = played.play((1, Begin("f1", "clock", "strobe-one")), (5, End("f1")))
    assert lines == ["f1 begin ok", "f1 sustain info control", "f1 end ok", "heal ok"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (Begin("f1", "partitoin"), "did you mean 'partition'"),
        (Begin("f1", "kill", "leder"), "did you mean 'leader'"),
        (End("f9"), "no fault 'f9'"),
    ],
)
def test_senseless_commands_are_recorded_and_passed_over(command: Command, message: str) -> None:
    played = stage()
    lines = played.play((1, command), (2, Begin("f2", "kill", "one")), (3, End("f2")))
    assert lines == ["command fail bad-command", "f2 begin ok", "f2 end ok", "heal ok"]
    assert message in str(played.recorder.events[1].error)


def test_an_id_is_used_once() -> None:
    played = stage()
    lines = played.play((1, Begin("f1", "kill", "one")), (2, Begin("f1", "kill", "one")))
    assert lines[1] == "command fail bad-command"
    assert lines[-1] == "heal ok"


def test_heal_all_as_a_command() -> None:
    played = stage()
    lines = played.play((1, BEGIN), (2, Begin("f2", "kill", "one")), (3, HealAll()), (4, Begin("f3", "pause", "one")))
    assert lines[-3:] == ["f3 begin ok", "f3 end ok", "heal ok"]
    assert lines.count("heal ok") == 2


def test_a_kind_that_the_cluster_cannot_do() -> None:
    world = VirtualWorld(0)
    cluster = FakeCluster(world)
    with pytest.raises(BadInput, match="cannot do kill faults: it offers no control over its processes"):
        Nemesis(world, KINDS, Capabilities(network=cluster), FakeRecorder(world), cluster.statuses)


def test_the_leader_is_the_one_in_the_highest_term() -> None:
    cluster = FakeCluster(VirtualWorld(0))
    statuses = cluster.statuses()
    assert leader_of(statuses) == "n1"
    assert leader_of({"n1": None}) is None


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from([0.5, 5.0, 20.0]))
def test_any_schedule_is_carried_out_and_lifted(seed: int, interval_s: float) -> None:
    played = stage(seed)
    schedule = draw_schedule(played.world.random("nemesis"), KINDS, time_limit_s=40, interval_s=interval_s)
    played.play(*((timed.at_s, timed.command) for timed in schedule))
    assert played.cluster.whole
    for row in coverage(played.recorder.events, tuple(KINDS)):
        assert row["effective"] == row["lifted"] <= row["asked"]


def test_one_seed_gives_one_history() -> None:
    def events(seed: int) -> list[object]:
        played = stage(seed)
        schedule = draw_schedule(played.world.random("nemesis"), KINDS, time_limit_s=30)
        played.play(*((timed.at_s, timed.command) for timed in schedule))
        return list(played.recorder.events)

    assert events(3) == events(3)
    assert events(3) != events(4)
