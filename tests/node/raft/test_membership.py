"""Membership changes: joint consensus (paper, section 6; dissertation 4.3), learners (4.2.1), leaders and nodes that
are removed (4.2.2, 4.2.3). Configurations are written as strings of node numbers: voters, outgoing, learners."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node_image.raft import ChangeRefused, Configuration, Entry, EntryKind, HardState, Notice, NotLeader, Role, Snapshot
from node_image.raft.catch_up import MAX_ROUNDS, PATIENCE, CatchUp
from node_image.raft.configurations import Configurations, decode_configuration, encode_configuration
from node_image.raft.messages import (
    AppendAccepted,
    AppendEntries,
    InstallSnapshot,
    RequestPreVote,
    RequestVote,
    TimeoutNow,
    VoteResponse,
)
from node_image.raft.progress import Progress
from tests.node.raft.pump import Disk, Packet, Pump, T, entries


def steps(pump: Pump, name: str) -> list[tuple[str, str, str]]:
    """The configurations that a node's disk has entries for."""
    found = [decode_configuration(e.data) for e in pump.disks[name].entries if e.kind is EntryKind.CONFIGURATION]
    return [
        tuple("".join(sorted(n[1:] for n in nodes)) for nodes in (c.voters, c.outgoing, c.learners))  # type: ignore[misc]
        for c in found
    ]


def configuration_entry(term: int, index: int, voters: str, outgoing: str = "", learners: str = "") -> Entry:
    sets = [frozenset(f"n{digit}" for digit in digits) for digits in (voters, outgoing, learners)]
    return Entry(term, index, EntryKind.CONFIGURATION, encode_configuration(Configuration(*sets)))


def only_to(*names: str) -> Callable[[Packet], bool]:
    """Loses what goes to any other node."""
    return lambda packet: packet.to not in names


# --- The path of a change -------------------------------------------------------------------------------------------


def test_new_voters_join_as_learners_then_come_both_configurations_then_the_new_one() -> None:
    """Figure 11 of the paper, with 4.2.1 before it."""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "145")
    pump.settle()
    assert steps(pump, "n1") == [("123", "", "45"), ("145", "123", ""), ("145", "", "")]
    assert steps(pump, "n5") == steps(pump, "n1")
    assert {pump.members(name) for name in pump.names} == {("145", "", "")}


def test_a_change_of_learners_alone_moves_no_majority_and_is_one_entry() -> None:
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    assert steps(pump, "n4") == [("123", "", "4")]
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.machines["n4"].commands == [b"x"]
    pump.reconfigure("n1", "123")
    pump.settle()
    assert pump.members("n1") == ("123", "", "")


def test_a_voter_can_become_a_learner() -> None:
    pump = Pump(4)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    assert steps(pump, "n4") == [("123", "1234", "4"), ("123", "", "4")]
    assert pump.nodes["n4"].deadline() == float("inf")


def test_one_node_grows_to_three_and_shrinks_again() -> None:
    pump = Pump(3, voters=1)
    pump.elect("n1")
    pump.reconfigure("n1", "123")
    pump.settle()
    pump.propose("n1", b"x")
    pump.settle()
    assert {tuple(machine.commands) for machine in pump.machines.values()} == {(b"x",)}
    pump.reconfigure("n1", "1")
    pump.settle()
    assert pump.members("n1") == ("1", "", "")
    pump.propose("n1", b"y")
    pump.settle()
    assert pump.machines["n1"].commands == [b"x", b"y"]


def test_a_configuration_is_in_force_as_soon_as_it_is_appended() -> None:
    """Section 6: "a server always uses the latest configuration in its log, regardless of whether the entry is
    committed"; the leader cannot commit C_old,new with the old majority alone."""
    pump = Pump(5)
    pump.elect("n1")
    pump.propose("n1", b"before")
    pump.settle()
    pump.lose = only_to("n1", "n2", "n3")
    pump.reconfigure("n1", "145")
    pump.settle()
    assert pump.members("n1") == pump.members("n2") == ("145", "12345", "")
    before = pump.nodes["n1"].commit
    pump.propose("n1", b"x")
    pump.settle()
    assert (pump.nodes["n1"].commit, pump.members("n4")) == (before, ("12345", "", ""))
    pump.lose = only_to("n1", "n2", "n3", "n4")
    pump.wait(T)
    assert pump.nodes["n1"].commit > before


