"""Storms and rolling restarts in the virtual world: who goes down, when, and what is told of it in the end."""

from __future__ import annotations

from typing import Any

from checkers.events import EventType
from harness.nemesis import Begin, End, Nemesis, load_kinds
from harness.world.virtual import VirtualWorld
from tests.nemesis.fakes import FakeCluster, FakeRecorder
from tests.nemesis.test_nemesis import Stage

KINDS = load_kinds(["restart", "kill"])


def stage(scripts: dict[str, list[str]] | None = None) -> Stage:
    world = VirtualWorld(3)
    cluster, recorder = FakeCluster(world, scripts=scripts or {}), FakeRecorder(world)
    return Stage(world, cluster, recorder, Nemesis(world, KINDS, cluster.capabilities, recorder, cluster.statuses))


def kills(played: Stage, fault: str) -> list[dict[str, Any]]:
    """What the end of a fault tells."""
    (end,) = [e for e in played.recorder.events if e.fault == fault and e.value["action"] == "end" and e.evidence]
    listed: list[dict[str, Any]] = end.evidence["kills"]
    return listed


def test_a_storm_kills_the_same_nodes_again_and_again() -> None:
    played = stage()
    storm = {"nodes": ["n2", "n4"], "shape": "storm", "up_s": 0.2, "down_s": 0.1}
    lines = played.play((1, Begin("f1", "restart", exact=storm)), (5, End("f1")))
    assert lines == ["f1 begin ok", "f1 end ok", "heal ok"]
    told = kills(played, "f1")
    assert told == [{"nodes": ["n2", "n4"]}] * len(told)
    # 0.3 s, and two calls of a hundredth each.
    assert len(told) in (12, 13, 14)
    assert played.cluster.calls.count("kill") == len(told)
    assert played.cluster.whole


def test_a_rolling_restart_takes_one_node_after_another() -> None:
    played = stage()
    order = ["n3", "n1", "n5", "n2", "n4"]
    rolling = Begin("f1", "restart", exact={"nodes": order, "shape": "rolling"})
    assert played.play((1, rolling), (5, End("f1"))) == ["f1 begin ok", "f1 end ok", "heal ok"]
    assert kills(played, "f1") == [{"nodes": [name]} for name in order]
    assert [call for call in played.cluster.calls if call in ("kill", "restart")][:10] == ["kill", "restart"] * 5


def test_a_rolling_restart_that_is_ended_in_the_middle_leaves_nobody_down() -> None:
    played = stage()
    order = ["n3", "n1", "n5", "n2", "n4"]
    lines = played.play((1, Begin("f1", "restart", exact={"nodes": order, "shape": "rolling"})), (1.05, End("f1")))
    assert lines == ["f1 begin ok", "f1 end ok", "heal ok"]
    assert 1 < len(kills(played, "f1")) < 5
    assert played.cluster.whole


def test_it_goes_no_further_than_a_node_that_does_not_come_back() -> None:
    played = stage(scripts={"restart": ["fine", "weak", "fine"]})
    order = ["n3", "n1", "n5"]
    lines = played.play((1, Begin("f1", "restart", exact={"nodes": order, "shape": "rolling"})), (3, End("f1")))
    assert lines == ["f1 begin ok", "f1 end ok", "heal ok"]
    assert kills(played, "f1") == [{"nodes": ["n3"]}, {"nodes": ["n1"]}]
    assert played.cluster.whole


def test_a_kill_in_a_storm_that_takes_no_effect_is_told() -> None:
    played = stage(scripts={"kill": ["fine", "weak", "fine"]})
    storm = {"nodes": ["n2"], "shape": "storm", "up_s": 0.5, "down_s": 0.1}
    played.play((1, Begin("f1", "restart", exact=storm)), (3, End("f1")))
    assert kills(played, "f1")[1] == {"nodes": ["n2"], "trouble": "n3: no kill"}
    assert played.cluster.whole


def test_nodes_in_a_storm_are_hit_by_no_other_fault() -> None:
    played = stage()
    storm = {"nodes": ["n2"], "shape": "storm", "up_s": 0.2, "down_s": 0.1}
    lines = played.play(
        (1, Begin("f1", "restart", exact=storm)),
        (2, Begin("f2", "kill", exact={"nodes": ["n2"]})),
        (3, End("f2")),
        (4, End("f1")),
    )
    assert lines == ["f1 begin ok", "f2 begin fail no-target", "f1 end ok", "heal ok"]
    assert all(event.type is not EventType.INFO for event in played.recorder.events)
