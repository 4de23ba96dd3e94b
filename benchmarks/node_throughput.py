"""Throughput of five nodes beside that of a bare server, in one run: the ratio is what counts.

    python -m benchmarks.node_throughput [--docker] [--seconds 4] [--clients 50] [--profile FOLDER]

Five nodes, each with its data folder, fsync on; 50 clients spread over all nodes, half linearizable reads, half writes.
Beside it `benchmarks.bare_server` in both its arrangements: relayed has the node's hops and no replication, replicating
the least replication and no hops. They are measured in turns, since the machine may have other work. Wanted: half of
the relayed server, and 1,500 acknowledged operations a second on two cores.

Without --docker all are processes on loopback. With it the nodes and the relayed server live in containers, as in a
run; the replicating server stays on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks import bare_server
from benchmarks.load import Address, Load, Measured, measure
from harness.cluster import Node
from harness.cluster.docker import DockerCluster
from harness.cluster.layout import CLIENT_PORT
from harness.image import ensure
from harness.systems.raft import SYSTEM
from node_image.raftctl import NoAnswer, Unreachable, ask

_BARE_SOURCE = Path(bare_server.__file__).read_bytes()
ELECTION_DEADLINE_S = 15.0
BARE = [sys.executable, "-m", "benchmarks.bare_server"]


@contextlib.contextmanager
def processes(commands: Sequence[Sequence[str]], folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Runs the commands with a pipe from their stdout; stops them in the end."""
    running: list[subprocess.Popen[str]] = []
    try:
        for number, command in enumerate(commands):
            with open(folder / f"process-{number}.log", "w") as errors:
                running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True))
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=30)
            assert process.stdout is not None
            process.stdout.close()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]


def _configure(folder: Path, nodes: int) -> tuple[list[Path], list[Address]]:
    ports = free_ports(2 * nodes)
    names = [f"n{number}" for number in range(1, nodes + 1)]
    members = {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=False)}
    paths = []
    for name, client_port in zip(names, ports[nodes:], strict=True):
        addresses = {"members": members, "peer": members[name], "client": f"127.0.0.1:{client_port}"}
        files = {"data": str(folder / name), "trace": str(folder / f"{name}.jsonl")}
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps({"node": name, **addresses, **files}))
    return paths, [("127.0.0.1", port) for port in ports[nodes:]]


def wait_for_leader(addresses: Sequence[Address]) -> None:
    """Until every node knows one. Raises TimeoutError."""
    deadline = time.monotonic() + ELECTION_DEADLINE_S
    for host, port in addresses:
        while not _knows_leader(host, port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no leader after {ELECTION_DEADLINE_S:.0f} s")
            time.sleep(0.05)


def _knows_leader(host: str, port: int) -> bool:
    try:
        return ask(host, port, {"op": "status"}, 1.0).get("leader") is not None
    except (Unreachable, NoAnswer):
        return False


def measure_nodes(load: Load, nodes: int, profile: Path | None) -> Measured:
    with tempfile.TemporaryDirectory(prefix="raftstorm-benchmark-") as name:
        folder = Path(name)
        configurations, addresses = _configure(folder, nodes)
        commands = [
            [sys.executable, *_profiled(profile, path.stem), "-m", "node_image.runtime", "--config", str(path)]
            for path in configurations
        ]
        with processes(commands, folder):
            wait_for_leader(addresses)
            return asyncio.run(measure(addresses, load))


def measure_docker(load: Load, nodes: int) -> Measured:
    return asyncio.run(_measure_docker(load, nodes))


async def _measure_docker(load: Load, nodes: int) -> Measured:
    async with _containers(nodes) as containers:
        await SYSTEM.install(containers, {})
        await asyncio.gather(*(SYSTEM.start(node) for node in containers))
        addresses = [(node.host, node.port) for node in containers]
        await asyncio.to_thread(wait_for_leader, addresses)
        return await measure(addresses, load)


def measure_relayed_docker(load: Load, nodes: int) -> Measured:
    return asyncio.run(_measure_relayed_docker(load, nodes))


async def _measure_relayed_docker(load: Load, nodes: int) -> Measured:
    """The bare server in one container, its relays in five others."""
    async with _containers(nodes + 1) as (server, *relays):
        address = f"{server.peer_address.rpartition(':')[0]}:{CLIENT_PORT}"
        await _start_bare(server, f"server {server.layout.data}/log")
        await asyncio.gather(*(_start_bare(relay, f"relay {address}") for relay in relays))
        for node in (server, *relays):
            await _wait_hello(node.host, node.port)
        return await measure([(relay.host, relay.port) for relay in relays], load)


@contextlib.asynccontextmanager
async def _containers(count: int) -> AsyncIterator[Sequence[Node]]:
    image = ensure(lambda line: None)
    cluster = DockerCluster(f"benchmark-{uuid4().hex[:8]}", [f"n{n}" for n in range(1, count + 1)], image=image)
    try:
        await cluster.up()
        yield cluster.nodes
    finally:
        await cluster.down()


async def _start_bare(node: Node, role: str) -> None:
    await node.control.write_file("/tmp/bare_server.py", _BARE_SOURCE)
    listen = f"BARE_LISTEN=0.0.0.0:{CLIENT_PORT}"
    await node.control.run(f"{listen} setsid python3 /tmp/bare_server.py {role} < /dev/null > /tmp/bare.log 2>&1 &")


async def _wait_hello(host: str, port: int) -> None:
    """A published port accepts for a server that does not listen yet: only its hello says that it is there."""
    async with asyncio.timeout(ELECTION_DEADLINE_S):
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port)
                hello = await reader.readline()
                writer.close()
                if hello:
                    return
            await asyncio.sleep(0.05)


