"""Paper 5.1, 5.2 and 5.4.1; PreVote (dissertation 9.6) and CheckQuorum (6.2)."""

from __future__ import annotations

import pytest

from node_image.raft import HardState, NotLeader, Role
from node_image.raft.messages import (
    AppendEntries,
    Heartbeat,
    HeartbeatResponse,
    PreVoteResponse,
    RequestPreVote,
    RequestVote,
    VoteResponse,
)
from tests.node.raft.pump import Packet, Pump, T


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_a_cluster_elects_one_leader(size: int) -> None:
    pump = Pump(size)
    pump.wait(10 * T)
    [leader] = pump.leaders()
    assert {(node.term, node.leader) for node in pump.nodes.values()} == {(pump.nodes[leader].term, leader)}


def test_nodes_begin_as_followers() -> None:
    """5.2"""
    node = Pump().nodes["n1"]
    assert (node.role, node.term, node.leader, node.ready()) == (Role.FOLLOWER, 0, None, None)


def test_election_timeouts_are_random_in_t_to_2t() -> None:
    """5.2: spread over the whole range, or votes split."""
    timeouts = [Pump(1, seed=seed).nodes["n1"].deadline() for seed in range(300)]
    assert T <= min(timeouts) < 1.05 * T
    assert 1.95 * T < max(timeouts) < 2 * T


def test_a_leader_is_not_challenged_while_it_lives() -> None:
    """5.2: heartbeats keep followers from campaigning."""
    pump = Pump()
    pump.elect("n1")
    pump.sent.clear()
    pump.wait(20 * T)
    assert pump.leaders() == ["n1"]
    assert not pump.sent_of(RequestPreVote)


@pytest.mark.parametrize(
    ("term", "vote", "candidate", "request_term", "granted"),
    [
        (1, None, "n2", 2, True),
        (2, None, "n2", 2, True),
        (2, "n2", "n2", 2, True),
        (2, "n3", "n2", 2, False),
        (3, None, "n2", 2, False),
        (2, "n3", "n2", 3, True),
    ],
)
def test_one_vote_a_term_first_come_first_served(
    term: int, vote: str | None, candidate: str, request_term: int, granted: bool
) -> None:
    """5.2; figure 2, RequestVote, receiver."""
    pump = Pump()
    pump.disks["n1"].hard_state = HardState(term, vote)
    pump.restart("n1")
    pump.now = 2 * T
    pump.deliver(Packet(candidate, "n1", RequestVote(request_term, 0, 0)))
    pump.collect("n1")
    assert pump.sent_of(VoteResponse) == [VoteResponse(max(term, request_term), granted)]
    assert pump.disks["n1"].hard_state.vote == (candidate if granted else vote)


@pytest.mark.parametrize(
    ("own", "last_term", "last_index", "granted"),
    [
        ([1], 1, 1, True),
        ([1], 1, 2, True),
        ([1, 1], 1, 1, False),
        ([1, 1], 2, 1, True),
        ([2], 1, 9, False),
        ([], 0, 0, True),
    ],
)
@pytest.mark.parametrize("request_kind", [RequestVote, RequestPreVote])
def test_a_voter_denies_a_log_that_is_behind_its_own(
    own: list[int], last_term: int, last_index: int, granted: bool, request_kind: type
) -> None:
    """5.4.1: the later last term is more up to date; with equal terms, the longer log."""
    pump = Pump()
    pump.boot("n1", 5, *own)
    pump.now = 2 * T
    pump.deliver(Packet("n2", "n1", request_kind(6, last_index, last_term)))
    pump.collect("n1")
    [answer] = pump.sent_of(VoteResponse) + pump.sent_of(PreVoteResponse)
    assert answer.granted is granted


def test_a_vote_leaves_only_when_it_is_durable() -> None:
    """Figure 2: persistent state is updated on stable storage before responding."""
    pump = Pump()
    pump.now = 2 * T
    pump.held = {"n1", "n2"}
    pump.nodes["n1"].tick(pump.now)
    pump.settle()
    assert not pump.sent_of(RequestVote), "a candidate's own vote comes before its requests"
    pump.held = {"n2"}
    pump.sync("n1")
    pump.settle()
    assert pump.sent_of(RequestVote)
    assert not pump.sent_of(VoteResponse, sender="n2")
    pump.sync("n2")
    assert pump.sent_of(VoteResponse, sender="n2") == [VoteResponse(1, True)]


