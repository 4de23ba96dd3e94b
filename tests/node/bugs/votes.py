"""Scenes about terms and votes."""

from __future__ import annotations

from node_image.raft import Role
from node_image.raft.messages import PreVoteResponse, RequestVote, VoteResponse
from tests.node.bugs.scenes import Bugs, scene
from tests.node.raft.pump import Packet, Pump, T


def grants(pump: Pump, candidate: str, term: int, last_index: int = 0, last_term: int = 0) -> bool:
    """Whether n1 votes for the candidate, long after it has heard of any leader."""
    pump.now += 2 * T
    pump.sent.clear()
    pump.deliver(Packet(candidate, "n1", RequestVote(term, last_index, last_term)))
    pump.collect("n1")
    return any(answer.granted for answer in pump.sent_of(VoteResponse, "n1", candidate))


@scene("forget-vote")
def a_node_votes_restarts_and_is_asked_by_another_candidate(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    assert grants(pump, "n2", 1)
    pump.restart("n1")
    return not grants(pump, "n3", 1)


@scene("forget-term")
def a_node_votes_restarts_and_is_asked_by_a_candidate_of_an_earlier_term(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    assert grants(pump, "n2", 5)
    pump.restart("n1")
    return not grants(pump, "n3", 4)


@scene("vote-without-log-check")
def a_candidate_lacks_what_the_voter_has(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.boot("n1", 1, 1, 1)
    return not grants(pump, "n2", 2, last_index=1, last_term=1)


@scene("vote-twice")
def two_candidates_of_one_term_ask(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    assert grants(pump, "n2", 1)
    return not grants(pump, "n3", 1)


@scene("count-old-votes")
def a_vote_for_the_first_election_comes_in_the_second(bugs: Bugs) -> bool:
    pump = Pump(bugs=bugs)
    pump.lose = lambda packet: True
    for term in (1, 2):
        pump.now += 2 * T
        pump.nodes["n1"].tick(pump.now)
        pump.deliver(Packet("n2", "n1", PreVoteResponse(term, True)))
        pump.collect("n1")
        assert (pump.nodes["n1"].role, pump.nodes["n1"].term) == (Role.CANDIDATE, term)
    pump.deliver(Packet("n2", "n1", VoteResponse(1, True)))
    return pump.nodes["n1"].role is not Role.LEADER


@scene("short-majority")
def two_of_five_stand_apart(bugs: Bugs) -> bool:
    pump = Pump(5, bugs=bugs)
    pump.partition("12", "345")
    pump.now += 2 * T
    pump.nodes["n1"].tick(pump.now)
    pump.settle()
    return pump.nodes["n1"].role is not Role.LEADER
