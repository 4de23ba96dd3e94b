"""Reads without log entries: ReadIndex (dissertation 6.4), leases (6.4.1), and what two mistakes do to them."""

from __future__ import annotations

import pytest

from node_image.raft import Role
from node_image.raft.messages import AppendAccepted, Heartbeat, HeartbeatResponse, ReadIndexRequest, ReadIndexResponse
from tests.node.raft.pump import Packet, Pump, T


def read(pump: Pump, name: str, context: int) -> None:
    pump.nodes[name].read_index(context, pump.clock(name))


def deposed(**options: object) -> Pump:
    """n1 still believes that it leads; n3 leads a later term, and has committed a write there."""
    pump = Pump(5, **options)  # type: ignore[arg-type]
    pump.elect("n1")
    pump.wait(3.05 * T)
    pump.partition("12", "345")
    pump.now += 1.05 * T
    pump.nodes["n3"]._state.election_due = pump.now
    pump.nodes["n3"].tick(pump.now)
    pump.settle()
    pump.propose("n3", b"new")
    pump.settle()
    assert pump.leaders() == ["n1", "n3"]
    assert pump.machines["n4"].commands == [b"new"]
    return pump


@pytest.mark.parametrize("name", ["n1", "n2"], ids=["leader", "follower"])
def test_a_read_is_answered_after_a_round_of_heartbeats(name: str) -> None:
    """6.4, steps 2 and 3; a follower asks the leader (last paragraph)."""
    pump = Pump()
    pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()
    pump.sent.clear()
    read(pump, name, 7)
    pump.collect(name)
    assert pump.reads[name] == []
    pump.settle()
    assert pump.reads[name] == [(7, 2)]
    assert len({message.round for message in pump.sent_of(Heartbeat) if message.round}) == 1


@pytest.mark.parametrize("name", ["n1", "n2"], ids=["leader", "follower"])
def test_many_reads_share_a_round(name: str) -> None:
    """6.4: the cost is amortised over the reads that wait."""
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    for context in range(100):
        read(pump, name, context)
    pump.settle()
    assert pump.reads[name] == [(context, 1) for context in range(100)]
    assert len(pump.sent_of(Heartbeat)) == 2
    assert len(pump.sent_of(ReadIndexRequest)) == (1 if name == "n2" else 0)


def test_reads_that_come_during_a_round_share_the_next_one() -> None:
    """An answer to a round that was sent before the read came confirms nothing for it."""
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    for context in range(5):
        read(pump, "n1", context)
        pump.collect("n1")
    assert len(pump.sent_of(Heartbeat)) == 2
    for packet in [packet for packet in pump.packets if isinstance(packet.message, Heartbeat)]:
        pump.deliver(packet)
    pump.packets.clear()
    pump.collect("n2")
    pump.deliver(pump.packets.popleft())
    pump.collect("n1")
    assert pump.reads["n1"] == [(0, 1)]
    pump.settle()
    assert pump.reads["n1"] == [(context, 1) for context in range(5)]
    assert len({message.round for message in pump.sent_of(Heartbeat)}) == 2


def test_no_read_before_the_leader_has_committed_in_its_term() -> None:
    """6.4, step 1: an earlier leader may have committed more than this one knows."""
    pump = Pump()
    pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()
    pump.lose = lambda packet: isinstance(packet.message, AppendAccepted)
    pump.elect("n2")
    read(pump, "n2", 7)
    pump.settle()
    pump.wait(0.3 * T)
    assert (pump.reads["n2"], pump.nodes["n2"].lease_read(pump.now)) == ([], None)
    pump.lose = lambda packet: False
    pump.wait(T)
    assert pump.reads["n2"] == [(7, 3)]


def test_a_deposed_leader_answers_no_read() -> None:
    """6.4: its rounds find no quorum; it fails the reads when it learns why."""
    pump = deposed()
    read(pump, "n1", 7)
    pump.settle()
    assert pump.reads["n1"] == []
    assert pump.nodes["n1"].lease_read(pump.now) is None
    pump.heal()
    pump.wait(T)
    assert pump.nodes["n1"].role is Role.FOLLOWER
    assert pump.reads["n1"] == [(7, None)]


def test_reads_fail_when_checkquorum_ends_the_leadership() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.partition("1", "23")
    read(pump, "n1", 7)
    pump.wait(2 * T)
    assert pump.reads["n1"] == [(7, None)]


def test_a_follower_without_a_leader_fails_reads_at_once() -> None:
    pump = Pump()
    read(pump, "n2", 7)
    pump.settle()
    assert pump.reads["n2"] == [(7, None)]


def test_a_follower_fails_its_reads_when_it_loses_its_leader() -> None:
    pump = Pump()
    pump.elect("n1")
    pump.partition("12", "3")
    read(pump, "n3", 7)
    pump.wait(2 * T)
    assert pump.reads["n3"] == [(7, None)]