@pytest.mark.parametrize(
    ("reachable", "commits"), [("45", False), ("23", False), ("24", True), ("34", True), ("2345", True)]
)
def test_both_majorities_are_needed_while_it_changes(reachable: str, commits: bool) -> None:
    """Section 6: n1, n4 and n5 are all of C_new, and n1, n2 and n3 all of C_old; either alone decides nothing."""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "45")
    pump.settle()
    pump.partition("1" + reachable)
    pump.reconfigure("n1", "145")
    pump.wait(0.9 * T)
    assert pump.members("n1") == (("145", "", "") if commits else ("145", "123", ""))


def test_an_election_in_the_joint_configuration_needs_both_majorities() -> None:
    """Section 6."""
    pump = Pump(5, voters=3)
    joint = configuration_entry(1, 1, "345", "123")
    for name in pump.names:
        pump.disks[name] = Disk(HardState(1), None, [joint])
        pump.restart(name)
    pump.partition("345", "12")
    pump.wait(6 * T)
    assert pump.leaders() == []
    pump.partition("2345", "1")
    pump.wait(6 * T)
    [leader] = pump.leaders()
    assert pump.members(leader) == ("345", "", "")


def test_c_new_waits_until_c_old_new_is_committed() -> None:
    """Figure 11: C_new is made only then, or both could decide alone."""
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.reconfigure("n1", "124")
    pump.settle()
    assert steps(pump, "n1")[1:] == [("124", "123", "")]
    pump.lose = lambda packet: False
    pump.wait(T)
    assert steps(pump, "n1")[1:] == [("124", "123", ""), ("124", "", "")]


def test_a_new_leader_finishes_the_change_that_it_finds() -> None:
    """Section 6: a leader that has C_old,new goes on with it."""
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.reconfigure("n1", "234")
    pump.settle()
    pump.crash("n1")
    pump.lose = lambda packet: False
    pump.elect("n2")
    pump.wait(T)
    assert {pump.members(name) for name in ("n2", "n3", "n4")} == {("234", "", "")}


# --- The configuration follows the log --------------------------------------------------------------------------------


def test_an_entry_that_is_cut_takes_its_configuration_with_it() -> None:
    """Section 6: the latest configuration *in the log*."""
    pump = Pump(3)
    message = AppendEntries(1, 0, 0, 0, (configuration_entry(1, 1, "234", "123"),))
    pump.deliver(Packet("n2", "n1", message))
    assert pump.members("n1") == ("234", "123", "")
    pump.deliver(Packet("n3", "n1", AppendEntries(2, 0, 0, 0, entries(1, 2))))
    assert pump.members("n1") == ("123", "", "")


def test_a_duplicate_of_an_old_configuration_changes_nothing() -> None:
    pump = Pump(3)
    first, second = configuration_entry(1, 1, "123", "", "4"), configuration_entry(1, 2, "123", "", "5")
    for run in [(first,), (first, second), (first,), (first, second)]:
        pump.deliver(Packet("n2", "n1", AppendEntries(1, 0, 0, 0, run)))
    assert pump.members("n1") == ("123", "", "5")


def test_a_restart_finds_it_in_the_log_and_in_the_snapshot() -> None:
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "1234")
    pump.settle()
    pump.restart("n2")
    assert pump.members("n2") == ("1234", "", "")
    pump.compact("n2")
    pump.restart("n2")
    assert (pump.disks["n2"].entries, pump.members("n2")) == ([], ("1234", "", "")) or pump.machines["n2"].index == 0
    pump.compact("n1")
    assert pump.disks["n1"].entries == []
    pump.restart("n1")
    assert pump.members("n1") == ("1234", "", "")


def test_a_snapshot_has_the_configuration_of_its_own_index() -> None:
    """Not one that came after what it covers, which may yet be cut."""
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.lose = lambda packet: True
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    assert pump.members("n1") == ("123", "", "4")
    assert pump.compact("n1").configuration == pump.configuration


def test_a_snapshot_that_is_installed_brings_its_configuration() -> None:
    """Section 7: the snapshot includes the latest configuration in the log as of its last index."""
    pump = Pump(4, voters=3, trailing_entries=0)
    pump.elect("n1")
    pump.reconfigure("n1", "12")
    pump.settle()
    pump.compact("n1")
    pump.reconfigure("n1", "12", "4")
    pump.settle()
    pump.wait(T)
    assert pump.sent_of(InstallSnapshot, to="n4")
    assert pump.disks["n4"].snapshot == pump.disks["n1"].snapshot
    assert pump.members("n4") == ("12", "", "4")


