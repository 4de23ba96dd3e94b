"""Whole runs, as a user makes them: the command line in a process of its own, real containers, what is left behind."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from pathlib import Path

import docker
import pytest

from checkers.history import decode
from harness.cluster.layout import CLIENT_PORT, PEER_PORT
from tests.harness.whole_runs import QUICK, ROOT, finish, left, lines, run, start, wait

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("node_image")]

LINUX_COOKED_BYTES = 20


def ports_in(path: Path) -> Counter[int]:
    """The TCP ports of a trace of "any" interface, by packets. Its records follow each other to the last byte."""
    data, at, ports = path.read_bytes(), 24, Counter[int]()
    assert data[:4] == bytes.fromhex("d4c3b2a1")
    while at < len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        packet = data[at + 16 + LINUX_COOKED_BYTES : at + 16 + length]
        header = (packet[0] & 0x0F) * 4
        ports.update(int.from_bytes(packet[header + offset : header + offset + 2], "big") for offset in (0, 2))
        at += 16 + length
    assert at == len(data)
    return ports


def test_a_run_ends_judged_with_everything_in_its_folder(
    tmp_path: Path, name: str, engine: docker.DockerClient
) -> None:
    asked = ["--nemesis", "none", "--seed", "5", "--name", name, "--tcpdump", "--json"]
    code, out, err = run(tmp_path, "run", *QUICK, *asked)
    said = json.loads(out.strip().splitlines()[-1])
    assert (code, said["verdict"], said["seed"], said["anomalies"]) == (0, "valid", 5, []), err
    folder = tmp_path / "results" / "runs" / name
    made = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "run.json",
        "history.jsonl",
        "status.jsonl",
        "verdict.json",
        "report.html",
        "junit.xml",
        "harness.log",
        "nodes/n1/node.log",
        "nodes/n1/trace.jsonl",
        "nodes/n1/traffic.pcap",
    } <= made
    assert all(
        {CLIENT_PORT, PEER_PORT} <= set(ports_in(folder / "nodes" / node / "traffic.pcap"))
        for node in ("n1", "n2", "n3")
    )
    assert said["operations"]["ok"] > 100
    assert left(engine, name) == []
    assert run(tmp_path, "check", name)[0] == 0


def test_a_seeded_bug_is_found_and_told(tmp_path: Path, name: str, engine: docker.DockerClient) -> None:
    """Behind a partition a follower falls back for certain; without a fault only on a busy machine."""
    bug = ["--bug", "ignore-client-index", "--workload", "follower-reads", "--nemesis", "partition", "--seed", "1"]
    code, out, err = run(tmp_path, "run", *QUICK, *bug, "--time-limit", "15", "--name", name, "--json")
    said = json.loads(out.strip().splitlines()[-1])
    assert (code, said["verdict"]) == (1, "invalid"), err
    assert any("process" in anomaly["text"] and anomaly["operations"] for anomaly in said["anomalies"])
    assert left(engine, name) == []


def test_a_killed_harness_loses_nothing_and_clean_removes_the_rest(
    tmp_path: Path, name: str, engine: docker.DockerClient
) -> None:
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    process = start(tmp_path, "run", "--nodes", "3", "--time-limit", "60", "--name", name)
    wait(lambda: lines(history) > 400, "400 events", process)
    process.kill()
    process.communicate()
    before = decode(history.read_bytes())
    assert len(before.events) > 400
    assert left(engine, name)
    code, out, _ = run(tmp_path, "check", name, "--json")
    assert code in (0, 2)
    assert json.loads(out.strip().splitlines()[-1])["operations"]["total"] == len(before.operations)
    assert run(tmp_path, "clean")[0] == 0
    assert left(engine, name) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_run_in_order(
    tmp_path: Path, name: str, engine: docker.DockerClient, number: signal.Signals
) -> None:
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    process = start(tmp_path, "run", "--nodes", "3", "--time-limit", "300", "--nemesis", "kill", "--name", name)
    wait(lambda: lines(history) > 200, "200 events", process)
    process.send_signal(number)
    code, out, err = finish(process)
    assert code in (0, 2), err
    assert "report.html" in out
    assert left(engine, name) == []


def test_two_signals_end_it_at_once(tmp_path: Path, name: str, engine: docker.DockerClient) -> None:
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    process = start(tmp_path, "run", "--nodes", "3", "--time-limit", "300", "--nemesis", "none", "--name", name)
    wait(lambda: lines(history) > 200, "200 events", process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code in (0, 2, 130), err
    assert "Traceback" not in err
    assert decode(history.read_bytes()).events
    assert left(engine, name) == []


def test_a_changed_node_is_tested_without_a_new_image(tmp_path: Path, name: str) -> None:
    source = tmp_path / "changed"
    shutil.copytree(ROOT / "node_image", source)
    machine = source / "replica" / "machine.py"
    text = machine.read_text()
    assert "return self._state.read(query)" in text
    machine.write_text(text.replace("return self._state.read(query)", "return 'forty-two'"))
    code, out, err = run(tmp_path, "run", *QUICK, "--node-source", str(source), "--name", name, "--json")
    assert code == 1, err
    kinds = {anomaly["kind"] for anomaly in json.loads(out.strip().splitlines()[-1])["anomalies"]}
    assert any("never" in kind or "invented" in kind for kind in kinds)


def test_a_node_that_does_not_start_is_told_in_a_sentence(
    tmp_path: Path, name: str, engine: docker.DockerClient
) -> None:
    source = tmp_path / "changed"
    shutil.copytree(ROOT / "node_image", source)
    (source / "runtime" / "__main__.py").write_text("raise SystemExit('this node will not start')\n")
    code, _, err = run(tmp_path, "run", *QUICK, "--node-source", str(source), "--name", name)
    assert code == 3
    assert "this node will not start" in err
    assert "Traceback" not in err
    assert left(engine, name) == []


def test_a_missing_image_is_told_in_a_sentence(tmp_path: Path, name: str, engine: docker.DockerClient) -> None:
    code, _, err = run(tmp_path, "run", *QUICK, "--image", "raftstorm/node:no-such-tag", "--name", name)
    assert code == 3
    assert "There is no image raftstorm/node:no-such-tag" in err
    assert left(engine, name) == []
