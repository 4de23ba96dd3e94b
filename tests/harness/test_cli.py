"""The command line: bad input gets one clear sentence and exit code 3, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.experiment import Experiment
from tests.command import command

ROOT = Path(__file__).parents[2]
INVOKE = '{"index":0,"time":5,"process":0,"type":"invoke","f":"write","key":"r0","value":1}\n'
OK = '{"index":1,"time":9,"process":0,"type":"ok","f":"write","key":"r0","value":1,"node":"n1","log_index":3}\n'


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--workload", "registr"], r"no workload named 'registr': did you mean 'register'\?"),
        (["run", "--nemesis", "klock"], r"no fault named 'klock': did you mean 'clock'\?"),
        (["run", "--bug", "ack-before-snyc"], r"no bug named 'ack-before-snyc': did you mean 'ack-before-sync'\?"),
        (["run", "--nodes", "0"], r"--nodes takes 1 to"),
        (["run", "--nodes", "many"], r"'many' is not a valid integer"),
        (["run", "--wrkload", "register"], r"No such option"),
        (["run", "nowhere.toml"], r"nowhere.toml cannot be read"),
        (["run", "--name", "a/b"], r"cannot be a run's name"),
        (["run", "--node-source", "."], r"does not hold a node's sources"),
        (["check", "nothing"], r"No run named 'nothing'"),
        (["report", "nothing"], r"No run named 'nothing'"),
        (["schedule", "nothing"], r"No run named 'nothing'"),
        (["run", "--schedule", "nowhere.toml"], r"The schedule nowhere.toml cannot be read: No such file"),
        (["frobnicate"], r"No such command"),
    ],
)
def test_bad_input(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert command(*arguments) == 3
    said = capsys.readouterr().err.strip()
    assert re.search(sentence, said)
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.glob("results/runs/*/history.jsonl"))


def test_bad_toml_names_the_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("nodes = 5\nseed = = 1\n")
    assert command("run", "bad.toml") == 3
    assert "line 2" in capsys.readouterr().err


def test_a_results_folder_that_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert command("run", "--results", "file/runs") == 3
    assert "file/runs cannot be written" in capsys.readouterr().err


def test_no_engine(tmp_path: Path) -> None:
    """In a process of its own: docker-py leaves a socket behind when nobody answers."""
    program = [sys.executable, "-c", "from harness.cli import main; main()", "run", "--cluster", "docker"]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 3
    assert "raftstorm: No Docker engine answers at unix:///nowhere/docker.sock" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("results/runs/*"))


def test_an_interrupted_run_is_the_last_of_its_campaign(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds: list[int | None] = []

    def record_and_judge(experiment: Experiment, *_: object) -> tuple[dict[str, object], bool]:
        seeds.append(experiment.seed)
        verdict = {"verdict": "valid", "run": "r", "seed": experiment.seed, "seconds": 1, "operations": {"total": 1}}
        return verdict, len(seeds) == 2

    monkeypatch.setattr("harness.cli.run.record_and_judge", record_and_judge)
    assert command("run", "--runs", "4", "--seed", "7", "--name", "some", "--json") == 0
    assert seeds == [7, 8]
    assert len(json.loads(capsys.readouterr().out.strip().splitlines()[-1])["runs"]) == 2


def test_a_history_alone_is_judged(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(INVOKE + OK)
    assert command("check", "history.jsonl", "--json") == 2
    said = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert said["verdict"] == "unknown"
    assert said["operations"]["total"] == 1
    assert {"anomalies", "checkers", "faults", "seconds", "source", "seed"} <= set(said)


@pytest.mark.parametrize(("mode", "code", "checker"), [("stale", 2, "no-invented-values"), (None, 1, "linearizable")])
def test_a_history_alone_is_judged_by_the_reads_that_were_asked_for(
    mode: str | None, code: int, checker: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "history.jsonl").write_text(INVOKE + OK + read_of_nothing(2, mode))
    assert command("check", "history.jsonl", "--json") == code
    said = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert f"register: {checker}" in [result["checker"] for result in said["checkers"]]


def test_the_end_of_a_lone_history_is_judged_by_its_healing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    common = {"time": 15, "process": "nemesis", "f": "heal", "value": {"action": "heal"}}
    heal = "".join(json.dumps({"index": i, "type": t, **common}) + "\n" for i, t in ((2, "invoke"), (3, "ok")))
    (tmp_path / "history.jsonl").write_text(INVOKE + OK + heal + read_of_nothing(4, "stale"))
    assert command("check", "history.jsonl", "--json") == 1
    said = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert [anomaly["kind"] for anomaly in said["anomalies"]] == ["not-converged"]


def test_reads_asked_for_in_several_modes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    reads = read_of_nothing(2, "stale") + read_of_nothing(4, "lease")
    (tmp_path / "history.jsonl").write_text(INVOKE + OK + reads)
    assert command("check", "history.jsonl", "--json") == 1  # a lease read of nothing, after a write
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {anomaly["checker"].rpartition("(")[2] for anomaly in said["anomalies"]} == {"lease reads)"}


def read_of_nothing(index: int, mode: str | None) -> str:
    common = {"time": 20, "process": 0, "f": "read", "key": "r0", "value": None} | ({"read": mode} if mode else {})
    events = ({"index": index, "type": "invoke", **common}, {"index": index + 1, "type": "ok", **common})
    return "".join(json.dumps(event) + "\n" for event in events)


def test_a_verdict_that_nobody_reads_is_not_taken_for_valid(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(INVOKE + OK)
    program = [sys.executable, "-c", "from harness.cli import main; main()", "check", "history.jsonl"]
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        program, cwd=tmp_path, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_no_command_is_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    assert "Usage: raftstorm" in capsys.readouterr().out


def test_a_history_that_was_cut_is_judged_without_its_last_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "history.jsonl").write_text(INVOKE + OK[:30])
    assert command("check", "history.jsonl", "--json") == 2
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["history_cut"] is True


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (INVOKE + "not json\n" + OK, "line 2: not an event"),
        (INVOKE + INVOKE, "line 2: index 0 where 1 belongs"),
        (OK.replace('"index":1', '"index":0'), "line 1: process 0 completes what it never invoked"),
        (INVOKE.replace("invoke", "begun"), "line 1: not an event"),
    ],
)
def test_a_bad_line_is_named(text: str, sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text(text)
    assert command("check", "history.jsonl") == 3
    assert sentence in capsys.readouterr().err


def test_runs_lists_nothing_at_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("runs") == 0
    assert "No runs" in capsys.readouterr().out
    assert command("runs", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []
