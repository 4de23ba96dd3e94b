"""Nodes that leave and come back, and leaders that hand over: what is planned, and what it does to the bundled node."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from harness.cluster import Evidence
from harness.cluster.simulation.capabilities import capabilities
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.errors import BadInput
from harness.nemesis.fault import NoTarget, View
from harness.nemesis.membership import FAULT, HandingOver, Leaving
from harness.world.virtual import VirtualWorld
from node_image.driver.config import NodeConfig

NODES = ("n1", "n2", "n3", "n4", "n5")
VIEW = View(NODES, leader="n2")


@pytest.mark.parametrize("variant", sorted(FAULT.variants))
def test_somebody_stays_and_a_leader_hands_over_to_somebody_else(variant: str) -> None:
    for seed in range(50):
        injection = FAULT.plan(variant, VIEW, Random(seed))
        assert set(injection.targets) < set(NODES)
        if isinstance(injection, HandingOver):
            assert injection.to != "n2"
        if variant == "leader":
            assert injection.targets == ("n2",)


def test_nobody_to_hand_over() -> None:
    with pytest.raises(NoTarget):
        FAULT.plan("hand-over", View(NODES), Random(0))


@pytest.mark.parametrize(
    ("details", "planned"),
    [({"nodes": ["n3", "n1"]}, Leaving(("n1", "n3"))), ({"to": "n4"}, HandingOver("n4"))],
)
def test_exact(details: Mapping[str, Any], planned: Any) -> None:
    injection = FAULT.exact(details, VIEW)
    assert injection == planned
    value = {"targets": list(injection.targets), **injection.describe()}
    assert FAULT.exact(FAULT.details_of(value), VIEW) == planned


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ({}, "either 'nodes', who leave, or 'to'"),
        ({"nodes": list(NODES)}, "somebody has to stay"),
        ({"to": "n9"}, "there is no node 'n9'"),
        ({"node": ["n1"]}, "did you mean 'nodes'"),
    ],
)
def test_what_cannot_be(details: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        FAULT.exact(details, VIEW)


class Scene:
    """Three simulated nodes with a leader."""

    def __init__(self) -> None:
        self.world = VirtualWorld(3)
        names = NODES[:3]
        configs = {name: NodeConfig(node=name, peers=frozenset(names)) for name in names}
        self.cluster = SimulatedCluster(self.world, configs)
        self.able = capabilities(self.cluster)
        self.cluster.start()

    async def settled(self) -> str:
        while self.cluster.leader is None:
            await self.world.sleep(0.1)
        await self.world.sleep(1.0)
        assert self.cluster.leader is not None
        return self.cluster.leader.name

    def voters(self) -> set[str]:
        leader = self.cluster.leader
        assert leader is not None
        assert leader.node is not None
        return set(leader.node.raft.configuration.voters)


def test_a_leader_leaves_and_comes_back() -> None:
    scene = Scene()
    members = scene.able.membership
    assert members is not None

    async def story() -> list[Evidence]:
        leader = await scene.settled()
        gone = await members.remove("f1", [leader])
        without = scene.voters()
        unhealed = await members.verify_healed()
        back = await members.restore("f1")
        assert without == set(NODES[:3]) - {leader}
        assert scene.voters() == set(NODES[:3])
        return [gone, unhealed, back, await members.verify_healed()]

    assert [evidence.effective for evidence in scene.world.run(story())] == [True, False, True, True]


def test_who_was_taken_out_twice_is_back_after_both() -> None:
    scene = Scene()
    members = scene.able.membership
    assert members is not None

    async def story() -> None:
        await scene.settled()
        await members.remove("f1", ["n1"])
        await members.remove("f2", ["n1", "n2"])
        assert scene.voters() == {"n3"}
        await members.restore("f1")
        assert scene.voters() == {"n3"}
        await members.restore("f2")
        assert scene.voters() == {"n1", "n2", "n3"}
        refused = await members.remove("f3", ["n1", "n2", "n3"])
        assert not refused.effective
        assert scene.voters() == {"n1", "n2", "n3"}

    scene.world.run(story())


def test_a_leader_hands_over() -> None:
    scene = Scene()
    members = scene.able.membership
    assert members is not None

    async def story() -> None:
        leader = await scene.settled()
        other = next(name for name in NODES[:3] if name != leader)
        assert (await members.transfer(other)).effective
        assert await scene.settled() == other

    scene.world.run(story())


def test_without_a_quorum_nothing_changes_and_that_is_said() -> None:
    scene = Scene()
    members = scene.able.membership
    assert members is not None

    async def story() -> Evidence:
        leader = await scene.settled()
        for machine in scene.cluster.machines.values():
            if machine.name != leader:
                machine.kill()
        return await members.remove("f1", [leader])

    evidence = scene.world.run(story())
    assert not evidence.effective
    assert evidence.trouble is not None
