"""Scenes in which nothing wrong is said, and nothing goes on."""

from __future__ import annotations

from node_image.raft import Role
from tests.node.bugs.scenes import Bugs, scene
from tests.node.raft.pump import Pump, T


@scene("equal-election-timeouts")
def nobody_leads(bugs: Bugs) -> bool:
    pump = Pump(5, bugs=bugs)
    return len({node.deadline() for node in pump.nodes.values()}) == 5


@scene("lead-without-quorum")
def a_leader_is_alone(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.elect("n1")
    pump.cut = {("n2", "n1"), ("n3", "n1")}
    pump.wait(6 * T)
    return pump.nodes["n1"].role is not Role.LEADER


@scene("removed-node-campaigns")
def a_node_is_removed_and_goes_on_running(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    leader = pump.elect("n1")
    pump.reconfigure("n1", "12")
    pump.settle()
    assert pump.members("n3") == ("12", "", "")
    pump.wait(6 * T)
    return (leader.role, leader.term) == (Role.LEADER, 1)


@scene("never-send-snapshot")
def a_follower_lacks_what_its_leader_has_discarded(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs, trailing_entries=0)
    pump.elect("n1")
    pump.partition("12", "3")
    pump.propose("n1", b"x", b"y")
    pump.settle()
    pump.compact("n1")
    pump.propose("n1", b"z")
    pump.settle()
    pump.sent.clear()
    pump.heal()
    pump.wait(5 * T)
    assert len(pump.sent) < 500, "it does other things too"
    return pump.machines["n3"].commands == [b"x", b"y", b"z"]
