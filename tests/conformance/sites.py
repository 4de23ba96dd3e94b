"""Where the suite runs: a cluster of each place, with the bundled node started on it and a leader elected.

A place is brought up for one check, and must leave nothing behind. To add one, write how (a function that takes a
check and runs it on a site), and name it in PLACES.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol
from uuid import uuid4

from harness import plugins
from harness.cluster import Capabilities, Cluster, Evidence, Node, fuse
from harness.cluster.docker import DockerCluster
from harness.cluster.engine import RUN_LABEL, connect
from harness.cluster.hosts.cluster import HostsCluster
from harness.cluster.hosts.inventory import read_inventory
from harness.cluster.local import folders
from harness.cluster.local.cluster import LocalCluster
from harness.cluster.local.marks import marked
from harness.cluster.simulation.capabilities import capabilities as simulated
from harness.cluster.simulation.cluster import SimulatedCluster, SimulatedSystem
from harness.experiment import CLUSTERS
from harness.image import ensure
from harness.monitor import Monitor
from harness.nemesis.fault import Injection, View
from harness.system import Definite, Indefinite, System
from harness.world import World
from harness.world.real import RealWorld
from harness.world.virtual import VirtualWorld
from node_image.driver.config import NodeConfig
from tests.hosts import hosts

NAMES: Final = ("n1", "n2", "n3", "n4", "n5")
SEED: Final = 7
LEADER_S: Final = 20.0
HEALED_S: Final = 10.0
LOOK_S: Final = 0.05
SUSTAINED_S: Final = 0.25
CONFIG: Final = {"segment_bytes": 1000}
"""So that a log is of several files soon."""
FAULT: Final = "f1"
ANSWER_S: Final = 1.0
WRITE_S: Final = 0.01


class Verified(Protocol):
    """What all capabilities have."""

    async def verify_healed(self) -> Evidence: ...


@dataclass
class Site:
    """Five nodes that have elected a leader."""

    world: World
    nodes: Sequence[Node]
    system: System
    monitor: Monitor
    able: Capabilities

    @property
    def view(self) -> View:
        leader = self.monitor.leader()
        return View(NAMES, None if leader is None else leader.id)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    async def wait_leader(self) -> None:
        async with self.world.timeout(LEADER_S):
            while self.monitor.leader() is None:
                await self.world.sleep(LOOK_S)

    async def sustain(self, injection: Injection) -> None:
        """For a moment, where it is to be."""
        if (sustain := getattr(injection, "sustain", None)) is not None:
            stop = self.world.future()
            going_on = self.world.spawn(sustain(FAULT, self.able, self.world, stop), name="sustain")
            await self.world.sleep(SUSTAINED_S)
            stop.set_result(None)
            await going_on

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Somebody writes all the time, wherever that works: idle nodes have nothing to lose."""
        writing = self.world.spawn(self._write(), name="write")
        try:
            yield
        finally:
            writing.cancel()

    async def _write(self) -> None:
        sessions = [
            self.system.connect(self.world, node, timeout_s=ANSWER_S, session=f"{node.name}@{self.world.now()}")
            for node in self.nodes
        ]
        try:
            while True:
                for session in sessions:
                    with suppress(Definite, Indefinite):
                        await session.write("k", self.world.now())
                    await self.world.sleep(WRITE_S)
        finally:
            for session in sessions:
                session.close()

    async def verify(self) -> None:
        """That nothing is left of any fault, once servers that were started have come to themselves."""
        for offered in vars(self.able).values():
            if offered is not None:
                await until_healed(self.world, offered)


async def until_healed(world: World, offered: Verified) -> None:
    last_ns = world.now() + int(HEALED_S * 1e9)
    while not (found := await offered.verify_healed()).effective and world.now() < last_ns:
        await world.sleep(LOOK_S)
    proven(found)


Check = Callable[[Site], Awaitable[None]]


def proven(evidence: Evidence) -> Evidence:
    assert evidence.effective, evidence.trouble
    assert evidence.trouble is None
    return evidence


def denied(evidence: Evidence) -> str:
    """Why it is not so."""
    assert not evidence.effective
    assert evidence.trouble
    return evidence.trouble


def on_docker(check: Check) -> None:
    name = f"test-conformance-{uuid4().hex[:8]}"
    cluster = DockerCluster(name, NAMES, image=ensure(lambda text: None), frail_disks=not fuse.is_missing())
    asyncio.run(_on_processes(cluster, check))
    with closing(connect()) as client:
        of_the_run = {"label": f"{RUN_LABEL}={name}"}
        assert client.api.containers(all=True, filters=of_the_run) == []
        assert client.api.networks(filters=of_the_run) == []


def on_local(check: Check) -> None:
    name = f"test-conformance-{uuid4().hex[:8]}"
    asyncio.run(_on_processes(LocalCluster(name, NAMES), check))
    folder = folders.base() / name
    assert not folder.exists()
    assert list(marked(str(folder))) == []


def on_hosts(check: Check) -> None:
    """Hosts that are there before, and as they were afterwards."""
    with TemporaryDirectory() as folder, hosts(NAMES, ensure(lambda text: None), Path(folder)) as machines:
        before = machines.states()
        name = f"test-conformance-{uuid4().hex[:8]}"
        inventory = read_inventory(machines.inventory())
        asyncio.run(_on_processes(HostsCluster(name, inventory, needs=CLUSTERS["ssh"]), check))
        changes = machines.changes(before)
        assert not changes, changes


async def _on_processes(cluster: Cluster, check: Check) -> None:
    system: System = plugins.load("system", "raft")
    try:
        await cluster.up()
        await system.install(cluster.nodes, {"config": CONFIG})
        await asyncio.gather(*(system.start(node) for node in cluster.nodes))
        world = RealWorld(SEED)
        await _with_leader(world, cluster.nodes, system, cluster.able(world, system), check)
    finally:
        await cluster.down()


def in_simulation(check: Check) -> None:
    world = VirtualWorld(SEED)
    configs = {name: NodeConfig(node=name, peers=frozenset(NAMES), **CONFIG) for name in NAMES}
    cluster = SimulatedCluster(world, configs)
    cluster.start()
    world.run(_with_leader(world, cluster.nodes, SimulatedSystem(cluster), simulated(cluster), check))


async def _with_leader(world: World, nodes: Sequence[Node], system: System, able: Capabilities, check: Check) -> None:
    monitor = Monitor(world, system, nodes, lambda line: None, wall_base_ns=0)
    monitor.start()
    try:
        site = Site(world, nodes, system, monitor, able)
        await site.wait_leader()
        await check(site)
    finally:
        monitor.stop()


PLACES: Final[dict[str, Callable[[Check], None]]] = {
    "docker": on_docker,
    "local": on_local,
    "ssh": on_hosts,
    "sim": in_simulation,
}
"""By the names that `--cluster` takes."""
