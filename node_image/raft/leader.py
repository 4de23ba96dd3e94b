"""What a node has only while it leads: followers' progress, heartbeat rounds, leases, reads, CheckQuorum, the change of
the configuration that is under way, and a transfer of its leadership.

The object is made when an election is won and dropped when leadership is lost. So nothing of an old term survives into
a new one: no lease, no count of entries, no confirmation.
"""

from __future__ import annotations

from collections.abc import Sequence

from node_image.raft.lease import Rounds
from node_image.raft.membership import ChangeRefused, Membership
from node_image.raft.messages import (
    AppendAccepted,
    AppendRejected,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshotResponse,
    TimeoutNow,
)
from node_image.raft.quorum import has_quorum
from node_image.raft.reads import LeaderReads
from node_image.raft.ready import Notice
from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.transfer import Transfer
from node_image.raft.types import Configuration, Entry, EntryKind, NodeId
from node_image.variants import variant


class Leadership:
    __slots__ = (
        "_heard",
        "_heartbeat_due",
        "_noop_index",
        "_quorum_due",
        "_state",
        "membership",
        "reads",
        "replication",
        "rounds",
        "transfer",
    )

    def __init__(self, state: State) -> None:
        self._state = state
        self.replication = variant(Replication, state.bugs)(state)
        self.rounds = variant(Rounds, state.bugs)(state)
        self.reads = LeaderReads(state)
        self.membership = variant(Membership, state.bugs)(state, self.replication)
        self.transfer: Transfer | None = None
        self._heard: set[NodeId] = set()
        self._quorum_due = state.now + state.config.election_timeout_s
        self._heartbeat_due = state.now + state.config.heartbeat_interval_s
        self._noop_index = state.log.last_index + 1
        state.log.append([Entry(state.term, self._noop_index, EntryKind.NOOP, b"")])
        self.heartbeat()

    @property
    def deadline(self) -> float:
        due = min(self._heartbeat_due, self._quorum_due)
        return due if self.transfer is None else min(due, self.transfer.deadline)

    @property
    def has_committed_in_its_term(self) -> bool:
        return self._state.log.committed >= self._noop_index

    def propose(self, data: Sequence[bytes]) -> list[tuple[int, int]]:
        log, term = self._state.log, self._state.term
        first = log.last_index + 1
        log.append([Entry(term, index, EntryKind.COMMAND, item) for index, item in enumerate(data, first)])
        return [(term, index) for index in range(first, first + len(data))]

    def reconfigure(self, wanted: Configuration) -> None:
        """Raises ChangeRefused."""
        if self.transfer is not None:
            raise ChangeRefused("transferring")
        self.membership.begin(wanted, has_committed_in_its_term=self.has_committed_in_its_term)

    def transfer_to(self, node: NodeId) -> None:
        """To another voter of the configuration in force. Raises ChangeRefused while another transfer goes on."""
        if self.transfer is not None:
            raise ChangeRefused("transferring")
        self.transfer = Transfer(self._state, self.replication, self.rounds, node)

    def tick(self) -> bool:
        """False: no quorum has been heard from for an election timeout; time to step down (dissertation 6.2)."""
        now, config = self._state.now, self._state.config
        if self.transfer is not None and now >= self.transfer.deadline:
            self.transfer = None
            self._state.outbox.notices.append(Notice.TRANSFER_ABANDONED)
        if now >= self._quorum_due:
            if not has_quorum(self._state.configuration, self._heard | {self._state.id}):
                return False
            self._heard.clear()
            self._quorum_due = now + config.election_timeout_s
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + config.heartbeat_interval_s
            self.replication.heartbeat_interval_passed()
            self.membership.heartbeat_interval_passed()
            if self.transfer is not None:
                self.transfer.heartbeat_interval_passed()
            self.heartbeat()
        return True

    def hand_over(self) -> None:
        """A leader that was removed tells the voter that has most of its log to campaign, so that nobody has to wait
        for an election timeout (dissertation 4.2.2, 3.10)."""
        progress = self.replication.progress
        voters = [peer for peer in self._state.peers if peer in self._state.configuration.voters and peer in progress]
        if voters:
            self._state.send(max(voters, key=lambda peer: progress[peer].match), TimeoutNow(self._state.term))

    def heartbeat(self) -> None:
        """Send a round; the reads that wait go with it."""
        state = self._state
        number = self.rounds.begin()
        if self.has_committed_in_its_term:
            self.reads.register(number)
        for follower, progress in self.replication.progress.items():
            # Not above its match: behind that, its log may hold other entries than those committed here.
            commit = min(state.log.committed, progress.match)
            progress.commit_sent = max(progress.commit_sent, commit)
            state.send(follower, Heartbeat(state.term, commit, number))
        if self.rounds.advance():
            self.reads.confirmed(self.rounds.confirmed)

    def heartbeat_answered(self, follower: NodeId, answer: HeartbeatResponse) -> None:
        self._heard.add(follower)
        self.replication.heard_from(follower)
        if self.rounds.echoed(follower, answer.round):
            self.reads.confirmed(self.rounds.confirmed)

    def append_accepted(self, follower: NodeId, answer: AppendAccepted) -> None:
        self._heard.add(follower)
        self.replication.accepted(follower, answer)

    def append_rejected(self, follower: NodeId, answer: AppendRejected) -> None:
        self._heard.add(follower)
        self.replication.rejected(follower, answer)

    def snapshot_answered(self, follower: NodeId, answer: InstallSnapshotResponse) -> None:
        self._heard.add(follower)
        self.replication.snapshot_answered(follower, answer)

    def read(self, asker: NodeId | None, number: int) -> None:
        self.reads.add(asker, number)

    def lease_read(self) -> int | None:
        if self.has_committed_in_its_term and self.rounds.lease_is_valid():
            return self._state.log.committed
        return None

    def flush(self) -> None:
        """Before each Ready: one pass over what the inputs since the last one have made possible."""
        self.replication.advance_commit()
        if self.transfer is not None:
            self.transfer.advance()
        elif self.membership.under_way:
            self.membership.advance()
        if self.reads.waiting and self.rounds.confirmed == self.rounds.last and self.has_committed_in_its_term:
            self.heartbeat()
        self.replication.flush()
