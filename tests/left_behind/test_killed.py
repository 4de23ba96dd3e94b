"""`kill -9` of the harness at random moments: what was recorded can be read and judged, `raftstorm clean` removes the
rest, and this machine, or the hosts, are as they were before.

    pytest -m "slow and docker" tests/left_behind     eighteen moments more for each place
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import docker
import pytest

from checkers.history import decode
from tests.harness.whole_runs import finish, left, run, start
from tests.hosts import Hosts, hosts
from tests.left_behind.machine import check_as_before, machine, processes_of

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("node_image")]

LONGEST_S = 16.0
"""Longer than the run that is killed takes: some moments lie in judging."""
MOMENTS = [
    pytest.param(number, marks=[] if number < 2 else [pytest.mark.slow], id=f"moment{number}") for number in range(20)
]


@pytest.fixture(scope="module")
def plain_hosts(node_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(["h1", "h2", "h3"], node_image, tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("place", ["docker", "local"])
def test_killed_at_a_random_moment(
    tmp_path: Path, name: str, engine: docker.DockerClient, place: str, moment: int
) -> None:
    before = machine()
    kill_and_judge(tmp_path, name, moment, "--cluster", place, "--nodes", "3")
    code, _, err = run(tmp_path, "clean")
    assert code == 0, err
    assert left(engine, name) == []
    assert processes_of(name) == []
    check_as_before(before)


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_on_plain_hosts(tmp_path: Path, name: str, plain_hosts: Hosts, moment: int) -> None:
    before, path = plain_hosts.states(), plain_hosts.inventory()
    kill_and_judge(tmp_path, name, moment, "--cluster", "ssh", "--inventory", path)
    code, _, err = run(tmp_path, "clean", "--inventory", path)
    assert code == 0, err
    assert plain_hosts.changes(before) == []


def kill_and_judge(folder: Path, name: str, moment: int, *place: str) -> None:
    """A run is killed after a while that the moment's number decides; what was recorded until then is judged."""
    process = start(folder, "run", *place, "--time-limit", "8", "--name", name)
    time.sleep(Random(moment).uniform(0.0, LONGEST_S))  # the moment itself: nothing is waited for
    process.kill()
    process.communicate()
    history = folder / "results" / "runs" / name / "history.jsonl"
    recorded = history.read_bytes() if history.exists() else b""
    code, _, err = run(folder, "check", name)
    assert "Traceback" not in err
    assert code in ((0, 2) if decode(recorded).events else (2, 3)), err
    assert (history.read_bytes() if history.exists() else b"") == recorded


def test_clean_spares_a_run_that_goes_on(tmp_path: Path, name: str, engine: docker.DockerClient) -> None:
    process = start(tmp_path, "run", "--cluster", "docker", "--nodes", "1", "--time-limit", "5", "--name", name)
    while process.poll() is None and not left(engine, name):
        time.sleep(0.05)
    assert run(tmp_path, "clean")[0] == 0
    code, _, err = finish(process)
    assert code in (0, 2), err
    assert left(engine, name) == []
