"""Small simulated clusters for tests, and what is awaited in them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Machine, Oscillator
from harness.cluster.simulation.messages import Witness
from harness.world.virtual import NS, VirtualConnection, VirtualWorld
from node_image.driver.config import NodeConfig

MOST_S = 10.0


def make(
    count: int = 3,
    *,
    seed: int = 1,
    oscillators: dict[str, Oscillator] | None = None,
    witness: Witness | None = None,
    **options: Any,
) -> SimulatedCluster:
    """Nodes n1, n2, ... that are not started yet. `options`: of NodeConfig."""
    names = [f"n{number}" for number in range(1, count + 1)]
    options = {"election_timeout_s": 0.3, "heartbeat_interval_s": 0.06, **options}
    configs = {name: NodeConfig(node=name, peers=frozenset(names), **options) for name in names}
    return SimulatedCluster(VirtualWorld(seed), configs, oscillators=oscillators, witness=witness)


def started(count: int = 3, **options: Any) -> SimulatedCluster:
    """One with a leader."""
    cluster = make(count, **options)
    cluster.start()
    until(cluster, lambda: cluster.leader is not None)
    return cluster


def until(cluster: SimulatedCluster, holds: Callable[[], bool]) -> None:
    cluster.world.run_until(cluster.world.now() + int(MOST_S * NS), holds)
    assert holds(), "it has not come about"


def pass_time(cluster: SimulatedCluster, seconds: float) -> None:
    cluster.world.run_until(cluster.world.now() + int(seconds * NS))


def lead(cluster: SimulatedCluster) -> Machine:
    leader = cluster.leader
    assert leader is not None
    return leader


def follower(cluster: SimulatedCluster) -> Machine:
    return next(machine for machine in cluster.running if machine is not cluster.leader)


def run(cluster: SimulatedCluster, coroutine: Coroutine[Any, Any, Any]) -> Any:
    return cluster.world.run(coroutine)


async def connect(cluster: SimulatedCluster, machine: Machine) -> VirtualConnection:
    """To its client port; the hello has been read."""
    connection = await cluster.world.connect(machine.name, 8000, timeout_s=1.0)
    assert b"raftstorm" in await connection.receive()
    return connection
