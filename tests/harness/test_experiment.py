"""Experiments: layers of options, and one clear sentence for each thing that cannot work."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import plugins
from harness.cluster import fuse
from harness.errors import BadInput
from harness.experiment import build, left_out_of_all, load_file, needs_frail_disks

EVERY_KIND = {
    "clock",
    "cpu",
    "disk",
    "kill",
    "membership",
    "packets",
    "memory",
    "partition",
    "pause",
    "power",
    "restart",
}
"""What Docker can do, but for what has to be asked for by name."""


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "is_missing", lambda: False)
    experiment = build()
    assert experiment.workload == ("register", "follower-reads")
    assert set(experiment.nemesis) == {"partition", "kill", "pause", "clock"}
    assert set(build({"nemesis": "all"}).nemesis) == EVERY_KIND
    simulated = build({"cluster": "sim"})
    assert simulated.swarm
    assert simulated.nemesis == build({"cluster": "sim", "nemesis": "all"}).nemesis
    assert set(simulated.nemesis) == EVERY_KIND - {"cpu", "memory"}
    assert (experiment.nodes, experiment.processes, experiment.time_limit) == (5, 10, 30.0)


def test_without_fuse_power_and_disk_faults_are_left_out_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "is_missing", lambda: True)
    everything = build({"nemesis": "all"})
    assert set(everything.nemesis) == EVERY_KIND - {"disk", "power"}
    assert left_out_of_all(everything) == ("disk", "power")
    assert left_out_of_all(build({"nemesis": "kill"})) == ()
    assert not needs_frail_disks(everything.nemesis)
    with pytest.raises(BadInput, match=r"--cluster docker cannot do power faults here: there is no /dev/fuse on this"):
        build({"nemesis": "kill,power"})
    assert "power" in build({"cluster": "sim"}).nemesis


def test_disks_can_fail_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "is_missing", lambda: False)
    assert [needs_frail_disks(kinds) for kinds in (("kill",), ("power",), ("disk", "kill"))] == [False, True, True]
    assert left_out_of_all(build({"nemesis": "all"})) == ()


def test_where_fuse_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///var/run/docker.sock")
    assert (fuse.is_missing("/dev/null"), fuse.is_missing("/dev/no-such-device")) == (False, True)
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.9:2376")
    assert not fuse.is_missing("/dev/no-such-device"), "that machine is not seen from here"


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "nightly.toml"
    file.write_text('workload = ["register"]\ntime_limit = 120\nnodes = 3\n')
    experiment = build(load_file(str(file)), {"nodes": 7})
    assert (experiment.workload, experiment.time_limit, experiment.nodes) == (("register",), 120.0, 7)


def test_all_workloads_are_those_that_the_system_can_run() -> None:
    """But the one that shows what no lock can promise."""
    assert build({"workload": "all"}).workload == tuple(
        name for name in plugins.names("workload") if name not in ("mutex", "watch")
    )
    of_etcd = build({"workload": "all", "system": "etcd"}).workload
    assert {"register", "leases", "append", "watch"} <= set(of_etcd)
    assert not {"queue", "counter", "sessions", "mutex"} & set(of_etcd)


@pytest.mark.parametrize(("asked", "kinds"), [("none", ()), ("kill,pause,kill", ("kill", "pause"))])
def test_nemesis(asked: str, kinds: tuple[str, ...]) -> None:
    assert build({"nemesis": asked}).nemesis == kinds


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workload": "registre"}, r"no workload named 'registre': did you mean 'register'\?"),
        ({"nemesis": "partitions"}, r"no fault named 'partitions': did you mean 'partition'\?"),
        ({"nemesis": "all,kill"}, "takes one of all, usual, none, or kinds of fault"),
        ({"workload": "all,register"}, "not both"),
        ({"workload": ""}, "No workload is named"),
        ({"schedule-shape": "swizzle"}, r"did you mean 'swizzled'\?"),
        ({"read-mode": "linear"}, "no read mode named 'linear'"),
        ({"judge-reads": "linear"}, "no read mode named 'linear'"),
        ({"system": "rafd"}, r"did you mean 'raft'\?"),
        ({"nodes": 0}, "--nodes takes 1 to"),
        ({"nodes": 99}, "--nodes takes 1 to"),
        ({"nodes": "five"}, "'nodes' wants int, and was given str"),
        ({"concurrency": "0"}, "cannot work"),
        ({"concurrency": "two"}, "cannot work"),
        ({"time-limit": 0}, "--time-limit takes 1 s or more"),
        ({"time-limit": float("nan")}, "--time-limit takes 1 s or more"),
        ({"rate": -1}, "--rate takes"),
        ({"longest-gap": 0}, "--longest-gap takes more than 0 s"),
        ({"longest-recovery": float("nan")}, "--longest-recovery takes more than 0 s"),
        ({"least-served": 101}, "--least-served takes 0 to 100 percent"),
        ({"keys": 0}, "--keys takes 1 or more"),
        ({"node-source": "/nowhere/at/all"}, "is not a folder"),
        ({"workload": ["register", "register"]}, "named twice"),
    ],
)
def test_what_cannot_work(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        build(options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("nodes = \nkeys = 3\n", "line 1"),
        ("keys = 3\nnodes = = 3\n", "line 2"),
        ("node = 3\n", r"'node' that does not exist: did you mean 'nodes'\?"),
    ],
)
def test_files_that_cannot_work(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=sentence):
        load_file(str(file))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        load_file("/nowhere/nightly.toml")


def test_a_system_whose_members_cannot_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has every other kind of fault, and no nodes that leave."""
    fixed, load = SimpleNamespace(lacks={}), plugins.load
    monkeypatch.setattr(plugins, "load", lambda kind, name: fixed if kind == "system" else load(kind, name))
    monkeypatch.setattr(fuse, "is_missing", lambda: False)
    assert set(build({"nemesis": "all"}).nemesis) == EVERY_KIND - {"membership"}
    with pytest.raises(BadInput, match="--system raft cannot do membership faults: it offers no way to change its"):
        build({"nemesis": "membership"})
