"""The example of docs/adding-a-system.md: three of its servers on this machine, spoken to as a run does."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from harness.capabilities import Locks, Transactions, offers
from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite
from harness.world.real import RealWorld

EXAMPLE = Path(__file__).parents[2] / "docs/examples/pysyncobj"
DEADLINE_S = 90.0
"""On a machine that is very busy an election takes a while."""


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return import_module("raftstorm_pysyncobj")


def free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Servers:
    def __init__(self, example: Any, folder: Path) -> None:
        ports = free_ports(6)
        addresses = [f"127.0.0.1:{port}" for port in ports[3:]]
        self.nodes = [
            Node(f"n{number}", "127.0.0.1", ports[number], addresses[number], control=None)  # type: ignore[arg-type]
            for number in range(3)
        ]
        self.processes = [
            self._start(example, folder / node.name, node, [other for other in addresses if other != node.peer_address])
            for node in self.nodes
        ]

    def _start(self, example: Any, folder: Path, node: Node, others: Sequence[str]) -> subprocess.Popen[bytes]:
        for path, content in example.shipped().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "peers.json").write_text(json.dumps({"self": node.peer_address, "others": others}))
        ports = [str(node.port), node.peer_address.rpartition(":")[2]]
        command = [sys.executable, "server.py", str(folder), "127.0.0.1", *ports]
        return subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": ""}, stdin=subprocess.DEVNULL)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def servers(example: Any, tmp_path: Path) -> Iterator[Servers]:
    servers = Servers(example, tmp_path)
    yield servers
    servers.stop()


async def until_done(call: Any) -> Answer:
    """Until it is answered: a cluster may have no leader yet."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            try:
                return await call()  # type: ignore[no-any-return]
            except (Definite, Indefinite):
                await asyncio.sleep(0.1)


def test_its_entry_point_names_the_system(example: Any) -> None:
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["entry-points"]["raftstorm.systems"]["pysyncobj"].partition(":")
    assert getattr(import_module(module), name) is example.SYSTEM
    assert example.SYSTEM.name == "pysyncobj"
    assert not any(offers(example.SYSTEM, capability) for capability in (Locks, Transactions))


def test_it_serves_registers(example: Any, servers: Servers) -> None:
    first, second = servers.nodes[:2]

    async def main() -> list[Any]:
        world = RealWorld(1)
        one, other = (example.SYSTEM.connect(world, node, timeout_s=5.0, session="c") for node in (first, second))
        seen: list[Any] = [(await until_done(lambda: one.write("k", 5))).value]
        seen.append((await until_done(lambda: other.read("k", mode="linearizable"))).value)
        matched = await until_done(lambda: other.cas("k", 6, 7))
        seen.append((matched.matched, matched.value))
        seen.append((await until_done(lambda: one.read("k", mode="stale"))).value)
        async with asyncio.timeout(DEADLINE_S):
            statuses = [await example.SYSTEM.status(world, node, timeout_s=5.0) for node in servers.nodes]
        one.close()
        other.close()
        seen.append(sorted(status.role for status in statuses if status is not None))
        return seen

    *values, roles = asyncio.run(main())
    assert values == [5, 5, (False, 5), 5]
    assert set(roles) <= {"follower", "leader"}
    assert roles


@pytest.mark.docker
def test_a_whole_run_finds_it_by_its_entry_point(tmp_path: Path) -> None:
    """As if the package was installed. A busy machine may have time for too few operations, which is unknown."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    facts = tmp_path / "site" / "raftstorm_pysyncobj-0.1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["raftstorm.systems"]
    lines = [f"{name} = {where}" for name, where in points.items()]
    (facts / "entry_points.txt").write_text("\n".join(["[raftstorm.systems]", *lines, ""]))
    options = ["--nodes", "3", "--rate", "40", "--time-limit", "15", "--nemesis", "none", "--workload", "register"]
    command = ["run", "--system", "pysyncobj", "--name", f"test-{uuid4().hex[:8]}", "--json", *options]
    path = os.pathsep.join([str(facts.parent), str(EXAMPLE), str(EXAMPLE.parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=180,
    )
    verdict = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    assert done.returncode in (0, 2), done.stderr
    judged = {checker["checker"]: checker["verdict"] for checker in verdict["checkers"]}
    assert judged["register: linearizable"] == judged["node-logs"] == "valid"
    assert verdict["operations"]["ok"] > 0


def test_a_dead_node_is_definite(example: Any, servers: Servers) -> None:
    dead = servers.nodes[2]
    servers.processes[2].kill()
    servers.processes[2].wait()

    async def main() -> None:
        session = example.SYSTEM.connect(RealWorld(1), dead, timeout_s=1.0, session="c")
        with pytest.raises(Definite):
            await session.write("k", 5)

    asyncio.run(main())
