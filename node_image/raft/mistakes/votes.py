"""Mistakes with terms and votes."""

from __future__ import annotations

from node_image import bugs
from node_image.raft.campaign import Campaign
from node_image.raft.log import Log
from node_image.raft.messages import Message, RequestVote, VoteResponse
from node_image.raft.quorum import VoteResult
from node_image.raft.raft import Raft
from node_image.raft.state import State
from node_image.raft.types import HardState, NodeId
from node_image.variants import mistake


@mistake(bugs.FORGET_VOTE, instead_of=State)
class ForgetsItsVote(State):
    def _recall(self, hard_state: HardState) -> None:
        self.term, self.vote = hard_state.term, None


@mistake(bugs.FORGET_TERM, instead_of=State)
class ForgetsItsTerm(State):
    """Its log is stored, so why store the term too? For a term in which nothing was appended."""

    def _recall(self, hard_state: HardState) -> None:
        self.term, self.vote = self.log.last_term, None


@mistake(bugs.VOTE_WITHOUT_LOG_CHECK, instead_of=Log)
class TakesAnyLogForUpToDate(Log):
    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        return True


@mistake(bugs.VOTE_TWICE, instead_of=Raft)
class VotesForEverybody(Raft):
    def _grants_vote(self, candidate: NodeId, request: RequestVote) -> bool:
        return self._state.log.is_up_to_date(request.last_index, request.last_term)


@mistake(bugs.COUNT_OLD_VOTES, instead_of=Raft)
class CountsOldVotes(Raft):
    def _settle_term(self, sender: NodeId, kind: type, message: Message) -> bool:
        if kind is VoteResponse and message.term < self._state.term:
            return True
        return super()._settle_term(sender, kind, message)


@mistake(bugs.SHORT_MAJORITY, instead_of=Campaign)
class WinsWithHalf(Campaign):
    @property
    def result(self) -> VoteResult:
        granted = {voter for voter, grants in self._votes.items() if grants}
        configuration = self._state.configuration
        for voters in (configuration.voters, configuration.outgoing):
            if len(granted & voters) < len(voters) // 2:
                return super().result
        return VoteResult.WON
