"""Leadership transfer (dissertation 3.10), and what it does to leases (6.4.1)."""

from __future__ import annotations

import pytest

from node_image.raft import ChangeRefused, Notice, NotLeader, Role
from node_image.raft.messages import AppendEntries, RequestPreVote, RequestVote, TimeoutNow, VoteResponse
from tests.node.raft.pump import Packet, Pump, T


def led() -> Pump:
    pump = Pump()
    pump.elect("n1")
    pump.wait(0.5 * T)
    pump.sent.clear()
    return pump


def test_the_target_is_elected_at_once() -> None:
    """3.10, step 3; no pre-vote, and votes are not barred (4.2.3), though all have just heard from their leader."""
    pump = led()
    pump.transfer("n1", "n3")
    pump.settle()
    assert (pump.leaders(), pump.nodes["n3"].term) == (["n3"], 2)
    assert {node.leader for node in pump.nodes.values()} == {"n3"}
    assert not pump.sent_of(RequestPreVote)
    assert {request.transfer for request in pump.sent_of(RequestVote)} == {True}


def handing_over_to_one_behind() -> Pump:
    """n1 leads, and is to hand over to n3, which is away and lacks an entry."""
    pump = led()
    pump.partition("12", "3")
    pump.propose("n1", b"x")
    pump.settle()
    pump.transfer("n1", "n3")
    pump.settle()
    return pump


def test_the_target_is_told_only_when_it_has_the_whole_log() -> None:
    """3.10, step 2: or it could not be elected."""
    pump = handing_over_to_one_behind()
    assert not pump.sent_of(TimeoutNow)
    pump.heal()
    pump.wait(0.5 * T)
    assert pump.leaders() == ["n3"]
    assert pump.machines["n3"].commands == [b"x"]


def test_no_proposals_while_it_goes_on() -> None:
    """3.10, step 1; and no second transfer, no change of the configuration."""
    pump = led()
    pump.partition("12", "3")
    pump.transfer("n1", "n3")
    for attempt in (
        lambda: pump.propose("n1", b"x"),
        lambda: pump.transfer("n1", "n2"),
        lambda: pump.reconfigure("n1", "12"),
    ):
        with pytest.raises(ChangeRefused, match="transferring"):
            attempt()


def test_the_leader_goes_on_after_an_election_timeout() -> None:
    """3.10: "if leadership transfer does not complete after about an election timeout, the prior leader aborts"."""
    pump = led()
    pump.partition("12", "3")
    pump.transfer("n1", "n3")
    pump.wait(0.9 * T)
    assert pump.notices["n1"] == []
    pump.wait(0.2 * T)
    assert pump.notices["n1"] == [Notice.TRANSFER_ABANDONED]
    pump.propose("n1", b"x")
    pump.settle()
    assert pump.machines["n2"].commands == [b"x"]


def test_a_lost_message_is_sent_again() -> None:
    pump = led()
    pump.lose = lambda packet: isinstance(packet.message, TimeoutNow)
    pump.transfer("n1", "n2")
    pump.settle()
    pump.lose = lambda packet: False
    pump.wait(0.5 * T)
    assert pump.leaders() == ["n2"]


def test_the_lease_ends_when_the_target_is_told_for_the_rest_of_the_term() -> None:
    """6.4.1: the message may come at any time later, and what it brings about is not barred."""
    pump = led()
    assert pump.nodes["n1"].lease_read(pump.now) is not None
    late: list[Packet] = []
    pump.lose = lambda packet: isinstance(packet.message, TimeoutNow) and not late.append(packet)  # type: ignore[func-returns-value]
    pump.transfer("n1", "n2")
    pump.settle()
    assert pump.nodes["n1"].lease_read(pump.now) is None
    pump.wait(3 * T)
    assert pump.notices["n1"] == [Notice.TRANSFER_ABANDONED]
    assert pump.nodes["n1"].lease_read(pump.now) is None
    pump.nodes["n1"].read_index(1, pump.now)
    pump.settle()
    assert pump.reads["n1"][-1] == (1, pump.nodes["n1"].commit)
    pump.partition("1", "23")
    pump.deliver(late[0])
    pump.settle()
    assert pump.nodes["n2"].role is Role.LEADER
    assert pump.nodes["n1"].lease_read(pump.now) is None, "n2 may have committed more"


def test_a_lease_is_kept_while_the_target_is_not_told_yet() -> None:
    pump = handing_over_to_one_behind()
    assert pump.nodes["n1"].lease_read(pump.now) is not None


def test_the_flag_opens_only_votes_not_pre_votes_nor_old_terms() -> None:
    """4.2.3: the exception is for the candidate that the leader has chosen."""
    pump = led()
    pump.deliver(Packet("n3", "n2", RequestVote(2, 9, 9)))
    pump.deliver(Packet("n3", "n2", RequestPreVote(2, 9, 9)))
    pump.collect("n2")
    assert not pump.sent
    pump.deliver(Packet("n3", "n2", RequestVote(0, 9, 9, True)))
    pump.collect("n2")
    assert pump.sent_of(VoteResponse) == [VoteResponse(1, False)]


def test_a_chosen_candidate_still_needs_an_up_to_date_log() -> None:
    """5.4.1"""
    pump = led()
    pump.deliver(Packet("n3", "n2", RequestVote(2, 0, 0, True)))
    pump.collect("n2")
    assert pump.sent_of(VoteResponse) == [VoteResponse(2, False)]


def test_a_message_of_an_old_term_is_ignored() -> None:
    pump = led()
    pump.transfer("n1", "n2")
    pump.settle()
    pump.deliver(Packet("n1", "n3", TimeoutNow(1)))
    pump.settle()
    assert (pump.leaders(), pump.nodes["n3"].term) == (["n2"], 2)


def test_only_to_another_voter() -> None:
    pump = Pump(4, voters=3)
    pump.elect("n1")
    for to in ("n1", "n4", "n9"):
        with pytest.raises(ValueError, match="not another voter"):
            pump.transfer("n1", to)
    with pytest.raises(NotLeader):
        pump.transfer("n2", "n3")


def test_a_change_under_way_waits_for_the_transfer_and_goes_on_with_the_next_leader() -> None:
    pump = Pump(4, voters=3)
    pump.elect("n1")
    pump.reconfigure("n1", "123", "4")
    pump.settle()
    pump.lose = lambda packet: isinstance(packet.message, AppendEntries) and packet.to != "n2"
    pump.reconfigure("n1", "124")
    pump.settle()
    pump.transfer("n1", "n2")
    pump.settle()
    pump.lose = lambda packet: False
    pump.wait(T)
    assert pump.leaders() == ["n2"]
    assert pump.members("n2") == ("124", "", "")
