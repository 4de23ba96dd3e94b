"""Paper 7: log compaction, and InstallSnapshot in pieces (figure 13)."""

from __future__ import annotations

import pytest

from node_image.raft import Configuration, Snapshot
from node_image.raft.messages import AppendAccepted, InstallSnapshot, InstallSnapshotResponse
from tests.node.raft.pump import Packet, Pump, T

COMMANDS = [b"command-%02d" % number for number in range(20)]


def behind(**config: int) -> Pump:
    """n3 was away; what it needs is compacted away at the leader, n1."""
    pump = Pump(3, trailing_entries=0, **config)
    pump.elect("n1")
    pump.partition("12")
    pump.propose("n1", *COMMANDS)
    pump.settle()
    pump.compact("n1")
    pump.sent.clear()
    pump.heal()
    return pump


def test_compaction_forgets_the_entries_but_not_the_last_term() -> None:
    pump = behind()
    node = pump.nodes["n1"]
    assert (node.first_index, node.last_index, node.term_at(21), node.term_at(20)) == (22, 21, 1, None)


def test_compaction_keeps_a_tail_for_followers_slightly_behind() -> None:
    pump = Pump(3, trailing_entries=5)
    pump.elect("n1")
    pump.propose("n1", *COMMANDS)
    pump.settle()
    pump.partition("12")
    pump.propose("n1", b"late")
    pump.settle()
    pump.compact("n1")
    assert pump.nodes["n1"].first_index == 18
    pump.heal()
    pump.wait(T)
    assert pump.machines["n3"].commands == [*COMMANDS, b"late"]
    assert not pump.sent_of(InstallSnapshot)


def test_what_is_not_applied_cannot_be_compacted() -> None:
    pump = Pump()
    with pytest.raises(ValueError, match="beyond what is applied"):
        pump.nodes["n1"].compact(Snapshot(1, 1, pump.configuration, b""))


def test_a_follower_far_behind_gets_the_snapshot_and_then_entries() -> None:
    pump = behind()
    pump.wait(T)
    pump.propose("n1", b"after")
    pump.settle()
    assert pump.machines["n3"].commands == [*COMMANDS, b"after"]
    assert pump.disks["n3"].snapshot == pump.disks["n1"].snapshot
    assert [entry.data for entry in pump.disks["n3"].entries] == [b"after"]
    assert len(pump.sent_of(InstallSnapshot)) == 1


def test_a_large_snapshot_comes_in_pieces_each_asked_for() -> None:
    """Figure 13: offset, data, done."""
    pump = behind(snapshot_chunk_bytes=64)
    pump.wait(T)
    pieces = pump.sent_of(InstallSnapshot)
    assert [(piece.offset, len(piece.data), piece.done) for piece in pieces] == [
        (0, 64, False),
        (64, 64, False),
        (128, 64, False),
        (192, 27, True),
    ]
    assert [answer.offset for answer in pump.sent_of(InstallSnapshotResponse)] == [64, 128, 192]
    assert pump.machines["n3"].commands == COMMANDS


@pytest.mark.parametrize("lost", [InstallSnapshot, InstallSnapshotResponse, AppendAccepted])
@pytest.mark.parametrize("which", [1, 2, 4])
def test_a_lost_piece_or_answer_is_sent_again(lost: type, which: int) -> None:
    pump = behind(snapshot_chunk_bytes=64)
    count = 0

    def lose(packet: Packet) -> bool:
        nonlocal count
        count += isinstance(packet.message, lost)
        return isinstance(packet.message, lost) and count == which

    pump.lose = lose
    pump.wait(2 * T)
    assert pump.machines["n3"].commands == COMMANDS
    assert pump.nodes["n1"]._leadership is not None
    assert pump.nodes["n1"]._leadership.replication.progress["n3"].match == 21


def test_a_receiver_that_crashed_between_pieces_begins_again() -> None:
    pump = behind(snapshot_chunk_bytes=64)
    pump.lose = lambda packet: isinstance(packet.message, InstallSnapshot) and packet.message.offset == 128
    pump.wait(T)
    pump.restart("n3")
    pump.lose = lambda packet: False
    pump.wait(2 * T)
    assert pump.machines["n3"].commands == COMMANDS
    assert [piece.offset for piece in pump.sent_of(InstallSnapshot)].count(0) == 2


def test_duplicated_pieces_change_nothing() -> None:
    pump = behind(snapshot_chunk_bytes=64)
    pump.wait(T)
    pieces = [packet for packet in pump.sent if isinstance(packet.message, InstallSnapshot)]
    pump.crash("n3")
    pump.disks["n3"].__init__()  # type: ignore[misc]
    pump.restart("n3")
    for packet in (pieces[1], pieces[0], pieces[0], pieces[1], pieces[0], pieces[2], pieces[1], pieces[3], pieces[3]):
        pump.deliver(packet)
        pump.collect("n3")
    assert pump.machines["n3"].commands == COMMANDS


