"""Mistakes that break no promise about what is answered, and keep the cluster, or a node, from going on."""

from __future__ import annotations

from node_image import bugs
from node_image.raft.leader import Leadership
from node_image.raft.messages import Message
from node_image.raft.progress import Progress
from node_image.raft.raft import Raft
from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.types import NodeId
from node_image.variants import mistake


@mistake(bugs.EQUAL_ELECTION_TIMEOUTS, instead_of=State)
class WaitsAsLongAsAllOthers(State):
    def reset_election_timer(self) -> None:
        self.election_due = self.now + self.config.election_timeout_s * 1.5


@mistake(bugs.LEAD_WITHOUT_QUORUM, instead_of=Leadership)
class LeadsWithoutAQuorum(Leadership):
    def tick(self) -> bool:
        self._heard.update(self._state.peers)
        return super().tick()


@mistake(bugs.REMOVED_NODE_CAMPAIGNS, instead_of=State)
class CampaignsWhenRemoved(State):
    @property
    def may_campaign(self) -> bool:
        return True


@mistake(bugs.REMOVED_NODE_CAMPAIGNS, instead_of=Raft)
class ListensToEverybody(Raft):
    """As in the paper's figure 2, before section 6 and pre-votes: the higher term counts, whoever comes with it."""

    def _votes_are_barred(self, request: Message) -> bool:
        return False

    def _start_pre_vote(self) -> None:
        if self._state.is_voter:
            super()._start_pre_vote()
        else:
            self._start_election()


@mistake(bugs.NEVER_SEND_SNAPSHOT, instead_of=Replication)
class OffersTheOldestEntries(Replication):
    """Its follower refuses them, for what comes before them is missing there. Offered again at every other heartbeat
    and not at every refusal, or the two would do nothing else."""

    def _start_snapshot(self, follower: NodeId, progress: Progress) -> None:
        progress.probe_from(self._state.log.offset + 1)
        if progress.moved:
            progress.probing = True
            return
        message = self._append_from(progress.next)
        assert message is not None
        progress.sent(message.previous_index + len(message.entries), 0)
        self._state.send(follower, message)
