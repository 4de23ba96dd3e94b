"""Every kind of fault on real containers: it takes effect, is lifted, and leaves nothing, all proven by the nodes.

The tests are few and long because bringing a cluster up costs more than most of what is tested."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from checkers.faults import coverage
from harness import plugins
from harness.cluster import Capabilities, Evidence, Node
from harness.cluster.docker import DockerCluster
from harness.image import ensure
from harness.monitor import Monitor
from harness.nemesis import Command, Nemesis, Stop, draw_schedule, feed, grudges, load_kinds
from harness.nemesis.clock import DRIFT_STEP_S, Jump
from harness.nemesis.fault import Injection, View
from harness.nemesis.membership import FAULT as MEMBERSHIP
from harness.nemesis.membership import HandingOver
from harness.nemesis.partition import FAULT as PARTITION
from harness.nemesis.process import KILL, PAUSE
from harness.nemesis.restart import Rolling, Storm
from harness.system import System
from harness.world import Future
from harness.world.real import RealWorld
from harness.world.sync import Queue
from tests.conformance.checks import off_by_s
from tests.conformance.sites import until_healed
from tests.nemesis.fakes import FakeRecorder

pytestmark = pytest.mark.docker

NAMES = ("n1", "n2", "n3", "n4", "n5")


@dataclass
class Site:
    """Five nodes that have elected a leader."""

    world: RealWorld
    nodes: list[Node]
    system: System
    monitor: Monitor
    capabilities: Capabilities

    @property
    def view(self) -> View:
        leader = self.monitor.leader()
        assert leader is not None
        return View(NAMES, leader.id)

    async def shell(self, name: str, command: str) -> str:
        node = next(node for node in self.nodes if node.name == name)
        finished = await node.control.run(command)
        assert finished.exit_code == 0, finished.stderr
        return finished.stdout

    async def begin_and_end(self, injection: Injection) -> tuple[Evidence, Evidence]:
        begun = await injection.begin("f1", self.capabilities)
        ended = await injection.end("f1", self.capabilities)
        return proven(begun), proven(ended)

    async def verify(self) -> None:
        """As a run does, until it is so: who the members are only a leader knows, and the one that was seen last may
        have been deposed since."""
        for place in vars(self.capabilities).values():
            if place is not None:
                await until_healed(self.world, place)


def proven(evidence: Evidence) -> Evidence:
    assert evidence.effective, evidence.trouble
    return evidence


def on_docker(work: Callable[[Site], Awaitable[None]], *, frail_disks: bool = False, **config: Any) -> None:
    """`config`: of the nodes (node_image/driver/config.py)."""
    asyncio.run(_on_docker(work, frail_disks, config))


async def _on_docker(work: Callable[[Site], Awaitable[None]], frail_disks: bool, config: dict[str, Any]) -> None:
    name = f"test-nemesis-{uuid4().hex[:8]}"
    cluster = DockerCluster(name, NAMES, image=ensure(lambda text: None), frail_disks=frail_disks)
    system: System = plugins.load("system", "raft")
    try:
        await cluster.up()
        await system.install(cluster.nodes, {"config": config})
        await asyncio.gather(*(system.start(node) for node in cluster.nodes))
        await _with_monitor(cluster, system, work)
    finally:
        await cluster.down()


async def _with_monitor(cluster: DockerCluster, system: System, work: Callable[[Site], Awaitable[None]]) -> None:
    world = RealWorld(seed=7)
    nodes = list(cluster.nodes)
    monitor = Monitor(world, system, nodes, lambda line: None, wall_base_ns=world.wall_base_ns)
    monitor.start()
    try:
        await _wait_leader(monitor)
        await work(Site(world, nodes, system, monitor, cluster.able(world, system)))
    finally:
        monitor.stop()


async def _wait_leader(monitor: Monitor) -> None:
    async with asyncio.timeout(20):
        while monitor.leader() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def test_partitions() -> None:
    on_docker(partitions)


async def partitions(site: Site) -> None:
    network = site.capabilities.network
    assert network is not None
    # A rule that is not ours, and looks a little like ours.
    foreign = "iptables -w 5 -N raftstorm_site && iptables -w 5 -I INPUT -s 192.0.2.1 -j DROP"
    await site.shell("n2", foreign)
    before = await site.shell("n2", "iptables -w 5 -S")

    for number, variant in enumerate(PARTITION.variants):
        injection = PARTITION.plan(variant, site.view, Random(number))
        begun, ended = await site.begin_and_end(injection)
        assert set(begun.details["probes"].values()) == {"silent"}
        assert begun.details["probes"].keys() == ended.details["probes"].keys()
        await _wait_leader(site.monitor)

    split, isolated = grudges.components(NAMES[:2], NAMES[2:]), grudges.components(NAMES[:1], NAMES[1:])
    proven(await network.cut("f1", split))
    proven(await network.cut("f1.2", isolated))
    healed = proven(await network.heal("f1"))
    assert "n2->n3" in healed.details["probes"]
    assert "n1->n3" not in healed.details["probes"], "the other fault still cuts it"
    assert not (await network.verify_healed()).effective
    proven(await network.heal("f1.2"))
    assert await site.shell("n2", "iptables -w 5 -S") == before
    await site.verify()


def test_processes_and_clocks() -> None:
    on_docker(processes_and_clocks)


async def processes_and_clocks(site: Site) -> None:
    for kind in (PAUSE, KILL):
        for variant in kind.variants:
            await _wait_leader(site.monitor)
            await site.begin_and_end(kind.plan(variant, site.view, Random(1)))
    await site.verify()

    for seconds in (-90.5, 0.005, DRIFT_STEP_S[0], 120.0):
        begun, ended = await site.begin_and_end(Jump(NAMES, seconds))
        assert all(abs(node["read_s"] - seconds) < 0.0005 for node in begun.details.values())
        assert all(abs(node["read_s"]) < 0.0005 for node in ended.details.values())
    await clock_outlives_process(site)
    await site.verify()


async def clock_outlives_process(site: Site) -> None:
    """A process that is killed comes back with the wrong clock, and one that is down can be set right."""
    clock, killing = Jump(("n3",), 7.0), KILL.injection(("n3",))
    proven(await clock.begin("f1", site.capabilities))
    proven(await killing.begin("f2", site.capabilities))
    proven(await killing.end("f2", site.capabilities))
    assert site.capabilities.clocks is not None
    assert off_by_s((await site.capabilities.clocks.verify_healed()).trouble or "") == pytest.approx(7.0, abs=0.01)
    proven(await killing.begin("f3", site.capabilities))
    lifted = proven(await clock.end("f1", site.capabilities))
    assert lifted.details["n3"]["process"] == "gone"
    proven(await killing.end("f3", site.capabilities))


def test_membership() -> None:
    on_docker(membership)


async def membership(site: Site) -> None:
    for variant in MEMBERSHIP.variants:
        await _wait_leader(site.monitor)
        injection = MEMBERSHIP.plan(variant, site.view, Random(1))
        begun, ended = await site.begin_and_end(injection)
        if isinstance(injection, HandingOver):
            assert begun.details["leader"] == injection.to
        else:
            assert begun.details["members"] == [name for name in NAMES if name not in injection.targets]
            assert ended.details["members"] == list(NAMES)
    await site.verify()


def test_restarts_and_limits() -> None:
    on_docker(restarts_and_limits)


async def restarts_and_limits(site: Site) -> None:
    storm = Storm(("n2", "n4"), up_s=0.05, down_s=0.05)
    told = await sustained(site, storm, lambda: len(storm.kills) >= 3)
    assert [kill["nodes"] for kill in told["kills"]] == [["n2", "n4"]] * len(storm.kills)
    rolling = Rolling(("n3", "n1", "n5", "n2", "n4"))
    told = await sustained(site, rolling, lambda: len(rolling.kills) == 5)
    assert told["kills"] == [{"nodes": [name]} for name in rolling.targets]
    await site.verify()

    limits = site.capabilities.limits
    assert limits is not None
    starved = proven(await limits.limit_cpu(["n1", "n2"], 0.03))
    assert all(node["quota_us"] == 3000 and node["throttled"] > 0 for node in starved.details.values())
    assert "n1: it is still limited" in str((await limits.verify_healed()).trouble)
    proven(await limits.unlimit_cpu(["n1", "n2"]))
    await site.verify()

    ended = proven(await limits.limit_memory(["n3"]))
    assert ended.details["n3"]["oom_kills"] >= 1
    assert "n3: it is still limited" in str((await limits.verify_healed()).trouble)
    back = proven(await limits.unlimit_memory(["n3"]))
    assert back.details["n3"]["pid"] != ended.details["n3"]["pid"]
    await site.verify()


async def sustained(site: Site, injection: Storm | Rolling, until: Callable[[], bool]) -> dict[str, Any]:
    """The evidence of its end. It is kept going until that holds."""
    proven(await injection.begin("f1", site.capabilities))
    stop: Future[None] = site.world.future()
    sustaining = site.world.spawn(injection.sustain("f1", site.capabilities, site.world, stop), name="sustain")
    async with asyncio.timeout(60):
        while not until():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set_result(None)
    await sustaining
    assert not any("trouble" in kill for kill in injection.kills)
    return proven(await injection.end("f1", site.capabilities)).details


def test_a_storm() -> None:
    on_docker(storm)


async def storm(site: Site) -> None:
    kinds = load_kinds(["partition", "kill", "pause", "clock", "membership"])
    recorder: Any = FakeRecorder(site.world)
    nemesis = Nemesis(site.world, kinds, site.capabilities, recorder, site.monitor.view)
    commands: Queue[Command] = Queue(site.world)
    running = site.world.spawn(nemesis.run(commands), name="nemesis")
    schedule = draw_schedule(site.world.random("nemesis"), kinds, time_limit_s=12, interval_s=3)
    await feed(site.world, schedule, commands.put)
    commands.put(Stop())
    await running
    await nemesis.heal_all()
    for row in coverage(recorder.events, tuple(kinds)):
        assert 0 < row["effective"] == row["lifted"], recorder.lines
    await site.verify()
