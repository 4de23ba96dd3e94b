"""Hindered packets on real containers, seen in TCP traffic between two of them that is none of the harness's probes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from itertools import permutations
from typing import Any
from uuid import uuid4

import pytest

from harness.cluster import Evidence, Hindrance, Link, Node
from harness.cluster.docker import DockerCluster
from harness.cluster.over_ssh.packets import ShellPackets
from harness.cluster.over_ssh.probe import address
from harness.image import ensure
from harness.world.real import RealWorld

pytestmark = pytest.mark.docker

SOURCE, TARGET = "n1", "n2"
THERE = Link(SOURCE, TARGET)
_PORT = 7077
_SECONDS = 20.0
_SINK = f"""
import json, socket, time
with socket.create_server(("", {_PORT})) as listening:
    listening.settimeout({_SECONDS})
    with listening.accept()[0] as connection:
        connection.settimeout({_SECONDS})
        connection.sendall(b"!")
        began, total, times = time.monotonic(), 0, []
        while data := connection.recv(1 << 16):
            total += len(data)
            times.append(round(time.monotonic() - began, 4))
            if data.endswith(b"?"):
                connection.sendall(b"!")
        print(json.dumps({{"bytes": total, "seconds": times[-1] if times else 0}}))
"""
_SOURCE = """
import json, socket, sys, time
host, port, chunks, size = sys.argv[1], *map(int, sys.argv[2:])
for _ in range(200):
    try:
        connection = socket.create_connection((host, port), timeout=20)
        break
    except ConnectionRefusedError:
        time.sleep(0.02)
connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
connection.recv(1)
trips = []
for number in range(chunks):
    began = time.monotonic()
    connection.sendall(bytes(size - 1) + b"?")
    connection.recv(1)
    trips.append(round(time.monotonic() - began, 4))
info = connection.getsockopt(socket.IPPROTO_TCP, 11, 232)
word = lambda at: int.from_bytes(info[at : at + 4], "little")
print(json.dumps({"trips": trips, "retransmitted": word(100), "seen_again": word(216) if len(info) > 219 else 0}))
"""
"""From TCP_INFO: segments that were sent again, and duplicates that the other side told of (tcpi_dsack_dups)."""


class Site:
    """Two nodes, on which no server runs."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.packets = ShellPackets(RealWorld(seed=7), nodes)

    async def shell(self, name: str, command: str) -> str:
        finished = await self.nodes[name].control.run(command, timeout_s=3 * _SECONDS)
        assert finished.exit_code == 0, finished.stderr
        return finished.stdout


def on_two_nodes(work: Callable[[Site], Awaitable[None]]) -> None:
    asyncio.run(_on_two_nodes(work))


async def _on_two_nodes(work: Callable[[Site], Awaitable[None]]) -> None:
    cluster = DockerCluster(f"test-packets-{uuid4().hex[:8]}", (SOURCE, TARGET), image=ensure(lambda text: None))
    try:
        await cluster.up()
        await work(Site(cluster.nodes))
    finally:
        await cluster.down()


def proven(evidence: Evidence) -> dict[str, Any]:
    assert evidence.effective, evidence.trouble
    return evidence.details


async def traffic(site: Site, chunks: int = 60, size: int = 4000) -> dict[str, Any]:
    """What a TCP connection from SOURCE to TARGET goes through: each chunk is answered."""
    host, _ = address(site.nodes[TARGET])
    sink = asyncio.ensure_future(site.shell(TARGET, f"python3 -S -E -c '{_SINK}'"))
    told = json.loads(await site.shell(SOURCE, f"python3 -S -E -c '{_SOURCE}' {host} {_PORT} {chunks} {size}"))
    return {**told, **json.loads(await sink)}


def median(trips: list[float]) -> float:
    return sorted(trips)[len(trips) // 2]


SIGNS: dict[str, tuple[Hindrance, Callable[[dict[str, Any]], bool]]] = {
    "loss": (Hindrance(loss=0.1), lambda seen: seen["retransmitted"] > 0),
    "corruption": (Hindrance(corrupt=0.1), lambda seen: seen["retransmitted"] > 0),
    "duplicates": (Hindrance(duplicate=0.9), lambda seen: seen["seen_again"] > 0),
    "delay": (Hindrance(delay_s=0.08), lambda seen: min(seen["trips"]) >= 0.08),
    "jitter": (
        Hindrance(delay_s=0.06, jitter_s=0.05),
        lambda seen: min(seen["trips"]) >= 0.01 and max(seen["trips"]) - min(seen["trips"]) > 0.04,
    ),
    "reordering": (
        Hindrance(slow=0.2, slow_s=0.1),
        lambda seen: max(seen["trips"]) > 0.02 and median(seen["trips"]) < 0.04,
    ),
    "width": (Hindrance(bytes_per_s=80_000.0), lambda seen: 40_000 < seen["bytes"] / seen["seconds"] < 100_000),
}


def test_each_hindrance_is_seen_by_tcp_while_it_is_in_force() -> None:
    on_two_nodes(hindrances)


async def hindrances(site: Site) -> None:
    for name, (hindrance, sign) in SIGNS.items():
        proven(await site.packets.disturb(name, [THERE], hindrance))
        seen = await traffic(site)
        ended = proven(await site.packets.calm(name))
        assert sign(seen), (name, seen)
        assert ended["nodes"][TARGET]["packets"][SOURCE]["seen"] > 60
        if hindrance.corrupt:
            assert ended["nodes"][TARGET]["kernel"]["tcp_checksum_errors"] > 0
    seen = await traffic(site)
    assert not any(sign(seen) for name, (_, sign) in SIGNS.items() if name != "duplicates"), seen


def test_what_is_clogged_comes_later_and_faults_are_lifted_one_by_one() -> None:
    on_two_nodes(one_by_one)


async def one_by_one(site: Site) -> None:
    await clogged(site)
    await lifted_in_any_order(site)
    await agent_killed(site)
    proven(await site.packets.verify_healed())


async def clogged(site: Site) -> None:
    """What is sent into a clogged link comes when it is free again."""
    proven(await site.packets.disturb("clog", [THERE], Hindrance(clogged=True)))
    sending = asyncio.ensure_future(traffic(site, chunks=3))
    await asyncio.sleep(1.5)
    assert not sending.done()
    proven(await site.packets.calm("clog"))
    seen = await sending
    assert seen["bytes"] == 12_000


async def agent_killed(site: Site) -> None:
    proven(await site.packets.disturb("f1", [THERE], Hindrance(delay_s=0.2)))
    pid = (await site.shell(TARGET, "pgrep -f 'packets.pyz hinder'")).split()[0]
    await site.shell(TARGET, f"kill -9 {pid}; while kill -0 {pid} 2>/dev/null; do sleep 0.01; done")
    assert min((await traffic(site, chunks=3))["trips"]) < 0.2, "the kernel lets packets pass"
    assert "the agent that hindered packets has ended by itself" in str((await site.packets.holds("f1")).trouble)
    proven(await site.packets.calm("f1"))


async def lifted_in_any_order(site: Site) -> None:
    faults = {"f1": Hindrance(delay_s=0.05), "f2": Hindrance(delay_s=0.1)}
    for order in permutations(faults):
        for fault, hindrance in faults.items():
            proven(await site.packets.disturb(fault, [THERE], hindrance))
        assert min((await traffic(site, chunks=5))["trips"]) >= 0.15
        first, last = order
        proven(await site.packets.calm(first))
        trip = min((await traffic(site, chunks=5))["trips"])
        assert faults[last].delay_s <= trip < 0.15
        proven(await site.packets.calm(last))
