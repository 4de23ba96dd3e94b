"""Whole runs of local processes, as a user makes them, and what is left behind: nothing."""

from __future__ import annotations

import json
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from checkers.history import decode
from harness.cluster.local import folders
from harness.cluster.local.marks import marked
from tests.harness.whole_runs import ROOT, finish, lines, run, start, wait

pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="local processes need Linux")

LOCAL = ["--cluster", "local", "--nodes", "3"]


@dataclass
class Machine:
    """One without an engine, that nobody else makes runs on."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return run(self.folder, *arguments, environment=self.environment)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(self.folder, *arguments, environment=self.environment)

    def left(self) -> list[Path]:
        """Folders of runs."""
        return [path for base in self.folder.glob(f"tmp/{folders.base().name}") for path in base.iterdir()]

    def run_folder(self, name: str) -> Path:
        return self.folder / "results" / "runs" / name

    def recorded(self, name: str) -> dict[str, Any]:
        recorded: dict[str, Any] = json.loads((self.run_folder(name) / "run.json").read_text())
        return recorded


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    (tmp_path / "tmp").mkdir()
    machine = Machine(tmp_path, {"DOCKER_HOST": "unix:///nowhere/docker.sock", "TMPDIR": str(tmp_path / "tmp")})
    yield machine
    for folder in machine.left():
        folders.remove(folder)


def test_without_an_engine_the_first_command_runs_all_the_same(machine: Machine) -> None:
    code, out, err = machine.run("run", "--time-limit", "3", "--name", "first", "--json")
    said = json.loads(out.strip().splitlines()[-1])
    assert code in (0, 2), err  # so short a run may have had no time for every kind of fault
    assert said["verdict"] != "invalid"
    assert "(--cluster local)" in err.splitlines()[0]
    recorded = machine.recorded("first")
    assert recorded["options"]["cluster"] == "local"
    assert recorded["engine"].startswith("local processes, Linux")
    assert "trouble" not in recorded
    assert machine.left() == []


def test_a_killed_harness_loses_nothing_and_clean_removes_the_rest(machine: Machine) -> None:
    history = machine.run_folder("killed") / "history.jsonl"
    process = machine.start("run", *LOCAL, "--time-limit", "60", "--name", "killed")
    wait(lambda: lines(history) > 200, "200 events")
    process.kill()
    process.communicate()
    assert len(decode(history.read_bytes()).events) > 200
    [folder] = machine.left()
    assert {process.node for process in marked(str(folder))} >= {"n1", "n2", "n3"}
    code, out, err = machine.run("clean")
    assert code == 0, err
    assert "removed 1 local clusters: killed" in out
    assert machine.left() == list(marked(str(folder))) == []


def test_the_next_run_removes_what_a_killed_one_left(machine: Machine) -> None:
    history = machine.run_folder("killed") / "history.jsonl"
    process = machine.start("run", *LOCAL, "--time-limit", "60", "--name", "killed")
    wait(lambda: lines(history) > 20, "20 events")
    process.kill()
    process.communicate()
    [folder] = machine.left()
    _, _, err = machine.run("run", *LOCAL, "--nemesis", "none", "--time-limit", "1", "--name", "next")
    assert "removed what a run that was killed had left: killed" in err
    assert machine.left() == list(marked(str(folder))) == []


def test_a_cluster_that_is_kept_goes_on_until_it_is_cleaned_away(machine: Machine) -> None:
    kept = [*LOCAL, "--nemesis", "none", "--time-limit", "1", "--keep", "--name", "kept"]
    code, _, err = machine.run("run", *kept)
    assert code in (0, 2), err
    [folder] = machine.left()
    ports = {node["name"]: node["port"] for node in machine.recorded("kept")["nodes"]}
    assert f"n1: cd {folder / 'n1'} && $SHELL    client port 127.0.0.1:{ports['n1']}" in err
    # It still agrees on things, so its nodes still reach each other.
    wait(lambda: any(written(port) for port in ports.values()), "a write")
    assert machine.run("clean")[0] == 0
    assert machine.left() == list(marked(str(folder))) == []


def written(port: int) -> bool:
    request = {"id": 1, "op": "write", "key": "kept", "value": 1, "session": f"s{port}", "seq": 1}
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line, line.makefile("rw") as lines:
        lines.readline()
        print(json.dumps(request), file=lines, flush=True)
        return json.loads(lines.readline())["ok"] is True


def test_one_signal_ends_a_run_in_order(machine: Machine) -> None:
    history = machine.run_folder("ended") / "history.jsonl"
    process = machine.start("run", *LOCAL, "--time-limit", "300", "--nemesis", "pause", "--name", "ended")
    wait(lambda: lines(history) > 100, "100 events")
    process.terminate()
    code, out, err = finish(process)
    assert code in (0, 2), err
    assert "report.html" in out
    assert machine.left() == []


def test_a_node_that_does_not_start_is_told_in_a_sentence(machine: Machine) -> None:
    source = machine.folder / "changed"
    shutil.copytree(ROOT / "node_image", source)
    (source / "runtime" / "__main__.py").write_text("raise SystemExit('this node will not start')\n")
    code, _, err = machine.run("run", *LOCAL, "--node-source", str(source))
    assert code == 3
    assert "this node will not start" in err
    assert "Traceback" not in err
    assert machine.left() == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["--nemesis", "power"], "--cluster local cannot do power faults"),
        (["--image", "mine"], "--image says something about containers"),
    ],
)
def test_what_cannot_be_done_there_is_told_in_a_sentence(machine: Machine, asked: list[str], sentence: str) -> None:
    code, _, err = machine.run("run", *LOCAL, *asked)
    assert (code, err.count("\n")) == (3, 1)
    assert sentence in err
