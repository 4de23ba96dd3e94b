"""etcd in containers, as a user runs it: valid where it promises something, and found out where it does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("node_image")]

ROOT = Path(__file__).parents[3]
DEADLINE_S = 180.0


def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the verdict."""
    name = f"test-{uuid4().hex[:8]}"
    command = ["run", "--system", "etcd", "--nodes", "3", "--seed", "1", "--name", name, "--json", *arguments]
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


STORY = """
[[fault]]
at = 4.0
for = 4.0
kind = "partition"
variant = "isolate-leader"

[[fault]]
at = 9.0
for = 3.0
kind = "kill"
nodes = ["n2"]
"""
"""Faults that leave a majority, so that a busy machine has time for enough of everything."""

CUT_OFF = """
[[fault]]
at = 3.0
for = 6.0
kind = "partition"
variant = "isolate-one"
"""


def test_etcd_keeps_what_it_promises(tmp_path: Path) -> None:
    (tmp_path / "story.toml").write_text(STORY)
    workloads = ["--workload", "register,follower-reads,append,set,leases"]
    code, verdict = run(tmp_path, *workloads, "--schedule", "story.toml", "--time-limit", "18")
    assert (code, verdict["verdict"]) == (0, "valid"), verdict["anomalies"] or verdict["checkers"]
    assert all(fault["effective"] == fault["lifted"] > 0 for fault in verdict["faults"])


def test_its_serializable_reads_are_not_linearizable(tmp_path: Path) -> None:
    """A follower that is cut off goes on answering them."""
    (tmp_path / "story.toml").write_text(CUT_OFF)
    reads = ["--read-mode", "stale", "--judge-reads", "linearizable", "--workload", "register"]
    code, verdict = run(tmp_path, *reads, "--schedule", "story.toml", "--time-limit", "12")
    assert (code, verdict["verdict"]) == (1, "invalid")
    stale = [anomaly for anomaly in verdict["anomalies"] if anomaly["kind"] == "stale-read"]
    assert stale
    assert stale[0]["operations"]
