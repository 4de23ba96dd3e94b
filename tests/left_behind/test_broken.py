"""What breaks under a run from outside: it ends in a sentence, unknown at best, and what was recorded is kept."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from checkers.history import decode
from tests.harness.whole_runs import finish, left, lines, run, start, wait

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("node_image")]

FEW_BYTES = 300_000


def test_a_container_that_is_removed_by_hand(tmp_path: Path, name: str, engine: docker.DockerClient) -> None:
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    process = start(tmp_path, "run", "--cluster", "docker", "--nodes", "3", "--time-limit", "20", "--name", name)
    wait(lambda: lines(history) > 300, "300 events", process)
    engine.containers.get(f"raftstorm-{name}-n2").remove(force=True)
    code, out, err = finish(process)
    assert code == 2, err
    assert "Traceback" not in err
    assert "n2" in out + err
    trouble = json.loads((history.parent / "run.json").read_text())["trouble"]
    assert "n2" in trouble
    assert len(decode(history.read_bytes()).events) > 300
    assert left(engine, name) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FEW_BYTES}", "raftstorm-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_results_on_a_disk_that_is_full(
    tmp_path: Path, name: str, engine: docker.DockerClient, small_disk: Path
) -> None:
    process = start(
        tmp_path, "run", "--cluster", "docker", "--nodes", "3", "--time-limit", "30", "--rate", "1000",
        "--name", name, "--results", str(small_disk),
    )  # fmt: skip
    code, out, err = finish(process)
    assert code in (2, 3), err
    assert "Traceback" not in err
    assert "No space left on device" in out + err
    kept = decode((small_disk / name / "history.jsonl").read_bytes())
    assert len(kept.events) > 300
    assert left(engine, name) == []
    code, _, err = run(tmp_path, "check", str(small_disk / name))
    assert code in (2, 3)
    assert "Traceback" not in err