@pytest.mark.parametrize(("index", "expected"), [(0, "a"), (4, "a"), (5, "b"), (6, "b"), (7, "c"), (99, "c")])
def test_configurations_at(index: int, expected: str) -> None:
    b, c = (Configuration(frozenset(name)) for name in "bc")
    found = Configurations(0, Configuration(frozenset("a")))
    for at, configuration in ((5, b), (7, c)):
        found.appended(Entry(1, at, EntryKind.CONFIGURATION, encode_configuration(configuration)))
    assert found.at(index).voters == {expected}
    found.compact(min(index, 6))
    assert found.at(index).voters == {expected}


@pytest.mark.parametrize("data", [b"", b"x", b"\xc0", b"\x93\x90\x90\x91\x01", b"\x92\x90\x90", b"\xc1"])
def test_what_is_no_configuration_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a configuration"):
        decode_configuration(data)


# --- One at a time ----------------------------------------------------------------------------------------------------


def test_one_change_at_a_time() -> None:
    """Section 6 of the paper; 4.1: the next one waits until the last is committed."""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.reconfigure("n1", "1234")
    for _ in range(2):
        with pytest.raises(ChangeRefused, match="change-under-way"):
            pump.reconfigure("n1", "1235")
        pump.settle()
    pump.lose = lambda packet: False
    pump.wait(T)
    pump.reconfigure("n1", "1235")
    pump.settle()
    assert pump.members("n1") == ("1235", "", "")


def test_no_change_before_the_leader_has_committed_an_entry_of_its_term() -> None:
    """Ongaro, "bug in single-server membership changes", 2015: until then a configuration of an earlier term may be
    about to be committed."""
    pump = Pump(3)
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.elect("n1")
    with pytest.raises(ChangeRefused, match="not-ready"):
        pump.reconfigure("n1", "12")
    pump.lose = lambda packet: False
    pump.wait(T)
    pump.reconfigure("n1", "12")


def test_only_a_leader_changes_the_configuration() -> None:
    pump = Pump(3)
    pump.elect("n1")
    with pytest.raises(NotLeader):
        pump.reconfigure("n2", "12")
    with pytest.raises(ValueError, match="at least one voter"):
        pump.reconfigure("n1", "")
    with pytest.raises(ValueError, match="a voter and a learner"):
        pump.reconfigure("n1", "12", "2")


# --- Learners ---------------------------------------------------------------------------------------------------------


def test_a_learner_gets_the_log_and_decides_nothing() -> None:
    """4.2.1: "not yet counted towards majorities for voting or commitment purposes"."""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "45")
    pump.settle()
    pump.lose = only_to("n1", "n4", "n5")
    before = pump.nodes["n1"].commit
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.terms("n4") == pump.terms("n1")
    assert pump.nodes["n1"].commit == before
    pump.wait(3 * T)
    assert pump.leaders() == [], "CheckQuorum counts voters only"
    assert not pump.sent_of(RequestPreVote, sender="n4"), "a learner does not campaign"


def test_a_learner_still_votes_when_it_is_asked() -> None:
    """4.1: a candidate may have a configuration that the voter has not got yet."""
    pump = Pump(4, voters=3)
    pump.now = 2 * T
    pump.deliver(Packet("n1", "n4", RequestVote(1, 0, 0)))
    pump.collect("n4")
    assert pump.sent_of(VoteResponse) == [VoteResponse(1, True)]


def test_new_voters_catch_up_before_they_count() -> None:
    """4.2.1: availability. While the new one is away, the old ones go on."""
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.partition("123", "4")
    pump.reconfigure("n1", "1234")
    pump.settle()
    assert pump.members("n1") == ("123", "", "4")
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.machines["n2"].commands == [b"x"]
    pump.heal()
    pump.wait(T)
    assert pump.members("n1") == ("1234", "", "")


def catching_up(pump: Pump) -> tuple[CatchUp, Progress]:
    """The measure of n3, whose progress is moved by hand, at a leader whose log grows by hand."""
    node = pump.elect("n1")
    assert node._leadership is not None
    replication = node._leadership.replication
    return CatchUp(node._state, replication, ["n3"]), replication.progress["n3"]


def test_a_round_that_took_long_is_followed_by_another() -> None:
    """4.2.1: each round brings what the leader's log held when it began; one shorter than an election timeout is
    good enough."""
    pump = Pump()
    catch_up, progress = catching_up(pump)
    progress.match = 0
    state = pump.nodes["n1"]._state
    for goal in (1, 3, 5):
        state.now += 1.1 * T
        state.log.append(entries(state.log.last_index + 1, 1, 1))
        assert not catch_up.is_done()
        progress.match = goal
        assert not catch_up.is_done(), "it took too long, and there is more now"
    state.now += 0.9 * T
    progress.match = 7
    assert catch_up.is_done()


