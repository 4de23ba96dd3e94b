"""`raftstorm run` in a process of its own, as a user makes runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import docker

from harness.cluster.engine import RUN_LABEL

ROOT: Final = Path(__file__).parents[2]
DEADLINE_S: Final = 120.0
QUICK: Final = ["--nodes", "3", "--time-limit", "10"]


def start(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, through: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """In that folder; `environment`: beside this process's own; `through`: a command that starts it."""
    return subprocess.Popen(
        [*through, sys.executable, "-c", "from harness.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it has not ended within {DEADLINE_S:g} s, and said:\n{out}\n{err}") from None
    return process.returncode, out, err


def run(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    return finish(start(folder, *arguments, environment=environment))


def left(engine: docker.DockerClient, name: str) -> list[str]:
    """What carries the run's label."""
    chosen = {"label": f"{RUN_LABEL}={name}"}
    containers = engine.containers.list(all=True, filters=chosen, ignore_removed=True)
    networks = engine.networks.list(filters=chosen)
    volumes = engine.volumes.list(filters=chosen)
    return [str(thing.name) for thing in [*containers, *networks, *volumes]]


def wait(condition: Callable[[], bool], what: str, process: subprocess.Popen[str] | None = None) -> None:
    """`process`: what is to bring it about."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if process is not None and (process.poll() is not None or time.monotonic() > deadline):
            process.kill()
            raise AssertionError(f"{what}: not before it ended, and said:\n{process.communicate()}")
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_S:g} s"
        time.sleep(0.05)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