def test_pieces_of_another_leader_are_not_mixed_in() -> None:
    """The same index, but its bytes may differ."""
    pump = Pump()
    configuration = Configuration(frozenset(pump.names))
    for sender, term, offset, data, done in (
        ("n2", 1, 0, b"old-", False),
        ("n3", 2, 4, b"tail", True),
        ("n3", 2, 0, b"new-", False),
        ("n2", 1, 4, b"tail", True),
        ("n3", 2, 4, b"TAIL", True),
    ):
        pump.deliver(Packet(sender, "n1", InstallSnapshot(term, 5, 1, configuration, offset, data, done)))
        pump.collect("n1")
    assert pump.disks["n1"].snapshot == Snapshot(5, 1, configuration, b"new-TAIL")


def test_a_snapshot_is_acknowledged_only_when_it_is_durable() -> None:
    pump = behind()
    pump.held = {"n3"}
    pump.wait(0.5 * T)
    assert pump.machines["n3"].commands == COMMANDS
    assert not pump.sent_of(AppendAccepted, sender="n3")
    pump.crash("n3")
    pump.held = set()
    pump.restart("n3")
    assert pump.machines["n3"].commands == []
    pump.wait(2 * T)
    assert pump.machines["n3"].commands == COMMANDS


def test_a_snapshot_of_what_the_log_has_only_commits() -> None:
    """Figure 13, step 6: the entries that follow it are kept."""
    pump = Pump()
    pump.boot("n1", 1, 1, 1, 1, 1)
    pump.deliver(Packet("n2", "n1", InstallSnapshot(1, 2, 1, pump.configuration, 0, b"state", True)))
    pump.collect("n1")
    assert (pump.nodes["n1"].commit, pump.terms("n1")) == (2, [1, 1, 1, 1])
    assert pump.disks["n1"].snapshot is None
    assert pump.machines["n1"].commands == [b"1-1", b"2-1"]


def test_a_snapshot_replaces_a_log_that_disagrees() -> None:
    """Figure 13, step 7."""
    pump = Pump()
    pump.boot("n1", 1, 1, 1, 1, 1)
    pump.deliver(Packet("n2", "n1", InstallSnapshot(3, 3, 2, pump.configuration, 0, b"state", True)))
    pump.collect("n1")
    node = pump.nodes["n1"]
    assert (node.first_index, node.last_index, node.commit, node.applied_index) == (4, 3, 3, 3)
    assert (pump.disks["n1"].entries, pump.machines["n1"].commands) == ([], [b"state"])


def test_a_snapshot_older_than_the_commit_index_is_only_acknowledged() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    pump.deliver(Packet("n1", "n2", InstallSnapshot(1, 1, 1, pump.configuration, 0, b"old", True)))
    pump.collect("n2")
    assert pump.sent_of(AppendAccepted) == [AppendAccepted(1, 1)]
    assert pump.disks["n2"].snapshot is None


def test_a_node_restarts_from_its_snapshot_and_the_entries_behind_it() -> None:
    pump = behind()
    pump.propose("n1", b"after")
    pump.settle()
    pump.restart("n1")
    node = pump.nodes["n1"]
    assert (node.first_index, node.last_index, node.commit, node.applied_index) == (22, 22, 21, 21)
    pump.wait(8 * T)
    assert {tuple(machine.commands) for machine in pump.machines.values()} == {(*COMMANDS, b"after")}


def test_an_election_is_decided_by_a_log_that_is_all_compacted() -> None:
    """5.4.1 with nothing but a snapshot's index and term to compare."""
    pump = behind()
    pump.partition("13")
    pump.now += 2 * T
    pump.nodes["n3"].tick(pump.now)
    pump.settle()
    pump.elect("n1")
    assert pump.nodes["n3"].leader == "n1"


def test_a_leader_that_compacts_on_while_it_sends_follows_up_with_the_next_snapshot() -> None:
    pump = behind(snapshot_chunk_bytes=64)
    pump.lose = lambda packet: isinstance(packet.message, InstallSnapshot) and packet.message.done
    pump.wait(T)
    pump.propose("n1", b"meanwhile")
    pump.settle()
    pump.compact("n1")
    pump.lose = lambda packet: False
    pump.wait(2 * T)
    assert pump.machines["n3"].commands == [*COMMANDS, b"meanwhile"]
    assert {piece.index for piece in pump.sent_of(InstallSnapshot)} == {21, 22}
