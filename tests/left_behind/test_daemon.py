"""The Docker daemon is restarted in the middle of a run: one of the test's own, on a socket of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import pytest

from checkers.history import decode
from tests.harness.whole_runs import finish, left, lines, start, wait
from tests.left_behind.daemon import Daemon, storage_driver, why_not

pytestmark = pytest.mark.docker


@pytest.fixture
def daemon(node_image: str) -> Iterator[Daemon]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with TemporaryDirectory(prefix="raftstorm-") as folder:  # a socket's path must be short
        daemon = Daemon(Path(folder), storage_driver())
        try:
            daemon.start()
            daemon.load(node_image)
            yield daemon
        finally:
            daemon.close()


def test_a_daemon_that_is_restarted(tmp_path: Path, name: str, daemon: Daemon) -> None:
    history = tmp_path / "results" / "runs" / name / "history.jsonl"
    environment = {"DOCKER_HOST": daemon.url}
    arguments = ["run", "--cluster", "docker", "--nodes", "3", "--time-limit", "20", "--nemesis", "none"]
    process = start(tmp_path, *arguments, "--name", name, through=daemon.inside, environment=environment)
    wait(lambda: lines(history) > 300, "300 events", process)
    daemon.stop()
    daemon.start()
    code, out, err = finish(process)
    assert code == 2, out + err
    assert "Traceback" not in err
    assert json.loads((history.parent / "run.json").read_text())["trouble"]
    assert len(decode(history.read_bytes()).events) > 300

    cleaning = start(tmp_path, "clean", through=daemon.inside, environment=environment)
    code, _, err = finish(cleaning)
    assert code == 0, err
    with closing(docker.DockerClient(daemon.url)) as engine:
        assert left(engine, name) == []