def test_a_heartbeat_of_a_new_term_is_answered_when_the_term_is_durable() -> None:
    """Figure 2, as for votes; in a term that is known already, nothing has to be waited for."""
    pump = Pump()
    pump.held = {"n1"}
    pump.deliver(Packet("n2", "n1", Heartbeat(5, 0, 1)))
    pump.collect("n1")
    assert not pump.sent
    pump.sync("n1")
    assert pump.sent_of(HeartbeatResponse) == [HeartbeatResponse(5, 1)]
    pump.deliver(Packet("n2", "n1", Heartbeat(5, 0, 2)))
    pump.collect("n1")
    assert pump.sent_of(HeartbeatResponse) == [HeartbeatResponse(5, 1), HeartbeatResponse(5, 2)]


def test_a_node_that_forgot_nothing_does_not_vote_twice() -> None:
    """5.2, with a crash between two requests of one term."""
    pump = Pump()
    pump.now = 2 * T
    pump.deliver(Packet("n2", "n1", RequestVote(1, 0, 0)))
    pump.collect("n1")
    pump.crash("n1")
    pump.restart("n1")
    pump.now += 2 * T
    pump.deliver(Packet("n3", "n1", RequestVote(1, 0, 0)))
    pump.collect("n1")
    assert [answer.granted for answer in pump.sent_of(VoteResponse)] == [True, False]


def test_a_split_vote_is_resolved_by_the_next_timeout() -> None:
    """5.2, with two nodes that campaign at the same moment."""
    pump = Pump(4)
    pump.now = 2 * T
    for name in ("n1", "n2"):
        pump.nodes[name].tick(pump.now)
    pump.settle()
    pump.wait(8 * T)
    assert len(pump.leaders()) == 1


@pytest.mark.parametrize("role", [Role.CANDIDATE, Role.LEADER])
def test_a_higher_term_makes_a_follower(role: Role) -> None:
    """5.1"""
    pump = Pump()
    if role is Role.LEADER:
        pump.elect("n1")
    else:
        pump.lose = lambda packet: isinstance(packet.message, VoteResponse)
        pump.now = 2 * T
        pump.nodes["n1"].tick(pump.now)
        pump.settle()
    assert pump.nodes["n1"].role is role
    pump.deliver(Packet("n2", "n1", AppendEntries(9, 0, 0, 0, ())))
    assert (pump.nodes["n1"].role, pump.nodes["n1"].term, pump.nodes["n1"].leader) == (Role.FOLLOWER, 9, "n2")


def test_a_candidate_gives_way_to_the_leader_of_its_term() -> None:
    """5.2"""
    pump = Pump()
    pump.lose = lambda packet: isinstance(packet.message, VoteResponse)
    pump.now = 2 * T
    pump.nodes["n1"].tick(pump.now)
    pump.settle()
    pump.deliver(Packet("n2", "n1", Heartbeat(1, 0, 1)))
    assert (pump.nodes["n1"].role, pump.nodes["n1"].leader) == (Role.FOLLOWER, "n2")


def test_messages_of_an_old_term_change_nothing_and_are_told_the_new_one() -> None:
    """5.1"""
    pump = Pump()
    pump.boot("n1", 5, 1)
    for message in (AppendEntries(4, 0, 0, 1, ()), Heartbeat(4, 1, 3), RequestVote(4, 9, 4)):
        pump.deliver(Packet("n2", "n1", message))
    pump.collect("n1")
    assert (pump.nodes["n1"].leader, pump.nodes["n1"].commit) == (None, 0)
    assert [packet.message for packet in pump.sent] == [
        HeartbeatResponse(5, 0),
        HeartbeatResponse(5, 0),
        VoteResponse(5, False),
    ]


def test_only_a_leader_takes_proposals() -> None:
    pump = Pump()
    with pytest.raises(NotLeader) as error:
        pump.propose("n1", b"x")
    assert error.value.leader is None
    pump.elect("n2")
    with pytest.raises(NotLeader) as error:
        pump.propose("n1", b"x")
    assert error.value.leader == "n2"


def test_prevote_a_node_that_was_cut_off_disturbs_nobody() -> None:
    """Dissertation 9.6: its term does not grow while it cannot win."""
    pump = Pump()
    pump.elect("n1")
    pump.partition("12")
    pump.wait(20 * T)
    assert (pump.nodes["n3"].role, pump.nodes["n3"].term) == (Role.PRE_CANDIDATE, 1)
    pump.heal()
    pump.wait(4 * T)
    assert pump.leaders() == ["n1"]
    assert {node.term for node in pump.nodes.values()} == {1}


def test_prevote_asking_changes_nothing_at_the_voter() -> None:
    """Dissertation 9.6"""
    pump = Pump()
    pump.now = 2 * T
    before = pump.nodes["n1"].deadline()
    pump.deliver(Packet("n2", "n1", RequestPreVote(7, 3, 3)))
    pump.collect("n1")
    node = pump.nodes["n1"]
    assert (node.term, node.vote, node.deadline()) == (0, None, before)
    assert pump.sent_of(PreVoteResponse) == [PreVoteResponse(7, True)]


