"""Paper 5.3 (replication), 5.4.2 (commitment, figure 8), figure 7 (logs that differ)."""

from __future__ import annotations

import pytest

from node_image.raft import Entry, EntryKind, Role
from node_image.raft.messages import AppendAccepted, AppendEntries, AppendRejected, Heartbeat, VoteResponse
from tests.node.raft.pump import Packet, Pump, T, entries


def committed(pump: Pump) -> set[int]:
    return {node.commit for node in pump.nodes.values()}


def test_a_new_leader_appends_a_noop_and_commits_it() -> None:
    """Dissertation 6.4: without it, the leader does not know what is committed."""
    pump = Pump()
    pump.elect("n1")
    assert committed(pump) == {1}
    assert [entry.kind for entry in pump.disks["n2"].entries] == [EntryKind.NOOP]


def test_proposals_are_replicated_committed_and_applied_everywhere() -> None:
    """5.3"""
    pump = Pump(5)
    pump.elect("n1")
    assert pump.propose("n1", b"x", b"y") == [(1, 2), (1, 3)]
    assert pump.propose("n1", b"z") == [(1, 4)]
    pump.settle()
    assert committed(pump) == {4}
    assert {tuple(machine.commands) for machine in pump.machines.values()} == {(b"x", b"y", b"z")}
    assert {node.applied_index for node in pump.nodes.values()} == {4}


def test_proposals_between_two_readys_share_one_message_object() -> None:
    pump = Pump(5)
    pump.elect("n1")
    pump.sent.clear()
    for number in range(100):
        pump.propose("n1", b"%d" % number)
    pump.collect("n1")
    appends = pump.sent_of(AppendEntries)
    assert [len(append.entries) for append in appends] == [100] * 4
    assert len({id(append) for append in appends}) == 1


def test_appends_are_pipelined_up_to_the_limit() -> None:
    """A follower that has matched is sent more before it has answered."""
    pump = Pump(3, max_inflight=4, max_entries_per_message=2)
    pump.elect("n1")
    pump.sent.clear()
    pump.propose("n1", *[b"x"] * 20)
    pump.collect("n1")
    assert [message.previous_index for message in pump.sent_of(AppendEntries, to="n2")] == [1, 3, 5, 7]
    pump.settle()
    assert committed(pump) == {21}


def test_a_leader_does_not_wait_for_its_own_disk_but_counts_itself_only_when_durable() -> None:
    """Dissertation 10.2.1: the leader writes to its disk in parallel with replicating."""
    pump = Pump()
    pump.elect("n1")
    pump.held = {"n1", "n3"}
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.nodes["n1"].commit == 1, "n2 alone has it on disk"
    pump.held = {"n1"}
    pump.sync("n3")
    pump.settle()
    assert pump.nodes["n1"].commit == 2, "n2 and n3 have it on disk, the leader does not need to"


def test_a_new_leader_does_not_count_its_own_noop_before_it_is_durable() -> None:
    pump = Pump()
    pump.now = 2 * T
    pump.nodes["n1"].tick(pump.now)
    pump.lose = lambda packet: isinstance(packet.message, VoteResponse)
    pump.settle()
    pump.held = {"n1", "n3"}
    pump.lose = lambda packet: False
    pump.deliver(Packet("n2", "n1", VoteResponse(1, True)))
    pump.settle()
    assert (pump.nodes["n1"].role, pump.disks["n2"].entries, pump.nodes["n1"].commit) == (
        Role.LEADER,
        [Entry(1, 1, EntryKind.NOOP, b"")],
        0,
    )
    pump.sync("n1")
    pump.settle()
    assert pump.nodes["n1"].commit == 1


def test_an_append_is_acknowledged_only_when_it_is_durable() -> None:
    """Figure 2: persistent state is updated on stable storage before responding."""
    pump = Pump()
    pump.elect("n1")
    pump.held = {"n2"}
    pump.partition("12")
    pump.sent.clear()
    pump.propose("n1", b"x")
    pump.settle()
    assert not pump.sent_of(AppendAccepted)
    assert pump.nodes["n1"].commit == 1
    pump.sync("n2")
    pump.settle()
    assert pump.sent_of(AppendAccepted) == [AppendAccepted(1, 2)]
    assert pump.nodes["n1"].commit == 2


def test_one_sync_one_acknowledgement() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    for number in range(5):
        pump.propose("n1", b"%d" % number)
        pump.collect("n1")
    for packet in list(pump.packets):
        pump.deliver(packet)
    pump.packets.clear()
    pump.collect("n2")
    assert pump.sent_of(AppendAccepted, sender="n2") == [AppendAccepted(1, 6)]