@pytest.mark.parametrize("lost", [ReadIndexRequest, ReadIndexResponse, HeartbeatResponse])
def test_lost_reads_fail_or_are_confirmed_later_but_hold_nobody_up(lost: type) -> None:
    pump = Pump()
    pump.elect("n1")
    pump.lose = lambda packet: isinstance(packet.message, lost)
    read(pump, "n2", 7)
    pump.settle()
    pump.lose = lambda packet: False
    pump.wait(T / 4)
    read(pump, "n2", 8)
    pump.settle()
    pump.wait(3 * T)
    assert sorted(pump.reads["n2"]) == ([(7, 1), (8, 1)] if lost is HeartbeatResponse else [(7, None), (8, 1)])


def test_an_answer_to_a_former_life_resolves_nothing() -> None:
    """Or a read would be answered at an index from before it was asked."""
    pump = Pump()
    pump.elect("n1")
    read(pump, "n2", 7)
    pump.settle()
    [old] = [packet for packet in pump.sent if isinstance(packet.message, ReadIndexResponse)]
    pump.restart("n2")
    pump.wait(T / 5)
    read(pump, "n2", 8)
    pump.collect("n2")
    pump.packets.clear()
    pump.deliver(old)
    pump.collect("n2")
    assert pump.reads["n2"] == [(7, 1)]


def test_a_single_node_confirms_itself() -> None:
    pump = Pump(1)
    pump.elect("n1")
    read(pump, "n1", 7)
    pump.settle()
    assert pump.reads["n1"] == [(7, 1)]
    assert pump.nodes["n1"].lease_read(pump.now) == 1


@pytest.mark.parametrize(("after", "expected"), [(0.0, 1), (0.89 * T, 1), (0.91 * T, None)])
def test_a_lease_counts_from_when_the_round_was_sent(after: float, expected: int | None) -> None:
    """6.4.1, with a drift bound of a tenth. The answers take a while: the lease has that much less left."""
    pump = Pump()
    pump.elect("n1")
    pump.wait(T / 5)
    sent_at = pump.now = pump.nodes["n1"].deadline()
    pump.nodes["n1"].tick(pump.now)
    pump.collect("n1")
    pump.now += T / 20
    pump.settle()
    pump.now = sent_at + after
    assert pump.nodes["n1"].lease_read(pump.now) == expected


def test_a_follower_has_no_lease_and_a_lease_ends_with_the_leadership() -> None:
    pump = Pump()
    pump.elect("n1")
    assert pump.nodes["n2"].lease_read(pump.now) is None
    assert pump.nodes["n1"].lease_read(pump.now) == 1
    pump.deliver(Packet("n2", "n1", HeartbeatResponse(9, 0)))
    assert pump.nodes["n1"].lease_read(pump.now) is None


def test_no_leader_is_elected_while_a_lease_lasts() -> None:
    """6.4.1: whoever confirmed the round bars its vote for longer than the lease."""
    pump = Pump()
    pump.elect("n1")
    pump.wait(T / 5)
    sent_at = pump.now
    pump.partition("1", "23")
    for tenth in range(1, 30):
        pump.now = sent_at + tenth * T / 10
        pump.nodes["n2"]._state.election_due = pump.now
        pump.nodes["n2"].tick(pump.now)
        pump.settle()
        elected = "n2" in pump.leaders()
        assert not (elected and pump.nodes["n1"].lease_read(pump.now) is not None)
        if elected:
            break
    assert tenth in (10, 11)


# The bugs


def test_bug_read_without_confirming() -> None:
    """A deposed leader answers at an index from before the new leader's write."""
    pump = deposed(bugs=["read-without-confirming"])
    pump.sent.clear()
    read(pump, "n1", 7)
    read(pump, "n2", 8)
    pump.settle()
    assert (pump.reads["n1"], pump.reads["n2"]) == ([(7, 1)], [(8, 1)])
    assert not pump.sent_of(Heartbeat)
    assert pump.nodes["n3"].commit == 3


@pytest.mark.parametrize(
    ("bugs", "set_back", "expected"),
    [([], 60.0, None), (["wall-clock-lease"], 0.0, None), (["wall-clock-lease"], 60.0, 1)],
    ids=["no bug", "bug, but the clock is right", "bug, clock set back"],
)
def test_bug_wall_clock_lease(bugs: list[str], set_back: float, expected: int | None) -> None:
    """The lease of a deposed leader whose wall clock was set back never ends."""
    pump = deposed(bugs=bugs)
    assert pump.nodes["n1"].lease_read(pump.now, pump.now - set_back) == expected


def test_bug_wall_clock_lease_a_jump_before_the_partition_does_it_too() -> None:
    """Rounds confirmed after the jump do not shorten a lease."""
    pump = Pump(bugs=["wall-clock-lease"])
    pump.elect("n1")
    pump.wait(T)
    pump.wall = lambda name: pump.now - 60.0  # type: ignore[method-assign]
    pump.wait(T)
    pump.partition("1", "23")
    pump.wait(0.95 * T)
    assert pump.nodes["n1"].lease_read(pump.now, pump.wall("n1")) == 1
    pump.wait(1.1 * T)
    assert pump.nodes["n1"].lease_read(pump.now, pump.wall("n1")) is None, "CheckQuorum stays monotonic"
