"""node-start and node-pid, as they are, on this machine: in a folder of their own, with a server of a few lines."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.faketime import faketime_path
from harness.systems.raft.source import shipped_source

TOOLS = shipped_source() / "bin"
LISTENS = """
import os, signal, socket
listening = socket.create_server(("127.0.0.1", {port}))
print(os.environ["WHOSE"], flush=True)
signal.pause()
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the scripts look at /proc")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The folder of a server, which is ended with the test."""
    yield tmp_path
    if found := pid(tmp_path):
        os.kill(int(found), signal.SIGKILL)


def start(state: Path, source: str, port: int, *variables: str) -> subprocess.CompletedProcess[str]:
    command = ["WHOSE=ours", *variables, sys.executable, "-S", "-c", source]
    server = [str(state), str(state / "log"), str(port), *command]
    return subprocess.run(["sh", str(TOOLS / "node-start"), *server], capture_output=True, text=True, timeout=30)


def pid(state: Path) -> str:
    found = subprocess.run(["sh", str(TOOLS / "node-pid"), str(state)], capture_output=True, text=True, timeout=30)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout.strip()


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"not within 30 s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number: int = taken.getsockname()[1]
        return number


def test_a_server_is_started_once_found_and_started_again(state: Path) -> None:
    port = free_port()
    source = LISTENS.format(port=port)
    assert pid(state) == ""
    first = start(state, source, port)
    assert first.returncode == 0, first.stderr
    assert pid(state) == first.stdout.strip()
    assert (state / "log").read_text() == "ours\n"
    assert (state / "faketime").read_text() == "+0\n"
    assert start(state, source, port).stdout == first.stdout
    (state / "faketime").write_text("+5\n")
    os.kill(int(first.stdout), signal.SIGSTOP)
    assert pid(state) == first.stdout.strip()
    os.kill(int(first.stdout), signal.SIGKILL)
    wait(lambda: pid(state) == "", "the server is gone")
    again = start(state, source, port)
    assert again.returncode == 0
    assert again.stdout != first.stdout
    assert (state / "faketime").read_text() == "+5\n"


def test_libfaketime_leaves_no_names_behind_when_its_process_is_killed(state: Path) -> None:
    port = free_port()
    (state / "faketime").write_text("+500\n")
    variables = [
        f"LD_PRELOAD={faketime_path()}",
        f"FAKETIME_TIMESTAMP_FILE={state}/faketime",
        "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    ]
    tells = "import time\nlistening.accept()\nprint(time.time(), flush=True)\nsignal.pause()"
    source = LISTENS.format(port=port).replace("signal.pause()", tells)
    server = start(state, source, port, *variables).stdout.strip()
    names = [name for name in os.listdir("/dev/shm") if name.endswith(f"_{server}")]
    assert names == []
    (state / "new").write_text("-500\n")
    (state / "new").replace(state / "faketime")
    with socket.create_connection(("127.0.0.1", port)):
        wait(lambda: len((state / "log").read_text().split()) == 2, "the server tells its time")
    said = (state / "log").read_text().split()
    assert -560 < float(said[1]) - time.time() < -440, "what has lost its names still works"
    os.kill(int(server), signal.SIGKILL)


def test_a_server_that_ends_at_once_says_its_last_words(state: Path) -> None:
    ended = start(state, "raise SystemExit('no disk')", free_port())
    assert ended.returncode == 1
    assert "no disk" in ended.stderr
    assert pid(state) == ""


def test_a_pid_that_was_given_away_again_is_not_the_servers(tmp_path: Path) -> None:
    (tmp_path / "server.pid").write_text(f"{os.getpid()} 12345\n")
    assert pid(tmp_path) == ""
    own = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    (tmp_path / "server.pid").write_text(f"{os.getpid()} {own}\n")
    assert pid(tmp_path) == str(os.getpid())
