"""One attempt to be elected: a pre-vote (dissertation 9.6) or an election (paper 5.2).

A pre-vote asks whether an election could be won, without touching anybody's term: a node that was cut off, or whose log
is behind, disturbs nobody when it comes back.
"""

from __future__ import annotations

from node_image.raft.messages import RequestPreVote, RequestVote
from node_image.raft.quorum import VoteResult, vote_result
from node_image.raft.state import State
from node_image.raft.types import NodeId


class Campaign:
    __slots__ = ("_state", "_votes")

    def __init__(self, state: State) -> None:
        self._state = state
        self._votes = {state.id: True}

    def ask_for_pre_votes(self) -> None:
        state = self._state
        message = RequestPreVote(state.term + 1, state.log.last_index, state.log.last_term)
        for voter in self._others():
            state.send(voter, message)

    def ask_for_votes(self, *, transfer: bool) -> None:
        """Sent when the own vote is durable."""
        state = self._state
        message = RequestVote(state.term, state.log.last_index, state.log.last_term, transfer)
        for voter in self._others():
            state.send_when_durable(voter, message)

    def count(self, voter: NodeId, granted: bool) -> None:
        """The first answer of each voter counts."""
        self._votes.setdefault(voter, granted)

    @property
    def result(self) -> VoteResult:
        """By the configuration in force, whoever else has voted; the own vote too counts only with a voter."""
        return vote_result(self._state.configuration, self._votes)

    def _others(self) -> list[NodeId]:
        return [peer for peer in self._state.peers if self._state.configuration.has_voter(peer)]
