"""What the relay's paths do to what goes over them, and which faults of packets they can have at all."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from harness.cluster import Hindrance, Link
from harness.cluster.local.packets import LocalPackets
from harness.cluster.local.relay import paths
from harness.cluster.local.relay.paths import Path
from harness.conductor import plan_of
from harness.experiment import build
from harness.world.real import RealWorld


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Time stands at 100 s."""
    monkeypatch.setattr(paths, "now", lambda: 100.0)
    return Path(Random(1))


def test_delays_add_up_and_the_smallest_width_holds(path: Path) -> None:
    assert path.arrives_at(1000) == 100.0
    path.hinder("f1", Hindrance(delay_s=0.5))
    path.hinder("f2", Hindrance(delay_s=0.25, bytes_per_s=1000.0))
    path.hinder("f3", Hindrance(bytes_per_s=500.0))
    assert path.arrives_at(1000) == 100.0 + 2.0 + 0.75
    assert path.arrives_at(500) == 100.0 + 3.0 + 0.75, "it waits until what came before is through"
    assert path.delayed_bytes == 1500
    for fault in ("f1", "f2", "f3"):
        path.calm(fault)
    assert path.arrives_at(1000) == 100.0


def test_an_unsteady_path_is_late_by_more_or_less(path: Path) -> None:
    path.hinder("f1", Hindrance(delay_s=0.2, jitter_s=0.1))
    late = {path.arrives_at(1) - 100.0 for _ in range(100)}
    assert 0.1 <= min(late) < 0.15
    assert 0.25 < max(late) <= 0.3


def test_a_path_is_open_when_nothing_closes_it(path: Path) -> None:
    woken: list[bool] = []
    path.waiting.add(lambda: woken.append(path.open))
    path.cut("f1")
    path.cut("f2")
    path.hinder("f3", Hindrance(clogged=True))
    path.hold(7, dial=True)
    assert (path.cuts["f1"].bytes, path.cuts["f2"].dials) == (7, 1)
    for lift in (lambda: path.heal("f1"), lambda: path.heal("f2"), lambda: path.calm("f3")):
        assert not path.open
        lift()
    assert path.open
    assert woken[-1]


def test_what_streams_cannot_have_is_not_done() -> None:
    nobody: Any = None  # nothing is told to a relay
    packets = LocalPackets(RealWorld(1), [], nobody, {})
    evidence = asyncio.run(packets.disturb("f1", [Link("n1", "n2")], Hindrance(loss=0.1, corrupt=0.2, delay_s=1.0)))
    assert not evidence.effective
    assert "they have no loss and corrupt" in str(evidence.trouble)


def test_a_local_run_is_dealt_no_others() -> None:
    local = plan_of(build({"cluster": "local", "nemesis": "packets"})).kinds["packets"].variants
    assert {name.rpartition("-")[0] for name in local} == {"slow", "unsteady", "narrow", "clogged"}
    docker = plan_of(build({"cluster": "docker", "nemesis": "packets"})).kinds["packets"].variants
    assert "lossy-node" in docker