def test_a_learner_that_is_slower_than_the_clients_is_given_up() -> None:
    """4.2.1: "a fixed number of rounds (such as 10)"."""
    pump = Pump()
    catch_up, progress = catching_up(pump)
    progress.match = 0
    state = pump.nodes["n1"]._state
    for number in range(MAX_ROUNDS):
        assert not catch_up.has_failed(), number
        state.now += 1.1 * T
        goal = state.log.last_index
        state.log.append(entries(goal + 1, 1))
        progress.match = goal
        assert not catch_up.is_done()
    assert catch_up.has_failed()


def test_a_learner_that_does_not_move_is_given_up() -> None:
    """A long snapshot is movement, too."""
    pump = Pump()
    catch_up, progress = catching_up(pump)
    progress.match = 0
    state = pump.nodes["n1"]._state
    for _ in range(3):
        state.now += 0.9 * PATIENCE * T
        progress.offset += 1
        assert not catch_up.is_done()
        assert not catch_up.has_failed()
    state.now += 1.1 * PATIENCE * T
    assert catch_up.has_failed()


def test_a_change_whose_new_voter_never_comes_is_given_up() -> None:
    """4.2.1: the leader aborts the change if the new server is unavailable."""
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.partition("123", "4")
    pump.reconfigure("n1", "1234")
    pump.settle()
    pump.wait(9 * T)
    assert pump.notices["n1"] == []
    pump.wait(2 * T)
    assert pump.notices["n1"] == [Notice.CHANGE_ABANDONED]
    assert pump.members("n1") == ("123", "", "4")
    pump.reconfigure("n1", "123")
    pump.settle()
    assert pump.members("n1") == ("123", "", "")


# --- A leader that is removed -----------------------------------------------------------------------------------------


def test_a_leader_that_is_removed_steps_down_when_c_new_is_committed() -> None:
    """4.2.2; it hands over, so nobody waits for an election timeout."""
    pump = Pump(3)
    pump.elect("n1")
    pump.sent.clear()
    pump.reconfigure("n1", "23")
    pump.settle()
    assert pump.nodes["n1"].role is Role.FOLLOWER
    assert len(pump.sent_of(TimeoutNow)) == 1
    assert pump.leaders() == ["n2"]
    assert pump.members("n2") == ("23", "", "")
    pump.wait(20 * T)
    assert (pump.leaders(), pump.nodes["n1"].term) == (["n2"], 1)
    assert not pump.sent_of(RequestPreVote, sender="n1"), "it knows that it was removed"


def test_a_leader_that_is_being_removed_leads_and_does_not_count_itself() -> None:
    """4.2.2: "it replicates log entries but does not count itself in majorities"."""
    pump = Pump(4)
    pump.elect("n1")
    pump.lose = lambda packet: (
        isinstance(packet.message, AppendEntries)
        and any(
            entry.kind is EntryKind.CONFIGURATION and not decode_configuration(entry.data).is_joint
            for entry in packet.message.entries
        )
    )
    pump.reconfigure("n1", "234")
    pump.settle()
    assert (pump.nodes["n1"].role, pump.members("n1")) == (Role.LEADER, ("234", "", ""))
    before = pump.nodes["n1"].commit
    pump.lose = only_to("n1", "n2")
    pump.wait(0.9 * T)
    assert pump.nodes["n1"].commit == before, "n1 and n2 are two of four, and one of three that count"
    pump.lose = only_to("n1", "n2", "n3")
    pump.wait(T)
    assert pump.nodes["n1"].role is Role.FOLLOWER
    assert pump.nodes["n1"].commit > before


def test_a_removed_node_is_still_needed_until_its_removal_is_committed() -> None:
    """4.2.2 and figure 4.6: only n1 and n2 have C_new, neither is in it, and nobody else can be elected without
    them. "It does not count its own vote.\""""
    pump = Pump(6, voters=3)
    joint, new = configuration_entry(1, 1, "456", "123"), configuration_entry(1, 2, "456")
    for name in pump.names:
        log = [joint, new] if name in ("n1", "n2") else [joint]
        pump.disks[name] = Disk(HardState(1), None, log)
        pump.restart(name)
    pump.crash("n1")
    pump.wait(10 * T)
    [leader] = pump.leaders()
    assert leader in ("n4", "n5", "n6")
    assert pump.members(leader) == ("456", "", "")


