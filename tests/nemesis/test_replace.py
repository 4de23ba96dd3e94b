"""Nodes that are lost and replaced: what is planned, and what it does to the bundled node."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from harness.cluster import Capabilities, Evidence, Replacements
from harness.cluster.simulation.capabilities import capabilities
from harness.cluster.simulation.cluster import SimulatedCluster, SimulatedSystem
from harness.errors import BadInput
from harness.nemesis.fault import NoTarget, View
from harness.nemesis.grudges import components
from harness.nemesis.replace import FAULT, Replacement
from tests.simulation.small import follower, lead, pass_time, run, started

NODES = ("n1", "n2", "n3", "n4", "n5")
VIEW = View(NODES, leader="n2")


@pytest.mark.parametrize("variant", sorted(FAULT.variants))
def test_most_stay(variant: str) -> None:
    for seed in range(50):
        targets = FAULT.plan(variant, VIEW, Random(seed)).targets
        assert 1 <= len(targets) <= 2
        assert variant != "leader" or targets == ("n2",)


def test_where_most_cannot_stay() -> None:
    with pytest.raises(NoTarget, match="too few would be left"):
        FAULT.plan("one", View(("n1", "n2"), leader="n1"), Random(1))
    with pytest.raises(NoTarget):
        FAULT.plan("leader", View(NODES), Random(1))


def test_exact() -> None:
    injection = FAULT.exact({"nodes": ["n3", "n1"]}, VIEW)
    assert injection == Replacement(("n1", "n3"))
    assert FAULT.exact(FAULT.details_of({"targets": list(injection.targets)}), VIEW) == injection


@pytest.mark.parametrize(
    ("details", "sentence"),
    [
        ({"nodes": ["n1", "n2", "n3"]}, "fewer than half of all"),
        ({"nodes": ["n9"]}, "there is no node 'n9'"),
        ({"node": ["n1"]}, "did you mean 'nodes'"),
    ],
)
def test_what_cannot_be(details: Mapping[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        FAULT.exact(details, VIEW)


def replacements(cluster: SimulatedCluster, able: Capabilities | None = None) -> Replacements:
    able = able or capabilities(cluster)
    assert able.processes is not None
    assert able.membership is not None
    return SimulatedSystem(cluster).replacements(cluster.world, cluster.nodes, able.processes, able.membership)


async def write(cluster: SimulatedCluster, count: int) -> None:
    system, leader = SimulatedSystem(cluster), lead(cluster).name
    node = next(node for node in cluster.nodes if node.name == leader)
    session = system.connect(cluster.world, node, timeout_s=1, session=f"s{cluster.world.now()}")
    for number in range(count):
        await session.write("k", number)
    session.close()


def proven(evidence: Evidence) -> Evidence:
    assert evidence.effective, evidence.trouble
    return evidence


@pytest.mark.parametrize("who", ["a follower", "the leader"])
def test_a_lost_node_comes_back_with_nothing_and_learns_everything(who: str) -> None:
    cluster = started(5, snapshot_every_entries=20, trailing_entries=2)
    spares = replacements(cluster)
    run(cluster, write(cluster, 50))
    machine = follower(cluster) if who == "a follower" else lead(cluster)

    lost = proven(run(cluster, spares.lose("f1", [machine.name])))
    assert machine.node is None
    assert machine.disk.read() == {}
    assert machine.name not in lost.details["members"]
    assert lost.details["wiped"][machine.name]["files"] > 0
    assert not run(cluster, spares.verify_healed()).effective
    term = lead(cluster).node.raft.term  # type: ignore[union-attr]
    run(cluster, write(cluster, 50))

    back = proven(run(cluster, spares.replace("f1", [machine.name])))
    assert back.details["members"] == list(NODES)
    assert lead(cluster).node.raft.term > term  # type: ignore[union-attr]
    proven(run(cluster, spares.replace("f1", [machine.name])))
    proven(run(cluster, spares.verify_healed()))
    pass_time(cluster, 1)
    assert machine.node is not None
    assert machine.node.raft.configuration.has_voter(machine.name)
    assert machine.node.replica.applied == lead(cluster).node.replica.applied  # type: ignore[union-attr]
    assert cluster.safety.violation is None


def test_where_it_cannot_be_taken_out_its_data_stay() -> None:
    """Without a quorum nobody can say that it is not needed."""
    cluster = started(5)
    spares = replacements(cluster)
    name, *others = [machine.name for machine in cluster.running if machine is not cluster.leader]
    for other in others[:2]:
        cluster.machines[other].kill()
    lost = run(cluster, spares.lose("f1", [name]))
    assert not lost.effective
    assert lost.trouble
    assert cluster.machines[name].disk.read() != {}
    for other in others[:2]:
        cluster.machines[other].start()
    proven(run(cluster, spares.replace("f1", [name])))
    pass_time(cluster, 2)
    assert lead(cluster).node.raft.configuration.voters == set(NODES)  # type: ignore[union-attr]
    assert cluster.safety.violation is None


@pytest.mark.parametrize("seed", range(12))
def test_all_are_replaced_one_after_another_while_somebody_writes(seed: int) -> None:
    """In the end no disk has anything that it had at the beginning, and nothing that was committed is lost."""
    cluster = started(5, seed=seed, snapshot_every_entries=20, trailing_entries=2)
    spares = replacements(cluster)
    for name in Random(seed).sample(NODES, len(NODES)):
        run(cluster, write(cluster, 15))
        proven(run(cluster, spares.lose(name, [name])))
        run(cluster, write(cluster, 15))
        proven(run(cluster, spares.replace(name, [name])))
    pass_time(cluster, 1)
    assert {machine.node.replica.applied_hash for machine in cluster.running if machine.node is not None} == {
        lead(cluster).node.replica.applied_hash  # type: ignore[union-attr]
    }
    assert lead(cluster).node.replica.applied > 150  # type: ignore[union-attr]
    assert cluster.safety.violation is None


def test_a_node_is_not_wiped_while_somebody_still_takes_it_for_a_member() -> None:
    """Two have missed that the others left, and would elect one of them with the vote of an empty node."""
    cluster = started(5)
    able = capabilities(cluster)
    spares = replacements(cluster, able)
    assert able.network is not None
    assert able.membership is not None
    leader, holder, *_ = near = [lead(cluster).name, *[n for n in cluster.names if n != lead(cluster).name][:2]]
    far = [name for name in cluster.names if name not in near]
    run(cluster, able.network.cut("f1", components(near, far)))
    proven(run(cluster, able.membership.remove("f2", [name for name in cluster.names if name != leader])))
    run(cluster, able.network.heal("f1"))
    pass_time(cluster, 1)
    lost = run(cluster, spares.lose("f3", [holder]))
    assert not lost.effective
    assert "may still take" in (lost.trouble or "")
    assert cluster.machines[holder].disk.read() != {}
    run(cluster, spares.replace("f3", [holder]))
    assert cluster.safety.violation is None


def test_all_together_are_a_minority() -> None:
    cluster = started(5)
    spares = replacements(cluster)
    names = [machine.name for machine in cluster.running if machine is not cluster.leader]
    proven(run(cluster, spares.lose("f1", names[:2])))
    assert "are no minority" in (run(cluster, spares.lose("f2", names[2:3])).trouble or "")
    assert cluster.machines[names[2]].node is not None