def _profiled(profile: Path | None, node: str) -> list[str]:
    return [] if profile is None else ["-m", "cProfile", "-o", str(profile / f"{node}.profile")]


def measure_relayed(load: Load, nodes: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="raftstorm-benchmark-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(processes([[*BARE, "server", str(folder / "log")]], folder))
        address = f"127.0.0.1:{_port(server[0])}"
        relays = stack.enter_context(processes([[*BARE, "relay", address]] * nodes, folder))
        return asyncio.run(measure([("127.0.0.1", _port(relay)) for relay in relays], load))


def measure_replicating(load: Load, nodes: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="raftstorm-benchmark-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        echoes = stack.enter_context(processes([[*BARE, "echo"]] * (nodes - 1), folder))
        command = [*BARE, "server", str(folder / "log"), *(f"127.0.0.1:{_port(echo)}" for echo in echoes)]
        [server] = stack.enter_context(processes([command], folder))
        return asyncio.run(measure([("127.0.0.1", _port(server))], load))


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read-mode", default="linearizable")
    parser.add_argument("--docker", action="store_true", help="nodes in containers")
    parser.add_argument("--profile", type=Path, help="nodes' cProfile results go to this folder")
    options = parser.parse_args()
    load = Load(options.clients, seconds=options.seconds, read_mode=options.read_mode)
    ratios: list[tuple[float, float]] = []
    for _ in range(options.rounds):
        replicating = measure_replicating(load, options.nodes)
        if options.docker:
            relayed, raft = measure_relayed_docker(load, options.nodes), measure_docker(load, options.nodes)
        else:
            relayed, raft = measure_relayed(load, options.nodes), measure_nodes(load, options.nodes, options.profile)
        ratios.append((raft.rate / relayed.rate, raft.rate / replicating.rate))
        print(_line("bare, relayed", relayed), _line("bare, replicating", replicating), _line("raft", raft), sep=" | ")
        print(f"  raft is {ratios[-1][0]:.2f} of relayed, {ratios[-1][1]:.2f} of replicating", flush=True)
    of_relayed, of_replicating = map(median, zip(*ratios, strict=True))
    print(f"medians of {len(ratios)}: {of_relayed:.2f} of relayed, {of_replicating:.2f} of replicating")


def _line(name: str, measured: Measured) -> str:
    latencies = f"p50 {measured.quantile_ms(0.5):.1f} ms, p99 {measured.quantile_ms(0.99):.1f} ms"
    refused = f", {measured.refused} refused" if measured.refused else ""
    return f"{name} {measured.rate:,.0f}/s ({latencies}{refused})"


if __name__ == "__main__":
    main()