# --- Removed nodes ----------------------------------------------------------------------------------------------------


def test_a_removed_node_that_does_not_know_it_disturbs_nobody() -> None:
    """4.2.3: it hears no heartbeats, and asks for votes; PreVote and voters with a live leader refuse."""
    pump = Pump(4)
    pump.elect("n1")
    pump.partition("123", "4")
    pump.reconfigure("n1", "123")
    pump.settle()
    pump.heal()
    pump.wait(30 * T)
    assert pump.sent_of(RequestPreVote, sender="n4")
    assert (pump.leaders(), {pump.nodes[name].term for name in pump.names}) == (["n1"], {1})


def test_a_removed_node_of_a_higher_term_disturbs_nobody() -> None:
    """4.2.3: "if a server receives a RequestVote request within the minimum election timeout of hearing from a current
    leader, it does not update its term or grant its vote"."""
    pump = Pump(4)
    pump.elect("n1")
    pump.partition("123", "4")
    pump.reconfigure("n1", "123")
    pump.settle()
    pump.heal()
    pump.wait(T)
    for voter in ("n1", "n2", "n3"):
        pump.deliver(Packet("n4", voter, RequestVote(7, 99, 7)))
    pump.settle()
    assert (pump.leaders(), pump.nodes["n1"].term) == (["n1"], 1)


def test_the_answers_of_a_removed_node_do_not_count() -> None:
    """4.2: entries are committed, and leadership kept, by majorities of the configuration in force."""
    pump = Pump(5)
    pump.elect("n1")
    pump.reconfigure("n1", "123")
    pump.settle()
    before = pump.nodes["n1"].commit
    pump.lose = only_to("n1")
    [(_, index)] = pump.propose("n1", b"x")
    for name in ("n4", "n5"):
        pump.deliver(Packet(name, "n1", AppendAccepted(1, index)))
    pump.settle()
    assert pump.nodes["n1"].commit == before


def test_a_removed_node_can_come_back() -> None:
    pump = Pump(3)
    pump.elect("n1")
    pump.reconfigure("n1", "12")
    pump.settle()
    pump.propose("n1", b"x")
    pump.settle()
    pump.wait(3 * T)
    pump.reconfigure("n1", "123")
    pump.settle()
    assert pump.members("n3") == ("123", "", "")
    assert pump.machines["n3"].commands == [b"x"]


def test_a_node_that_is_in_no_configuration_keeps_still() -> None:
    pump = Pump(4, voters=3)
    assert pump.nodes["n4"].deadline() == float("inf")
    pump.nodes["n4"].tick(100 * T)
    assert pump.nodes["n4"].ready() is None


def test_reads_and_leases_follow_the_configuration() -> None:
    """6.4: a round of heartbeats to a majority of the cluster as it is now."""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "145")
    pump.settle()
    pump.wait(T)
    pump.lose = only_to("n1", "n2", "n3")
    pump.nodes["n1"].read_index(7, pump.now)
    pump.wait(0.5 * T)
    assert pump.reads["n1"] == []
    pump.wait(0.41 * T)
    assert pump.nodes["n1"].lease_read(pump.now) is None, "n2 and n3 have answered, and do not count"


def test_reads_need_a_majority_of_the_configuration_in_force_and_no_more() -> None:
    """6.4"""
    pump = Pump(5, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "145")
    pump.settle()
    pump.wait(T)
    pump.lose = only_to("n1", "n4")
    pump.nodes["n1"].read_index(8, pump.now)
    pump.settle()
    assert pump.reads["n1"] == [(8, pump.nodes["n1"].commit)]


def test_a_snapshot_at_an_uncommitted_configuration_is_refused_by_nobody() -> None:
    """`compact` lets go of configurations only before the snapshot's end: a cut after it finds the one before."""
    pump = Pump(3)
    pump.deliver(Packet("n2", "n1", AppendEntries(1, 0, 0, 1, (*entries(1, 1), configuration_entry(1, 2, "12")))))
    pump.collect("n1")
    pump.compact("n1")
    pump.deliver(Packet("n2", "n1", InstallSnapshot(1, 1, 1, pump.configuration, 0, b"", True)))
    pump.deliver(Packet("n3", "n1", AppendEntries(2, 1, 1, 1, entries(2, 2))))
    assert pump.members("n1") == ("123", "", "")
    assert pump.disks["n1"].snapshot == Snapshot(1, 1, pump.configuration, b"1-1")
