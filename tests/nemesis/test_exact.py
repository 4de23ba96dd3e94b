"""Exact faults: they hit what is written, nothing else, and wait for nodes that another fault holds."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.cluster import Link
from harness.nemesis import Begin, End
from harness.nemesis.clock import FAULT as CLOCK
from harness.nemesis.clock import Drift, Jump, Strobe
from harness.nemesis.exact import EXACT
from harness.nemesis.fault import FaultKind, NoTarget, View
from harness.nemesis.partition import FAULT as PARTITION
from harness.nemesis.process import KILL, PAUSE
from tests.nemesis.test_nemesis import after, stage
from tests.nemesis.test_plans import FIVE

KINDS: list[FaultKind] = [PARTITION, KILL, PAUSE, CLOCK]
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


@pytest.mark.parametrize("kind", [KILL, PAUSE, CLOCK], ids=lambda kind: kind.name)
def test_nodes_that_are_held_are_no_targets(kind: FaultKind) -> None:
    details = {"nodes": ["n1", "n2"], **({"offset_s": 1} if kind is CLOCK else {})}
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
