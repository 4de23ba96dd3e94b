"""Scenes about reads."""

from __future__ import annotations

from node_image.raft.messages import AppendAccepted, TimeoutNow
from tests.node.bugs.scenes import Bugs, scene
from tests.node.raft.pump import Pump, T
from tests.node.raft.test_reads import deposed, read
from tests.node.replica.test_replica import READ, Bench, following


def bench(bugs: Bugs) -> Bench:
    """Of a follower."""
    [bug] = bugs or [None]
    return following(bug=bug)


@scene("read-without-confirming")
def a_deposed_leader_is_read_from(bugs: Bugs) -> bool:
    pump = deposed(bugs=bugs)
    read(pump, "n1", 7)
    pump.settle()
    return pump.reads["n1"] == []


@scene("read-before-own-commit")
def a_new_leaders_first_entry_is_not_committed_yet(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.elect("n2")
    read(pump, "n2", 7)
    pump.settle()
    pump.wait(T / 4)
    return pump.reads["n2"] == []


@scene("lease-ignores-drift")
def a_lease_is_almost_as_old_as_an_election_timeout(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.elect("n1")
    return pump.nodes["n1"].lease_read(pump.now + 0.95 * T) is None


@scene("wall-clock-lease")
def a_deposed_leaders_wall_clock_is_set_back(bugs: Bugs) -> bool:
    pump = deposed(bugs=bugs)
    return pump.nodes["n1"].lease_read(pump.now, pump.now - 60.0) is None


@scene("lease-kept-through-transfer")
def a_leader_hands_over_and_hears_of_nothing(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    leader = pump.elect("n1")
    pump.wait(T / 2)
    pump.lose = lambda packet: "n1" in (packet.sender, packet.to) and not isinstance(packet.message, TimeoutNow)
    pump.transfer("n1", "n3")
    pump.settle()
    assert pump.leaders() == ["n1", "n3"]
    return leader.lease_read(pump.now) is None


@scene("ignore-client-index")
def a_client_knows_an_index_that_the_node_has_not_applied(bugs: Bugs) -> bool:
    asked = bench(bugs)
    asked.ask(**READ, mode="sequential", min_index=5)
    return asked.answers() == []


@scene("report-unapplied-index")
def a_followers_log_is_longer_than_what_it_has_applied(bugs: Bugs) -> bool:
    asked = bench(bugs)
    asked.raft.last_index = 3
    asked.ask(**READ, mode="stale")
    [answer] = asked.answers()
    return bool(answer["index"] == asked.replica.applied)
