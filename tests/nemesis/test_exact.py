"""Exact faults: they hit what is written, nothing else, and wait for nodes that another fault holds."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.cluster import Hindrance, Link
from harness.errors import BadInput
from harness.nemesis import Begin, End
from harness.nemesis.clock import FAULT as CLOCK
from harness.nemesis.clock import Drift, Jump, Strobe
from harness.nemesis.disk import FAULT as DISK
from harness.nemesis.disk import Damage
from harness.nemesis.exact import EXACT
from harness.nemesis.fault import FaultKind, NoTarget, View
from harness.nemesis.limits import CPU, MEMORY, Exhausting, Starving
from harness.nemesis.packets import FAULT as PACKETS
from harness.nemesis.packets import Disturbance
from harness.nemesis.partition import FAULT as PARTITION
from harness.nemesis.power import FAULT as POWER
from harness.nemesis.power import Outage
from harness.nemesis.process import KILL, PAUSE
from harness.nemesis.restart import FAULT as RESTART
from harness.nemesis.restart import Rolling, Storm
from tests.nemesis.test_nemesis import after, stage
from tests.nemesis.test_plans import FIVE

KINDS: list[FaultKind] = [PARTITION, KILL, PAUSE, RESTART, CPU, MEMORY, CLOCK, PACKETS, POWER, DISK]
VIEW = View(FIVE, "n2")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_was_planned_can_be_made_again(kind: FaultKind) -> None:
    """Through what a begin event says of it."""
    for variant in kind.variants:
        for seed in range(10):
            planned = kind.plan(variant, VIEW, Random(seed))
            again = kind.exact(kind.details_of({"targets": planned.targets, **planned.describe()}), VIEW)
            assert again.targets == planned.targets
            assert getattr(again, "links", None) == getattr(planned, "links", None)
            assert type(again) is type(planned)
            if kind is not PARTITION:
                assert again == planned


@pytest.mark.parametrize(
    ("details", "injection"),
    [
        ({"nodes": ["n1"], "offset_s": -5}, Jump(("n1",), -5.0)),
        ({"nodes": ["n3", "n1"], "offset_s": 0.5, "period_s": 0.2}, Strobe(("n1", "n3"), 0.5, 0.2)),
        ({"nodes": ["n1"], "step_s": 0.001}, Drift(("n1",), 0.001, 0.2)),
        ({"nodes": ["n1"], "step_s": 0.001, "period_s": 1}, Drift(("n1",), 0.001, 1.0)),
    ],
)
def test_shapes_of_clock_faults(details: dict[str, Any], injection: Jump) -> None:
    made = CLOCK.exact(details, VIEW)
    assert made == injection
    assert type(made) is type(injection)


def test_groups_are_cut_from_each_other_and_from_nobody_else() -> None:
    cut = PARTITION.exact({"groups": [["n1"], ["n2", "n3"]]}, VIEW)
    assert cut.links == {Link("n1", "n2"), Link("n2", "n1"), Link("n1", "n3"), Link("n3", "n1")}
    assert cut.targets == ("n1", "n2", "n3")


def test_links_are_cut_one_way() -> None:
    cut = PARTITION.exact({"links": [["n1", "n2"], ["n3", "n2"]]}, VIEW)
    assert cut.links == {Link("n1", "n2"), Link("n3", "n2")}
    assert cut.groups == (("n1", "n3"), ("n2",))


@pytest.mark.parametrize(
    ("kind", "details", "injection"),
    [
        (
            PACKETS,
            {"links": [["n1", "n2"], ["n2", "n1"]], "loss": 0.5},
            Disturbance(frozenset({Link("n1", "n2"), Link("n2", "n1")}), Hindrance(loss=0.5)),
        ),
        (
            PACKETS,
            {"links": [["n1", "n2"]], "slow": 1, "slow_s": 2, "delay_s": 0.1, "duplicate": 0.25},
            Disturbance(frozenset({Link("n1", "n2")}), Hindrance(slow=1.0, slow_s=2.0, delay_s=0.1, duplicate=0.25)),
        ),
        (
            PACKETS,
            {"links": [["n1", "n2"]], "clogged": True},
            Disturbance(frozenset({Link("n1", "n2")}), Hindrance(clogged=True)),
        ),
        (POWER, {"nodes": ["n3", "n1"]}, Outage(("n1", "n3"))),
        (POWER, {"nodes": ["n3"], "after_effects": 0}, Outage(("n3",), 0)),
        (DISK, {"nodes": ["n1", "n2"], "shape": "slow", "sync_s": 0.3}, Damage(("n1", "n2"), "slow", 0.3)),
        (DISK, {"nodes": ["n1", "n2"], "shape": "full"}, Damage(("n1", "n2"), "full")),
        (DISK, {"nodes": ["n5"], "shape": "sync-fails"}, Damage(("n5",), "sync-fails")),
        (POWER, {"nodes": ["n3"], "torn": True}, Outage(("n3",), torn=True)),
        (DISK, {"nodes": ["n5"], "shape": "write-fails"}, Damage(("n5",), "write-fails")),
        (DISK, {"nodes": ["n5"], "shape": "read-fails"}, Damage(("n5",), "read-fails")),
        (DISK, {"nodes": ["n5"], "shape": "bit-flip"}, Damage(("n5",), "bit-flip")),
        (DISK, {"nodes": ["n5"], "shape": "truncate"}, Damage(("n5",), "truncate")),
        (CPU, {"nodes": ["n4", "n1"], "share": 0.05}, Starving(("n1", "n4"), 0.05)),
        (MEMORY, {"nodes": ["n4", "n1"]}, Exhausting(("n1", "n4"))),
        (RESTART, {"nodes": ["n4", "n1"], "shape": "rolling"}, Rolling(("n4", "n1"))),
        (RESTART, {"nodes": ["n4", "n1"], "shape": "storm", "up_s": 1, "down_s": 0.1}, Storm(("n1", "n4"), 1.0, 0.1)),
    ],
)
def test_shapes_of_packets_power_and_disk_faults(kind: FaultKind, details: dict[str, Any], injection: object) -> None:
    made = kind.exact(details, VIEW)
    assert made == injection
    assert kind.exact(kind.details_of({"targets": made.targets, **made.describe()}), VIEW) == injection


@pytest.mark.parametrize(
    ("kind", "details", "sentence"),
    [
        (PACKETS, {"links": [["n1", "n2"]]}, "takes 'loss', 'duplicate', 'corrupt', 'slow', 'delay_s', "),
        (PACKETS, {"links": [["n1", "n9"]], "loss": 0.1}, "there is no node 'n9'"),
        (PACKETS, {"links": [["n1"]], "loss": 0.1}, "each of the 'links' takes two nodes"),
        (PACKETS, {"links": [["n1", "n1"]], "loss": 0.1}, "'links' names a node twice"),
        (PACKETS, {"loss": 0.1}, "'links' takes a list of pairs of nodes"),
        (PACKETS, {"links": [["n1", "n2"]], "loss": 2}, "'loss' takes a probability from 0 to 1, not 2"),
        (PACKETS, {"links": [["n1", "n2"]], "clogged": 1}, "'clogged' takes true or false, not 1"),
        (PACKETS, {"links": [["n1", "n2"]], "delay_s": -1}, "'delay_s' takes seconds above 0"),
        (PACKETS, {"links": [["n1", "n2"]], "bytes_per_s": 10}, "'bytes_per_s' takes bytes a second, 1000 or more"),
        (PACKETS, {"links": [["n1", "n2"]], "lost": 1}, "a packets fault has no 'lost': did you mean 'loss'?"),
        (POWER, {"nodes": ["n1"], "after_effects": -1}, "'after_effects' takes a whole number from 0, not -1"),
        (POWER, {"nodes": ["n1"], "after_effects": True}, "'after_effects' takes a whole number"),
        (POWER, {"nodes": []}, "'nodes' takes a list of nodes"),
        (DISK, {"nodes": ["n1"]}, "'shape' takes slow, full, write-fails, sync-fails, read-fails,"),
        (DISK, {"nodes": ["n1"], "shape": "slow"}, "'sync_s' says how slow a slow disk is"),
        (DISK, {"nodes": ["n1"], "shape": "full", "sync_s": 1}, "'sync_s' says how slow a slow disk is"),
        (DISK, {"nodes": ["n1", "n2"], "shape": "bit-flip"}, "bit-flip is for one node only"),
        (DISK, {"nodes": ["n1", "n2"], "shape": "truncate"}, "truncate is for one node only"),
        (POWER, {"nodes": ["n1"], "torn": 1}, "'torn' takes true or false, not 1"),
        (POWER, {"nodes": ["n1"], "torn": True, "after_effects": 1}, "'after_effects' or 'torn', not both"),
        (CPU, {"nodes": ["n1"]}, "'share' takes from 0.01 to 1 of a processor, not 0"),
        (CPU, {"nodes": ["n1"], "share": 2}, "'share' takes a probability from 0 to 1"),
        (MEMORY, {"nodes": ["n1"], "share": 0.1}, "a memory fault has no 'share'"),
        (RESTART, {"nodes": ["n1"]}, "'shape' takes storm or rolling, not None"),
        (RESTART, {"nodes": ["n1"], "shape": "rolling", "up_s": 1}, "'up_s' and 'down_s' are a storm's"),
        (RESTART, {"nodes": ["n1"], "shape": "storm", "up_s": 1}, "'down_s' takes seconds, not None"),
    ],
)
def test_details_of_packets_power_and_disk_faults_that_make_no_sense(
    kind: FaultKind, details: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as error:
        kind.exact(details, VIEW)
    assert sentence in str(error.value)
    assert not str(error.value).endswith(".")


@pytest.mark.parametrize("kind", [KILL, PAUSE, RESTART, CPU, MEMORY, CLOCK, POWER, DISK], ids=lambda kind: kind.name)
def test_nodes_that_are_held_are_no_targets(kind: FaultKind) -> None:
    details = {
        "nodes": ["n1", "n2"],
        **({"offset_s": 1} if kind is CLOCK else {}),
        **({"shape": "full"} if kind is DISK else {}),
        **({"shape": "rolling"} if kind is RESTART else {}),
        **({"share": 0.1} if kind is CPU else {}),
    }
    with pytest.raises(NoTarget, match="n2 is held by another fault"):
        kind.exact(details, View(FIVE, None, frozenset({"n2", "n3"})))


def test_nodes_that_are_held_can_be_cut_off() -> None:
    assert PARTITION.exact({"groups": [["n1"], ["n2"]]}, View(FIVE, None, frozenset({"n2"}))).targets == ("n1", "n2")


def test_it_hits_what_is_written() -> None:
    played = stage()
    killing = Begin("f1", "kill", exact={"nodes": ["n4", "n2"]})
    down: list[set[str]] = []
    after(played.world, 2, lambda: down.append(set(played.cluster.down)))
    assert played.play((1, killing), (3, End("f1"))) == ["f1 begin ok", "f1 end ok", "heal ok"]
    assert down == [{"n2", "n4"}]
    assert played.recorder.events[0].value == {
        "action": "begin",
        "kind": "kill",
        "variant": EXACT,
        "targets": ["n2", "n4"],
    }


def test_it_waits_for_a_node_that_is_held() -> None:
    played = stage()
    lines = played.play(
        (1, Begin("f1", "kill", exact={"nodes": ["n1"]})),
        (2, Begin("f2", "pause", exact={"nodes": ["n1"]})),
        (3.2, End("f1")),
        (9, End("f2")),
    )
    assert lines == ["f1 begin ok", "f2 begin fail no-target", "f1 end ok", "f2.2 begin ok", "f2.2 end ok", "heal ok"]


def test_it_never_becomes_something_else() -> None:
    """However long it waits."""
    played = stage()
    lines = played.play(
        (1, Begin("f1", "kill", exact={"nodes": ["n1"]})),
        (2, Begin("f2", "pause", exact={"nodes": ["n1"]})),
        (40, End("f2")),
        (41, End("f1")),
    )
    assert lines == ["f1 begin ok", "f2 begin fail no-target", "f1 end ok", "heal ok"]


def test_one_that_takes_no_effect_is_tried_again_as_it_is() -> None:
    played = stage(scripts={"pause": ["weak", "fine"]})
    lines = played.play((1, Begin("f1", "pause", exact={"nodes": ["n5"]})), (4, End("f1")))
    assert lines == ["f1 begin fail no-effect", "f1.2 begin ok", "f1.2 end ok", "heal ok"]
    assert {tuple(event.value["targets"]) for event in played.recorder.events if event.fault} == {("n5",)}


def test_details_that_make_no_sense_are_recorded_and_passed_over() -> None:
    played = stage()
    assert played.play((1, Begin("f1", "kill", exact={"nodes": ["n9"]}))) == ["command fail bad-command", "heal ok"]
    assert "there is no node 'n9'" in str(played.recorder.events[1].error)
