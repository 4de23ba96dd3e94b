"""Scenes about changes of the membership."""

from __future__ import annotations

from node_image.raft import ChangeRefused
from node_image.raft.messages import AppendEntries
from tests.node.bugs.scenes import Bugs, scene
from tests.node.raft.pump import Packet, Pump
from tests.node.raft.test_membership import configuration_entry


@scene("two-changes-at-once")
def another_change_is_asked_for(bugs: Bugs) -> bool:
    pump = Pump(5, bugs=bugs)
    pump.elect("n1")
    pump.partition("123", "45")
    pump.held = set(pump.names)
    pump.reconfigure("n1", "123")
    try:
        pump.reconfigure("n1", "145")
    except ChangeRefused:
        return True
    return False


@scene("configuration-when-committed")
def a_followers_log_has_a_configuration(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    joint = configuration_entry(1, 1, "12", "123")
    pump.deliver(Packet("n1", "n2", AppendEntries(1, 0, 0, 0, (joint,))))
    early = pump.members("n2")
    pump.deliver(Packet("n1", "n2", AppendEntries(1, 1, 1, 1, ())))
    assert pump.members("n2") == ("12", "123", "")
    return early == ("12", "123", "")


@scene("count-removed")
def a_leader_reaches_those_that_it_has_removed_and_nobody_else(bugs: Bugs) -> bool:
    pump = Pump(5, bugs=bugs)
    pump.elect("n1")
    pump.reconfigure("n1", "123")
    pump.settle()
    return commits_nothing(pump)


@scene("count-learners")
def a_leader_reaches_its_learners_and_nobody_else(bugs: Bugs) -> bool:
    pump = Pump(5, voters=3, bugs=bugs)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "45")
    pump.settle()
    return commits_nothing(pump)


def commits_nothing(pump: Pump) -> bool:
    """With n4 and n5 alone."""
    before = pump.nodes["n1"].commit
    pump.partition("145", "23")
    pump.propose("n1", b"x")
    pump.settle()
    return pump.nodes["n1"].commit == before


@scene("leave-joint-early")
def the_new_voters_agree_and_the_old_ones_are_away(bugs: Bugs) -> bool:
    pump = Pump(5, voters=3, bugs=bugs)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "45")
    pump.settle()
    pump.partition("145", "23")
    pump.reconfigure("n1", "145")
    pump.settle()
    return pump.members("n1") == ("145", "123", "")