@pytest.mark.parametrize("request_kind", [RequestVote, RequestPreVote])
@pytest.mark.parametrize(("waited", "answered"), [(0.0, 0), (0.99 * T, 0), (1.01 * T, 1)])
def test_a_follower_of_a_live_leader_ignores_vote_requests(request_kind: type, waited: float, answered: int) -> None:
    """Dissertation 4.2.3: within the minimum election timeout of hearing from a leader."""
    pump = Pump()
    pump.elect("n1")
    pump.now += waited
    pump.sent.clear()
    pump.deliver(Packet("n3", "n2", request_kind(9, 9, 9)))
    pump.collect("n2")
    assert len(pump.sent_of(VoteResponse) + pump.sent_of(PreVoteResponse)) == answered


def test_a_leader_ignores_vote_requests() -> None:
    """Dissertation 4.2.3; it steps down by CheckQuorum, or by a term that somebody has really reached."""
    pump = Pump()
    pump.elect("n1")
    pump.now += 5 * T
    pump.deliver(Packet("n3", "n1", RequestVote(9, 9, 9)))
    assert (pump.nodes["n1"].role, pump.nodes["n1"].term) == (Role.LEADER, 1)


@pytest.mark.parametrize(("waited", "answered"), [(0.99 * T, 0), (1.01 * T, 1)])
def test_a_restarted_node_may_have_confirmed_a_lease_and_waits_it_out(waited: float, answered: int) -> None:
    """Dissertation 6.4.1: what was promised before the crash still holds."""
    pump = Pump()
    pump.elect("n1")
    pump.crash("n2")
    pump.restart("n2")
    pump.now += waited
    pump.sent.clear()
    pump.deliver(Packet("n3", "n2", RequestVote(9, 9, 9)))
    pump.collect("n2")
    assert len(pump.sent_of(VoteResponse)) == answered


def test_checkquorum_a_leader_without_a_quorum_steps_down_within_t_to_2t() -> None:
    """Dissertation 6.2"""
    pump = Pump(5)
    pump.elect("n1")
    pump.wait(4.5 * T)
    pump.partition("12", "345")
    pump.wait(0.4 * T)
    assert pump.nodes["n1"].role is Role.LEADER
    pump.wait(1.7 * T)
    assert pump.nodes["n1"].role is not Role.LEADER
    assert pump.nodes["n1"].leader is None


def test_checkquorum_a_leader_with_a_bare_quorum_stays() -> None:
    """Dissertation 6.2"""
    pump = Pump(5)
    pump.elect("n1")
    pump.partition("123", "45")
    pump.wait(10 * T)
    assert pump.leaders() == ["n1"]
    assert pump.nodes["n1"].term == 1


def test_a_node_of_a_higher_term_gets_back_in() -> None:
    """It cannot follow the leader of a lower term, and nobody takes its votes: its answers make the leader move on."""
    pump = Pump()
    pump.elect("n1")
    pump.disks["n3"].hard_state = HardState(7)
    pump.restart("n3")
    pump.wait(6 * T)
    [leader] = pump.leaders()
    assert {node.leader for node in pump.nodes.values()} == {leader}
    assert pump.nodes[leader].term >= 7


def test_a_second_leader_of_the_term_is_not_obeyed() -> None:
    """It exists only if a voter lost its vote; the log must not be cut under a leader (leader append-only)."""
    pump = Pump()
    pump.elect("n1")
    pump.deliver(Packet("n2", "n1", AppendEntries(1, 0, 0, 0, ())))
    assert pump.nodes["n1"].role is Role.LEADER


def test_an_only_voter_leads_when_its_own_vote_is_durable() -> None:
    """Figure 2: persistent state. Were it to lead at once, send entries to a learner and lose term and vote in a crash,
    it would lead the same term again, with other entries in the same places."""
    pump = Pump(1)
    pump.held.add("n1")
    pump.now += 2 * T
    pump.nodes["n1"].tick(pump.now)
    pump.settle()
    assert (pump.nodes["n1"].role, pump.nodes["n1"].last_index) == (Role.CANDIDATE, 0)
    pump.crash("n1")
    pump.restart("n1")
    assert pump.nodes["n1"].term == 0
    pump.now += 2 * T
    pump.nodes["n1"].tick(pump.now)
    pump.settle()
    pump.sync("n1")
    pump.settle()
    assert (pump.nodes["n1"].role, pump.nodes["n1"].term) == (Role.LEADER, 1)
