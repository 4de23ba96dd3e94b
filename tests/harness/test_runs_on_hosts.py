"""Whole runs on hosts over SSH, as a user makes them; what is left behind; and lines that break in the middle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from checkers.history import decode
from tests.harness.whole_runs import finish, lines, run, start, wait
from tests.hosts import SUDOER, Hosts, hosts

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def machines(node_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(["h1", "h2", "h3"], node_image, tmp_path_factory.mktemp("hosts")) as made:
        yield made


def on(path: str, name: str, *arguments: str) -> list[str]:
    return ["run", "--cluster", "ssh", "--inventory", path, "--name", name, *arguments]


def test_a_run_ends_judged_and_leaves_nothing_on_its_hosts(machines: Hosts, tmp_path: Path, name: str) -> None:
    before = machines.states()
    arguments = on(machines.inventory(user=SUDOER), name, "--nemesis", "none", "--time-limit", "10", "--json")
    code, out, err = run(tmp_path, *arguments)
    said = json.loads(out.strip().splitlines()[-1])
    assert (code, said["verdict"], said["anomalies"]) == (0, "valid", []), err
    assert said["operations"]["ok"] > 100
    folder = tmp_path / "results" / "runs" / name
    assert [node["name"] for node in json.loads((folder / "run.json").read_text())["nodes"]] == ["h1", "h2", "h3"]
    assert (folder / "nodes" / "h3" / "trace.jsonl").stat().st_size > 0
    assert machines.changes(before) == []


def test_what_a_killed_harness_leaves_is_removed_by_clean(machines: Hosts, tmp_path: Path, name: str) -> None:
    before, path = machines.states(), machines.inventory()
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    process = start(tmp_path, *on(path, name, "--time-limit", "60", "--nemesis-interval", "1"))
    wait(lambda: b'"partition"' in history.read_bytes() if history.exists() else False, "a partition")
    process.kill()
    process.communicate()
    assert len(decode(history.read_bytes()).events) > 0
    assert machines.states() != before
    code, out, err = run(tmp_path, "clean", "--inventory", path)
    assert code == 0, err
    assert [line.partition(" the run ")[0] for line in out.splitlines()] == [f"removed from h{at}" for at in (1, 2, 3)]
    assert machines.changes(before) == []
    assert run(tmp_path, "clean", "--inventory", path) == (0, "nothing was left behind\n", "")


def test_a_line_that_is_cut_is_trouble_and_no_finding(machines: Hosts, tmp_path: Path, name: str) -> None:
    """The host's SSH daemon ends in the middle, and comes back only when the run is over."""
    before, path, machine = machines.states(), machines.inventory(), machines.machines[1]
    folder = tmp_path / "results" / "runs" / name
    process = start(tmp_path, *on(path, name, "--time-limit", "15", "--nemesis", "kill", "--json"))
    try:
        wait(lambda: lines(folder / "history.jsonl") > 200, "200 events")
        machine.run("pkill -x sshd")
        code, out, err = finish(process)
    finally:
        machine.run("/usr/sbin/sshd")
    said = json.loads(out.strip().splitlines()[-1])
    assert (code, said["verdict"], said["anomalies"]) == (2, "unknown", []), err
    assert "h2 could not be controlled" in json.loads((folder / "run.json").read_text())["trouble"]
    assert said["operations"]["total"] > 100
    assert "not everything could be removed: " in err
    assert f"`raftstorm clean --inventory {path}` removes the rest" in err
    code, out, err = run(tmp_path, "clean", "--inventory", path)
    assert (code, out.partition(" the run ")[0]) == (0, "removed from h2"), err
    assert machines.changes(before) == []
