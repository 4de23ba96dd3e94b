"""Which states nodes are said to have been in."""

from __future__ import annotations

from harness.cluster import Link
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.coverage import DOWN, Coverage, State, abstract
from node_image.raft import Role
from tests.simulation.small import follower, lead, make, pass_time, started, until

LEADER = list(Role).index(Role.LEADER)


def states_of(cluster: SimulatedCluster) -> set[State]:
    return set(abstract(cluster))


def leaders(states: set[State]) -> set[State]:
    return {state for state in states if state[1] != DOWN and state[2] == LEADER}


def test_nodes_are_told_apart_by_what_they_are_and_not_by_name() -> None:
    """Which node leads differs from seed to seed."""
    quiet = [started(5, seed=seed) for seed in range(1, 6)]
    for cluster in quiet:
        pass_time(cluster, 2)
    assert len({lead(cluster).name for cluster in quiet}) > 1
    first, *others = [states_of(cluster) for cluster in quiet]
    assert len(first) == 2
    assert all(other == first for other in others)


def test_a_process_that_is_down_or_stands_still_is_in_another_state() -> None:
    cluster = started(3)
    quiet = states_of(cluster)
    other = follower(cluster)
    other.pause()
    paused = states_of(cluster)
    other.resume()
    other.kill()
    down = states_of(cluster)
    assert (1, DOWN) in down
    assert quiet < paused
    assert quiet < down
    assert paused != down


def test_a_leader_without_a_quorum_and_a_second_one() -> None:
    cluster = started(3)
    name = lead(cluster).name
    (before,) = leaders(states_of(cluster))
    others = [other for other in cluster.names if other != name]
    cluster.network.cut([link for other in others for link in (Link(name, other), Link(other, name))])
    (cut_off,) = leaders(states_of(cluster))
    assert (before[-1], cut_off[-1]) == (1, 0)
    until(cluster, lambda: cluster.leader is not None and cluster.leader.name != name)
    assert {state[0] for state in states_of(cluster)} <= {1, 2}


def test_states_are_kept_with_the_time_at_which_they_were_reached() -> None:
    coverage = Coverage()
    cluster = make(3, witness=coverage)
    coverage.attend(cluster)
    cluster.start()
    until(cluster, lambda: cluster.leader is not None)
    pass_time(cluster, 1)
    reached = coverage.fingerprints()
    assert len({fingerprint for fingerprint, _ in reached}) == len(reached) > 2
    assert [time for _, time in reached] == sorted(time for _, time in reached)
    before = len(reached)
    pass_time(cluster, 5)
    assert len(coverage.fingerprints()) == before, "nothing happens in quiet times"
