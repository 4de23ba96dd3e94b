"""What a run draws."""

from __future__ import annotations

from random import Random

import pytest

from harness.cluster.simulation import swarm
from harness.cluster.simulation.simulate import simulate
from harness.experiment import build
from harness.nemesis.commands import load_kinds
from harness.nemesis.fault import View

NAMES = ["n1", "n2", "n3"]
KINDS = load_kinds(build({"cluster": "sim"}).nemesis)
SEEDS = range(300)


def test_a_part_of_the_kinds_and_of_their_variants() -> None:
    drawn = [swarm.some_kinds(Random(seed), KINDS) for seed in SEEDS]
    assert {len(kinds) for kinds in drawn} == set(range(1, len(KINDS) + 1))
    for name, kind in KINDS.items():
        having = [kinds[name] for kinds in drawn if name in kinds]
        assert 0.4 < len(having) / len(drawn) < 0.7
        assert all(some.variants for some in having)
        assert {variant for some in having for variant in some.variants} == set(kind.variants)
        assert any(len(some.variants) < len(kind.variants) for some in having)


def test_a_kind_with_some_variants_is_the_kind_otherwise() -> None:
    view = View(("n1", "n2", "n3"), "n1")
    for name, kind in KINDS.items():
        variant = next(iter(kind.variants))
        some = swarm.SomeVariants(kind, (variant,))
        assert (some.name, some.needs, some.exclusive) == (name, kind.needs, kind.exclusive)
        assert some.variants == {variant: kind.variants[variant]}
        planned = some.plan(variant, view, Random(1))
        assert planned == kind.plan(variant, view, Random(1))
        details = some.details_of({"targets": planned.targets, **planned.describe()})
        assert some.exact(details, view).targets == planned.targets


def test_no_kinds_of_none() -> None:
    assert swarm.some_kinds(Random(1), {}) == {}


def test_nodes_are_alike_but_for_their_name_and_fit() -> None:
    drawn = [swarm.configurations(Random(seed), NAMES, None) for seed in SEEDS]
    for configs in drawn:
        assert list(configs) == [config.node for config in configs.values()] == NAMES
        assert len({config.snapshot_every_entries for config in configs.values()}) == 1
        timeout_s = configs["n1"].election_timeout_s
        assert configs["n1"].heartbeat_interval_s < timeout_s / 2
    assert len({configs["n1"].snapshot_every_entries for configs in drawn}) == 4
    assert swarm.configurations(Random(1), NAMES, "forget-vote")["n2"].bug == "forget-vote"


def test_clocks_run_apart_less_than_leases_allow() -> None:
    for seed in SEEDS:
        drawn = swarm.oscillators(Random(seed), NAMES)
        rates = [oscillator.rate for oscillator in drawn.values()]
        config = swarm.configurations(Random(seed), NAMES, None)["n1"]
        # A lease of T * (1 - bound) by the slowest clock ends before the T of the fastest.
        assert (1 - config.clock_drift_bound) / min(rates) < 1 / max(rates)


@pytest.mark.parametrize("swarmed", [True, False])
def test_who_draws(swarmed: bool) -> None:
    """Where all kinds were asked for, or --swarm says so."""
    assert build({"cluster": "sim", "swarm": swarmed}).swarm is swarmed
    assert build({"cluster": "sim"}).swarm
    assert not build({"cluster": "sim", "nemesis": "kill"}).swarm
    assert build({"cluster": "sim", "nemesis": "kill", "swarm": True}).swarm
    assert not build({}).swarm


@pytest.mark.parametrize(
    ("asked", "drawn"), [({"concurrency": "2n"}, {"2n"}), ({}, {"2n", "6n"})], ids=["asked for", "drawn"]
)
def test_how_many_clients_there_are_is_drawn_where_nobody_says_it(asked: dict[str, str], drawn: set[str]) -> None:
    """Not even where the usual number was asked for."""
    options = {"cluster": "sim", "time-limit": 1.0, "workload": "register", "swarm": True, **asked}
    assert {simulate(build(options, {"seed": seed})).experiment.concurrency for seed in range(12)} == drawn
