"""Liveness that is watched while faults are in force: what breaks it is found, and nothing else."""

from __future__ import annotations

import pytest

from harness.cluster import Hindrance, Link, Membership
from harness.cluster.simulation.capabilities import capabilities
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import DiskSpeed
from harness.cluster.simulation.watch import Watch
from tests.simulation.small import follower, lead, make, pass_time, run, started


def membership(cluster: SimulatedCluster) -> Membership:
    offered = capabilities(cluster).membership
    assert offered is not None
    return offered


def watched(cluster: SimulatedCluster) -> list[str]:
    found: list[str] = []
    cluster.world.spawn(Watch(cluster, found.append).run(), name="watch")
    return found


def isolate(cluster: SimulatedCluster) -> None:
    """The leader, one way and the other."""
    name = lead(cluster).name
    others = [other for other in cluster.names if other != name]
    cluster.network.cut([link for other in others for link in (Link(name, other), Link(other, name))])


@pytest.mark.parametrize("bug", [None, "lead-without-quorum"])
def test_a_leader_that_is_cut_off(bug: str | None) -> None:
    cluster = started(3, bug=bug)
    found = watched(cluster)
    isolate(cluster)
    name = lead(cluster).name
    pass_time(cluster, 5)
    assert len(found) == (bug is not None)
    assert all(text.startswith(f"{name} has led term ") for text in found)


def test_one_that_is_deaf_is_cut_off_too() -> None:
    """What it says is heard, so nobody else is elected."""
    cluster = started(3, bug="lead-without-quorum")
    found = watched(cluster)
    name = lead(cluster).name
    cluster.network.cut([Link(other, name) for other in cluster.names if other != name])
    pass_time(cluster, 5)
    assert len(found) == 1


def test_a_leader_with_a_quorum_may_lead_for_ever() -> None:
    cluster = started(3, bug="lead-without-quorum")
    found = watched(cluster)
    name = lead(cluster).name
    other = next(other for other in cluster.names if other != name)
    cluster.network.cut([Link(name, other), Link(other, name)])
    pass_time(cluster, 10)
    assert found == []


def test_followers_that_are_down_or_stand_still_are_no_quorum() -> None:
    for still in ("kill", "pause"):
        cluster = started(3, bug="lead-without-quorum")
        found = watched(cluster)
        for machine in cluster.running:
            if machine is not cluster.leader:
                getattr(machine, still)()
        pass_time(cluster, 5)
        assert len(found) == 1


def test_a_paused_leader_cannot_step_down() -> None:
    cluster = started(3)
    found = watched(cluster)
    leader = lead(cluster)
    isolate(cluster)
    leader.pause()
    pass_time(cluster, 10)
    leader.resume()
    pass_time(cluster, 5)
    assert found == []


def test_an_answer_that_comes_late_is_an_answer() -> None:
    """A leader need not know that those who gave it are down since (found by seed 50012 of 60 s)."""
    cluster = started(3)
    found = watched(cluster)
    name, timeout_s = lead(cluster).name, lead(cluster).config.election_timeout_s
    others = [other for other in cluster.names if other != name]
    for other in others:
        cluster.network.hinder(Link(other, name), Hindrance(slow=0.8, slow_s=12 * timeout_s))
    pass_time(cluster, 12 * timeout_s)
    for other in others:
        cluster.machines[other].kill()
    pass_time(cluster, 6 * timeout_s)
    assert lead(cluster).name == name
    pass_time(cluster, 20 * timeout_s)
    assert cluster.leader is None
    assert found == []


@pytest.mark.parametrize("bug", [None, "equal-election-timeouts"])
def test_somebody_is_elected_where_nothing_is_wrong(bug: str | None) -> None:
    """Not every cluster of equals splits its votes for so long: it is enough that some do."""
    found: list[str] = []
    for seed in range(60):
        if found:
            break
        cluster = make(5, seed=seed, bug=bug, election_timeout_s=0.15, heartbeat_interval_s=0.03)
        for machine in cluster.machines.values():
            machine.speed = machine.usual_speed = DiskSpeed(0.01, 0.04)
        cluster.world.spawn(Watch(cluster, found.append).run(), name="watch")
        cluster.start()
        pass_time(cluster, 15 * cluster.machines["n1"].config.election_timeout_s)
    assert (found != []) == (bug is not None)
    assert all(text.startswith("nobody has been elected for ") for text in found)


def test_without_calm_nobody_need_be_elected() -> None:
    cluster = started(5)
    found = watched(cluster)
    for name in cluster.names[:3]:
        cluster.machines[name].kill()
    pass_time(cluster, 20)
    assert found == []


@pytest.mark.parametrize("bug", [None, "removed-node-campaigns"])
def test_a_node_that_was_removed_deposes_nobody(bug: str | None) -> None:
    cluster = started(5, bug=bug)
    gone = follower(cluster).name
    assert run(cluster, membership(cluster).remove("f1", [gone])).effective
    found = watched(cluster)
    pass_time(cluster, 20 * cluster.machines[gone].config.election_timeout_s)
    assert len(found) == (bug is not None)
    assert all(text.startswith(f"{gone}, which has no vote, has deposed ") for text in found)


def test_a_leader_that_hands_over_was_not_deposed() -> None:
    """Neither by who takes over, nor by those who vote for that one."""
    cluster = started(5)
    gone = follower(cluster).name
    assert run(cluster, membership(cluster).remove("f1", [gone])).effective
    found = watched(cluster)
    offered, others = membership(cluster), [name for name in cluster.names if name != gone]

    async def hand_over() -> None:
        for name in 2 * others:
            await offered.transfer(name)
            await cluster.world.sleep(1)

    before = lead(cluster).node.raft.term  # type: ignore[union-attr]
    run(cluster, hand_over())
    assert lead(cluster).node.raft.term > before + len(others)  # type: ignore[union-attr]
    assert found == []


def test_who_was_handed_over_to_may_lose_its_vote_in_the_same_moment() -> None:
    """It stands for election because the leader wanted it to (found by seed 766788841 of 60 s)."""
    cluster = started(5, election_timeout_s=0.15, heartbeat_interval_s=0.03)
    found = watched(cluster)
    offered, world = membership(cluster), cluster.world

    async def story() -> None:
        for number in range(40):
            to = follower(cluster).name
            handing_over = world.spawn(offered.transfer(to), name="hand over")
            await world.sleep(0.001 * (number % 10))
            await offered.remove("f1", [to])
            await handing_over
            await offered.restore("f1")

    run(cluster, story())
    assert len(cluster.safety.hand_overs) > 10
    assert found == []