def test_an_entry_replaced_while_its_sync_was_on_its_way_is_not_durable() -> None:
    """The same index, later even with the same term: the old sync says nothing about the new entry."""
    pump = Pump(3)
    pump.boot("n1", 2)
    pump.held = {"n1"}
    pump.deliver(Packet("n2", "n1", AppendEntries(2, 0, 0, 0, entries(1, 2, 2))))
    pump.collect("n1")
    pump.deliver(Packet("n3", "n1", AppendEntries(3, 0, 0, 0, entries(1, 3))))
    pump.deliver(Packet("n3", "n1", AppendEntries(4, 0, 0, 0, entries(1, 2, 2))))
    pump.collect("n1")
    pump.sync("n1", 1)
    assert pump.nodes["n1"]._state.durability.index == 0
    pump.sync("n1")
    assert pump.nodes["n1"]._state.durability.index == 2


FIGURE_7 = {
    "a": (1, 1, 1, 4, 4, 5, 5, 6, 6),
    "b": (1, 1, 1, 4),
    "c": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    "d": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    "e": (1, 1, 1, 4, 4, 4, 4),
    "f": (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
}


@pytest.mark.parametrize("scenario", FIGURE_7)
def test_figure_7_a_leader_makes_every_log_like_its_own(scenario: str) -> None:
    pump = Pump()
    leader_log = (1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
    pump.boot("n1", 7, *leader_log)
    pump.boot("n2", 7, *leader_log)
    pump.boot("n3", 7, *FIGURE_7[scenario])
    pump.elect("n1")
    pump.wait(T)
    assert pump.terms("n3") == [*leader_log, 8]
    assert committed(pump) == {11}
    assert pump.disks["n3"].entries == pump.disks["n1"].entries


@pytest.mark.parametrize(
    ("leader", "follower", "rejections"),
    [
        ((1, 1, 1, 1, 1, 1), (1,), 1),
        ((1,) + (5,) * 30, (1,) + (2,) * 40, 1),
        ((1,) + (4,) * 10 + (5,) * 10 + (6,) * 10, (1,) + (4,) * 5, 1),
        ((1, 3, 3, 3, 5, 5, 5), (1, 2, 2, 2, 4, 4, 4), 2),
    ],
    ids=["too short", "one foreign term", "short of several terms", "terms interleaved"],
)
def test_one_round_trip_skips_a_term(leader: tuple[int, ...], follower: tuple[int, ...], rejections: int) -> None:
    """5.3, the last paragraphs: one rejection for each conflicting term, not for each entry."""
    pump = Pump()
    pump.boot("n1", 6, *leader)
    pump.boot("n2", 6, *leader)
    pump.boot("n3", 6, *follower)
    pump.elect("n1")
    assert len(pump.sent_of(AppendRejected, sender="n3")) == rejections
    assert pump.terms("n3") == [*leader, 7]


def test_figure_8_an_old_terms_entry_is_not_committed_by_counting() -> None:
    """5.4.2, figure 8: (b) S5 has led term 3; (c) S1 leads term 4 and brings its entry of term 2 to a majority. In (d)
    S5 could still replace it, so it must not count as committed; in (e) an entry of term 4 is on a majority, and with
    it all before it are committed. (Here S2 too gets the entry of term 2 only in (c).)"""
    pump = Pump(5, max_entries_per_message=1)
    for name, log in {"n1": (1, 2), "n2": (1,), "n3": (1,), "n4": (1,), "n5": (1, 3)}.items():
        pump.boot(name, 3, *log)
    pump.partition("123", "4", "5")
    # The no-op of term 4 gets nowhere, but for the first, which asks how far the logs agree.
    pump.lose = lambda packet: (
        isinstance(packet.message, AppendEntries)
        and pump.nodes[packet.to].last_index == packet.message.previous_index == 2
    )
    leader = pump.elect("n1")
    assert [pump.terms(name) for name in ("n1", "n2", "n3")] == [[1, 2, 4], [1, 2], [1, 2]]
    assert leader._leadership is not None
    assert [leader._leadership.replication.progress[name].match for name in ("n2", "n3")] == [2, 2]
    assert leader.commit == 0, "(c): on a majority, and yet not committed"
    pump.lose = lambda packet: False
    pump.wait(0.9 * T)
    assert leader.commit == 3, "(e)"
    pump.heal()
    pump.wait(4 * T)
    assert pump.terms("n5")[:3] == [1, 2, 4]


def test_figure_8_d_the_uncommitted_entry_may_be_replaced() -> None:
    pump = Pump(5)
    for name, log in {"n1": (1, 2), "n2": (1, 2), "n3": (1, 2), "n4": (1,), "n5": (1, 3)}.items():
        pump.boot(name, 4, *log)
    pump.elect("n5")
    assert {tuple(pump.terms(name)) for name in pump.names} == {(1, 3, 5)}
    assert committed(pump) == {3}


def test_heartbeats_carry_no_more_commit_than_the_follower_is_known_to_match() -> None:
    """Behind its match a follower may hold other entries; a heartbeat checks none."""
    pump = Pump()
    pump.elect("n1")
    pump.cut = {("n3", "n1")}
    pump.propose("n1", b"x")
    pump.settle()
    pump.sent.clear()
    pump.wait(0.5 * T)
    assert {message.commit for message in pump.sent_of(Heartbeat, to="n3") if message.round} == {1}
    assert {message.commit for message in pump.sent_of(Heartbeat, to="n2") if message.round} == {2}


@pytest.mark.parametrize("lost", [AppendEntries, AppendAccepted, AppendRejected])
def test_a_lost_message_is_made_up_for(lost: type) -> None:
    """5.3: the leader retries until all followers store all entries; here with nothing else going on."""
    pump = Pump()
    pump.boot("n3", 0, 1, 1)
    pump.elect("n1") if lost is not AppendRejected else None
    pump.lose = lambda packet: isinstance(packet.message, lost) and "n3" in (packet.sender, packet.to)
    if lost is AppendRejected:
        pump.boot("n1", 1, 1, 1, 1)
        pump.boot("n2", 1, 1, 1, 1)
        pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()
    pump.lose = lambda packet: False
    pump.wait(T)
    assert pump.terms("n3") == pump.terms("n1")
    assert len(committed(pump)) == 1


def test_a_dead_follower_is_sent_heartbeats_only() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.partition("12")
    pump.propose("n1", b"x")
    pump.settle()
    pump.sent.clear()
    pump.wait(10 * T)
    assert not pump.sent_of(AppendEntries, to="n3")
    assert pump.sent_of(Heartbeat, to="n3")


def test_a_follower_that_is_back_catches_up_within_two_heartbeats() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.partition("12")
    pump.propose("n1", *[b"x"] * 500)
    pump.wait(5 * T)
    pump.heal()
    pump.wait(2 * T / 5)
    assert committed(pump) == {501}


def test_duplicates_and_reordering_change_nothing() -> None:
    """5.3: AppendEntries is idempotent."""
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    for number in range(5):
        pump.propose("n1", b"%d" % number)
        pump.collect("n1")
    appends = [packet for packet in pump.sent if packet.to == "n2"]
    for packet in [*reversed(appends), *appends, *reversed(appends)]:
        pump.deliver(packet)
    assert pump.terms("n2") == [1] * 6


def test_a_follower_does_not_commit_beyond_the_entries_it_was_shown_to_share() -> None:
    """Figure 2, AppendEntries, receiver, step 5: min(leaderCommit, index of last new entry)."""
    pump = Pump()
    pump.boot("n2", 2, 1, 1, 1)
    pump.deliver(Packet("n1", "n2", AppendEntries(2, 1, 1, 3, ())))
    assert pump.nodes["n2"].commit == 1


def test_leader_append_only() -> None:
    """Figure 3: a leader never overwrites or deletes entries in its log, also not those it found there."""
    pump = Pump()
    pump.boot("n1", 3, 1, 2, 3)
    pump.elect("n1")
    assert pump.terms("n1")[:3] == [1, 2, 3]


def test_leader_completeness_after_losing_the_leader() -> None:
    """Figure 3; 5.4.3: what is committed is in the logs of the leaders of all higher terms."""
    pump = Pump(5)
    pump.elect("n1")
    pump.partition("123", "45")
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.nodes["n1"].commit == 2
    pump.partition("1", "2345")
    pump.now += 2 * T
    pump.nodes["n4"].tick(pump.now)
    pump.settle()
    assert pump.nodes["n4"].role is not Role.LEADER, "n2 and n3 have a longer log"
    pump.elect("n2")
    pump.settle()
    assert pump.machines["n5"].commands == [b"x"]


def test_a_restarted_leader_is_a_follower_with_its_log() -> None:
    """Figure 2: what is persistent and what is not."""
    pump = Pump()
    pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()
    pump.restart("n1")
    node = pump.nodes["n1"]
    assert (node.role, node.term, node.vote, node.commit, node.last_index) == (Role.FOLLOWER, 1, "n1", 0, 2)


def test_ready_hands_out_each_change_once() -> None:
    pump = Pump(1)
    pump.now = 2 * T
    node = pump.nodes["n1"]
    node.tick(pump.now)
    first = node.ready()
    assert first is not None
    assert first.hard_state is not None
    assert (first.hard_state.term, first.hard_state.vote, first.entries, first.changed) == (1, "n1", (), True)
    assert node.ready() is None
    node.persisted(first.number)
    second = node.ready()
    assert second is not None
    assert (second.hard_state, len(second.entries), second.committed, second.changed) == (None, 1, (), True)
    assert node.ready() is None
    node.persisted(second.number)
    third = node.ready()
    assert third is not None
    assert (third.hard_state, third.entries, third.committed, third.changed) == (None, (), second.entries, False)


def test_a_vote_that_arrives_after_the_election_changes_nothing() -> None:
    pump = Pump(5)
    pump.elect("n1")
    pump.deliver(Packet("n5", "n1", VoteResponse(1, False)))
    assert pump.nodes["n1"].role is Role.LEADER
