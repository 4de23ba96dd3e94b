"""What disks that can fail cost: throughput of five nodes in containers whose data lie on them, beside the same nodes
with their data on a plain volume, in one run: the ratio is what counts.

    python -m benchmarks.frail_disks [--seconds 4] [--clients 50] [--rounds 3]

Both are measured in turns on the same containers, since the machine may have other work; each turn is a fresh cluster
with empty files. Half of the operations are writes. It also tells how long a fault of the disks takes, from being asked
for on all nodes to being proven: at most a second is wanted.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from statistics import median
from uuid import uuid4

from benchmarks.load import Load, Measured, measure
from benchmarks.node_throughput import wait_for_leader
from harness.cluster import Capabilities, DiskFailure, Node
from harness.cluster.docker import DockerCluster
from harness.cluster.layout import IMAGE
from harness.image import ensure
from harness.systems.raft import SYSTEM
from harness.world.real import RealWorld

PLAIN = f"{IMAGE.logs}/data"
"""On the volume for logs, which lies beside the one that the disks keep things on."""


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    load = Load(options.clients, seconds=options.seconds)
    names = [f"n{number}" for number in range(1, 6)]
    image = ensure(lambda line: None)
    cluster = DockerCluster(f"benchmark-{uuid4().hex[:8]}", names, image=image, frail_disks=True)
    try:
        await cluster.up()
        ratios = []
        for number in range(options.rounds):
            plain = await _measured(cluster.nodes, f"{PLAIN}-{number}", load)
            frail = await _measured(cluster.nodes, f"{IMAGE.data}/{number}", load)
            ratios.append(frail.rate / plain.rate)
            print(f"{_line('plain', plain)} | {_line('frail', frail)} | {ratios[-1]:.2f}", flush=True)
        print(f"median of {len(ratios)}: {median(ratios):.2f} of plain disks")
        await _faults(cluster.able(RealWorld(seed=1), SYSTEM), names)
    finally:
        await cluster.down()


async def _measured(nodes: Sequence[Node], data: str, load: Load) -> Measured:
    for node in nodes:
        if (pid := await SYSTEM.pid(node)) is not None:
            await node.control.run(f"kill -9 {pid}; while [ -d /proc/{pid} ]; do sleep 0.01; done")
    await SYSTEM.install(nodes, {"config": {"data": data}})
    await asyncio.gather(*(SYSTEM.start(node) for node in nodes))
    addresses = [(node.host, node.port) for node in nodes]
    await asyncio.to_thread(wait_for_leader, addresses)
    return await measure(addresses, load)


async def _faults(able: Capabilities, names: Sequence[str]) -> None:
    assert able.disks is not None
    assert able.power is not None
    for words, act in (
        ("full", able.disks.fail(names, DiskFailure.FULL)),
        ("mended", able.disks.mend(names)),
        ("power cut", able.power.cut(names)),
        ("restored", able.power.restore(names)),
    ):
        began = time.monotonic()
        evidence = await act
        print(f"{words} on five nodes: {time.monotonic() - began:.2f} s {evidence.trouble or ''}")


def _line(name: str, measured: Measured) -> str:
    latencies = f"p50 {measured.quantile_ms(0.5):.1f} ms, p99 {measured.quantile_ms(0.99):.1f} ms"
    return f"{name} {measured.rate:,.0f}/s ({latencies})"


if __name__ == "__main__":
    asyncio.run(main())
