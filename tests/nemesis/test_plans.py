"""Whom each variant hits."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import plugins
from harness.nemesis.clock import FAULT as CLOCK
from harness.nemesis.clock import Drift, Jump, Strobe, magnitude
from harness.nemesis.deck import Deck
from harness.nemesis.disk import FAULT as DISK
from harness.nemesis.fault import FaultKind, NoTarget, Variant, View
from harness.nemesis.limits import CPU, MEMORY
from harness.nemesis.packets import FAULT as PACKETS
from harness.nemesis.partition import FAULT as PARTITION
from harness.nemesis.partition import Cut
from harness.nemesis.power import FAULT as POWER
from harness.nemesis.power import MOST_EFFECTS
from harness.nemesis.process import KILL, PAUSE
from harness.nemesis.restart import FAULT as RESTART
from harness.nemesis.targets import choose, majority

FIVE = ("n1", "n2", "n3", "n4", "n5")
KINDS: list[FaultKind] = [PARTITION, KILL, PAUSE, RESTART, CPU, MEMORY, CLOCK, PACKETS, POWER, DISK]


def views() -> st.SearchStrategy[View]:
    def build(count: int, leader: int, busy: set[int]) -> View:
        nodes = tuple(f"n{number}" for number in range(1, count + 1))
        held = frozenset(nodes[index] for index in busy if index < count)
        known = nodes[leader] if leader < count and nodes[leader] not in held else None
        return View(nodes, known, held)

    return st.builds(build, st.integers(1, 9), st.integers(0, 9), st.sets(st.integers(0, 8)))


@given(views(), st.integers(), st.sampled_from([(kind, name) for kind in KINDS for name in kind.variants]))
def test_plans_hit_nodes_that_can_be_hit(view: View, seed: int, what: tuple[FaultKind, str]) -> None:
    kind, variant = what
    try:
        injection = kind.plan(variant, view, Random(seed))
    except NoTarget:
        return
    assert injection.targets
    assert len(set(injection.targets)) == len(injection.targets)
    allowed = view.nodes if kind in (PARTITION, PACKETS) else view.free
    assert set(injection.targets) <= set(allowed)
    if variant.endswith("leader"):
        assert view.leader in injection.targets


@given(views(), st.integers())
def test_the_same_seed_plans_the_same(view: View, seed: int) -> None:
    for kind in KINDS:
        for variant in kind.variants:
            assert plan_or_reason(kind, variant, view, seed) == plan_or_reason(kind, variant, view, seed)


def plan_or_reason(kind: FaultKind, variant: str, view: View, seed: int) -> object:
    try:
        return kind.plan(variant, view, Random(seed))
    except NoTarget as error:
        return str(error)


@pytest.mark.parametrize(
    ("target", "sizes"),
    [("one", {1}), ("minority", {1, 2}), ("leader", {1}), ("followers", {4}), ("majority", {3, 4}), ("all", {5})],
)
def test_sizes_of_targets_among_five(target: str, sizes: set[int]) -> None:
    assert {len(choose(target, View(FIVE, "n2"), Random(seed))) for seed in range(100)} == sizes


@pytest.mark.parametrize("target", ["one", "minority", "majority"])
def test_the_leader_is_hit_in_about_half_of_the_draws(target: str) -> None:
    hits = Counter("n2" in choose(target, View(FIVE, "n2"), Random(seed)) for seed in range(400))
    assert 150 < hits[True] < 250


@pytest.mark.parametrize(
    ("target", "view", "reason"),
    [
        ("leader", View(FIVE), "nobody is known to lead"),
        ("followers", View(FIVE), "nobody is known to lead"),
        ("followers", View(FIVE, "n1", frozenset(FIVE[1:])), "nobody follows the leader"),
        ("one", View(FIVE, None, frozenset(FIVE)), "only 0 of 5"),
        ("majority", View(FIVE, None, frozenset(FIVE[:3])), "only 2 of 5"),
        ("all", View(FIVE, None, frozenset(FIVE[:3])), "only 2 of 5"),
    ],
)
def test_no_target(target: str, view: View, reason: str) -> None:
    with pytest.raises(NoTarget, match=reason):
        choose(target, view, Random(0))


def test_followers_are_all_but_the_leader_that_can_be_hit() -> None:
    assert choose("followers", View(FIVE, "n2", frozenset({"n4"})), Random(0)) == ("n1", "n3", "n5")


def test_all_takes_those_that_are_left() -> None:
    assert choose("all", View(FIVE, None, frozenset({"n1", "n4"})), Random(0)) == ("n2", "n3", "n5")


@pytest.mark.parametrize(
    ("variant", "sizes"),
    [
        ("halves", {(2, 3)}),
        ("majority-minority", {(1, 4), (2, 3)}),
        ("isolate-leader", {(1, 4)}),
        ("isolate-one", {(1, 4)}),
        ("bridge", {(2, 1, 2)}),
        ("majorities-ring", {(5,)}),
        ("one-way", {(1, 4), (4, 1)}),
    ],
)
def test_groups_of_partitions_of_five(variant: str, sizes: set[tuple[int, ...]]) -> None:
    plans = [PARTITION.plan(variant, View(FIVE, "n2"), Random(seed)) for seed in range(60)]
    assert {tuple(map(len, plan.groups)) for plan in plans} == sizes
    assert all(plan.links for plan in plans)


def test_isolating_the_leader_cuts_the_leader_and_nobody_else() -> None:
    plan = PARTITION.plan("isolate-leader", View(FIVE, "n2"), Random(1))
    assert isinstance(plan, Cut)
    assert plan.groups == (("n2",), ("n1", "n3", "n4", "n5"))
    assert {link for link in plan.links if "n2" not in link} == set()
    assert len(plan.links) == 8


@pytest.mark.parametrize(
    ("count", "variant", "reason"),
    [(1, "halves", "a single node"), (2, "bridge", "three nodes"), (3, "majorities-ring", "four nodes")],
)
def test_clusters_too_small_for_a_partition(count: int, variant: str, reason: str) -> None:
    with pytest.raises(NoTarget, match=reason):
        PARTITION.plan(variant, View(FIVE[:count]), Random(0))


def test_shapes_of_clock_faults() -> None:
    view = View(FIVE, "n2")
    for seed in range(50):
        rng = Random(seed)
        forward, back = CLOCK.plan("jump-forward-one", view, rng), CLOCK.plan("jump-back-one", view, rng)
        strobe, drift = CLOCK.plan("strobe-leader", view, rng), CLOCK.plan("drift-all", view, rng)
        assert type(forward) is Jump
        assert forward.seconds > 0
        assert back.seconds < 0
        assert isinstance(strobe, Strobe)
        assert strobe.targets == ("n2",)
        assert isinstance(drift, Drift)
        assert abs(drift.seconds) <= 0.002


def test_magnitudes_go_from_milliseconds_to_minutes() -> None:
    drawn = sorted(magnitude(Random(seed)) for seed in range(500))
    assert 0.005 <= drawn[0] < 0.05
    assert 60 < drawn[-1] <= 120
    assert 0.75 < sum(seconds > 1.0 for seconds in drawn) / len(drawn) < 0.95


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(1, 4), min_size=1), st.integers(1, 5), st.integers())
def test_a_deck_deals_each_variant_as_often_as_its_weight(weights: dict[str, int], rounds: int, seed: int) -> None:
    deck = Deck({name: Variant(weight) for name, weight in weights.items()}, Random(seed))
    dealt = Counter(deck.deal() for _ in range(rounds * sum(weights.values())))
    assert dealt == {name: rounds * weight for name, weight in weights.items()}


@pytest.mark.parametrize("kind", [KILL, POWER], ids=lambda kind: kind.name)
def test_variants_that_are_brief_take_the_quorum_away(kind: FaultKind) -> None:
    brief = {name for name, variant in kind.variants.items() if variant.brief}
    assert brief == {
        name
        for name in kind.variants
        if min(len(kind.plan(name, View(FIVE, "n1"), Random(seed)).targets) for seed in range(50)) >= majority(5)
    }


@pytest.mark.parametrize("place", ["everywhere", "node", "link"])
def test_which_links_are_disturbed(place: str) -> None:
    for shape in ("lossy", "duplicating", "reordering", "slow", "clogged"):
        plans = [PACKETS.plan(f"{shape}-{place}", View(FIVE, "n2"), Random(seed)) for seed in range(60)]
        sizes = {len(plan.links) for plan in plans}
        assert sizes == {{"everywhere": 20, "node": 8, "link": 1}[place]}
        if place == "node":
            centres = [{name for name in FIVE if all(name in link for link in plan.links)} for plan in plans]
            assert all(len(centre) == 1 for centre in centres)
            assert 20 < sum(centre == {"n2"} for centre in centres) < 50


def test_how_links_are_disturbed() -> None:
    for seed in range(50):

        def drawn(shape: str, seed: int = seed) -> dict[str, object]:
            planned = PACKETS.plan(f"{shape}-link", View(FIVE, "n2"), Random(seed)).describe()
            return {name: value for name, value in planned.items() if name != "links"}

        assert set(drawn("lossy")) == {"loss"}
        assert set(drawn("duplicating")) == {"duplicate", "slow", "slow_s"}
        assert set(drawn("reordering")) == {"slow", "slow_s"}
        assert set(drawn("slow")) == {"delay_s"}
        assert drawn("clogged") == {"clogged": True}


def test_a_single_node_has_no_links() -> None:
    with pytest.raises(NoTarget, match="no links between fewer than two nodes"):
        PACKETS.plan("lossy-node", View(("n1",)), Random(0))


def test_only_a_quorum_s_links_that_are_all_clogged_are_brief() -> None:
    assert {name for name, variant in PACKETS.variants.items() if variant.brief} == {"clogged-everywhere"}


def test_power_fails_at_once_or_after_so_many_effects() -> None:
    view = View(FIVE, "n2")
    counts = {POWER.plan("at-work-one", view, Random(seed)).after_effects for seed in range(400)}
    assert counts == set(range(MOST_EFFECTS + 1))
    for variant in POWER.variants:
        planned = POWER.plan(variant, view, Random(1))
        assert (planned.after_effects is not None) == variant.startswith("at-work")
        assert planned.torn == variant.startswith("torn")
    assert POWER.plan("at-work-leader", view, Random(1)).targets == ("n2",)


def test_harm_is_done_on_one_node() -> None:
    view = View(FIVE, "n2")
    harms = [name for name in DISK.variants if name.startswith(("bit-flip", "truncate"))]
    assert harms == ["bit-flip-one", "truncate-one"]
    for variant in harms:
        assert all(len(DISK.plan(variant, view, Random(seed)).targets) == 1 for seed in range(50))
    slow = DISK.plan("slow-all", view, Random(1))
    assert 0.02 <= slow.sync_s <= 0.8
    assert slow.targets == FIVE
    assert DISK.plan("full-minority", view, Random(1)).describe() == {"shape": "full"}


def test_kinds_are_found_by_name() -> None:
    assert [plugins.load("fault", kind.name) for kind in KINDS] == KINDS
