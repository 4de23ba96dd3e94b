"""Node processes on loopback, for tests.

Every cluster has addresses of its own within 127.0.0.0/8, made from this process's id, so tests that run in parallel
cannot take each other's ports, and a restarted node gets its own back.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from node_image.raftctl import NoAnswer, Unreachable, ask

DEADLINE_S = 30.0
PAUSE_S = 0.01

_ports = itertools.count(8000, 2)
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str) -> T:
    """What `look` gives as soon as it is neither None nor False."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None and found is not False:
            return found
        time.sleep(PAUSE_S)
    raise AssertionError(f"not within {DEADLINE_S:.0f} s: {what}")


def loopback(number: int) -> str:
    """The address of node 1, 2 or 3 in this process's clusters."""
    bits = (os.getpid() % (1 << 22)) << 2 | number
    return f"127.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"


class NodeProcess:
    def __init__(self, folder: Path, name: str, host: str, port: int, members: dict[str, str], **options: Any) -> None:
        self.name, self.host, self.port = name, host, port
        self.data, self.trace, self.log = folder / name, folder / f"{name}.jsonl", folder / f"{name}.log"
        addresses = {"members": members, "peer": members[name], "client": f"{host}:{port}"}
        files = {"data": str(self.data), "trace": str(self.trace)}
        self._configuration = folder / f"{name}.json"
        self._configuration.write_text(json.dumps({"node": name, **addresses, **files, **options}))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "node_image.runtime", "--config", str(self._configuration)]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(command, stderr=log)

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """The exit code, negative for a signal."""
        assert self._process is not None
        code = self._process.wait(DEADLINE_S)
        self._process = None
        return code

    @property
    def running(self) -> bool:
        return self._process is not None

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Raises Unreachable, NoAnswer."""
        return ask(self.host, self.port, {"op": op, **fields}, DEADLINE_S)

    def status(self) -> dict[str, Any] | None:
        try:
            return self.ask("status")
        except (Unreachable, NoAnswer):
            return None

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), DEADLINE_S)

    def trace_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.trace.read_text().splitlines()]


class Nodes:
    def __init__(self, nodes: Sequence[NodeProcess]) -> None:
        self.all = list(nodes)

    def leader(self) -> NodeProcess:
        """Waits until all that run follow one of them."""
        return until(self._agreed, "one leader")

    def followers(self) -> list[NodeProcess]:
        leader = self.leader()
        return [node for node in self.all if node is not leader and node.running]

    def _agreed(self) -> NodeProcess | None:
        running = [node for node in self.all if node.running]
        leaders = {status["leader"] if status else None for status in map(NodeProcess.status, running)}
        agreed = [node for node in running if leaders == {node.name}]
        return agreed[0] if agreed else None


@contextmanager
def nodes(folder: Path, count: int = 3, **options: Any) -> Iterator[Nodes]:
    """Started; killed in the end."""
    port = next(_ports)
    hosts = {f"n{number}": loopback(number) for number in range(1, count + 1)}
    members = {name: f"{host}:{port + 1}" for name, host in hosts.items()}
    made = Nodes([NodeProcess(folder, name, host, port, members, **options) for name, host in hosts.items()])
    try:
        for node in made.all:
            node.start()
        yield made
    finally:
        for node in made.all:
            if node.running:
                node.stop(signal.SIGKILL)


def one_node(folder: Path) -> AbstractContextManager[Nodes]:
    """It votes for itself, so it need not wait long for others."""
    return nodes(folder, count=1, election_timeout_s=0.05, heartbeat_interval_s=0.02)
