"""The leader's side of log replication (paper 5.3) and of commitment (5.4.2).

Inputs only note what they change. `flush`, once for each Ready, sends to every follower what is new for it: however
many proposals and answers came in since the last time, each follower gets them in one message, and followers that are
at the same place get the same message object.
"""

from __future__ import annotations

from node_image.raft.messages import (
    AppendAccepted,
    AppendEntries,
    AppendRejected,
    Heartbeat,
    InstallSnapshot,
    InstallSnapshotResponse,
)
from node_image.raft.progress import Flow, Progress
from node_image.raft.quorum import agreed_index
from node_image.raft.state import State
from node_image.raft.types import NodeId


class Replication:
    __slots__ = ("_built", "_built_bytes", "_match_changed", "_matches", "_state", "progress")

    def __init__(self, state: State) -> None:
        self._state = state
        self.progress = {peer: Progress(state.log.last_index + 1) for peer in state.peers}
        self._matches: dict[NodeId, int] = {state.id: state.durability.index}
        self._match_changed = True
        self._built: dict[int, AppendEntries] = {}
        """Appends built in this flush, by their first index."""
        self._built_bytes: dict[int, int] = {}

    def configuration_changed(self) -> None:
        """New members are probed with the entry that names them, the last one. Those that were removed still get what
        is sent, so that they learn it, until `forget_removed`; whether anybody counts is for the configuration in force
        to say."""
        for peer in self._state.peers:
            if peer not in self.progress:
                self.progress[peer] = Progress(self._state.log.last_index)
        self._match_changed = True

    def forget_removed(self) -> None:
        for peer in [peer for peer in self.progress if peer not in self._state.peers]:
            del self.progress[peer]
            self._matches.pop(peer, None)

    def own_entries_are_durable(self) -> None:
        self._matches[self._state.id] = self._state.durability.index
        self._match_changed = True

    def accepted(self, follower: NodeId, answer: AppendAccepted) -> None:
        progress = self.progress.get(follower)
        if progress is None:
            return
        progress.accepted(min(answer.match, self._state.log.last_index), self._state.log.offset)
        self._matches[follower] = progress.match
        self._match_changed = True

    def rejected(self, follower: NodeId, answer: AppendRejected) -> None:
        progress = self.progress.get(follower)
        if progress is not None:
            agreed, _ = self._state.log.last_not_above(answer.hint_index, answer.hint_term)
            progress.rejected(answer.previous_index, agreed)

    def snapshot_answered(self, follower: NodeId, answer: InstallSnapshotResponse) -> None:
        """Go on from where the follower is; also backwards, if it has lost what it had."""
        progress = self.progress.get(follower)
        if progress is None or progress.snapshot is None or progress.snapshot.index != answer.index:
            return
        if answer.offset != progress.offset:
            progress.moved = True
            progress.offset = answer.offset
            self._send_piece(follower, progress)

    def heartbeat_interval_passed(self) -> None:
        for progress in self.progress.values():
            progress.heartbeat_interval_passed()

    def heard_from(self, follower: NodeId) -> None:
        """The follower is there: if what it was sent brought no answer, it is sent something again."""
        progress = self.progress.get(follower)
        if progress is None or not progress.stalled:
            return
        progress.stalled = False
        if progress.flow is Flow.SNAPSHOT:
            self._send_piece(follower, progress)
        elif progress.flow is Flow.PROBE:
            progress.probing = False
        else:
            self._ask_how_far(follower, progress)

    def advance_commit(self) -> None:
        """Only entries of the current term are committed by counting, those before go with them (paper 5.4.2,
        figure 8)."""
        if not self._match_changed:
            return
        self._match_changed = False
        state = self._state
        index = agreed_index(state.configuration, self._matches)
        if index > state.log.committed and state.log.term(index) == state.term:
            state.log.commit_to(index)

    def flush(self) -> None:
        log = self._state.log
        max_inflight, max_bytes = self._state.config.max_inflight, self._state.config.max_inflight_bytes
        for follower, progress in self.progress.items():
            while progress.next <= log.last_index and progress.can_send(max_inflight, max_bytes):
                self._send_next(follower, progress)
            commit = min(log.committed, progress.match)
            if commit > progress.commit_sent:
                progress.commit_sent = commit
                self._state.send(follower, Heartbeat(self._state.term, commit, 0))
        self._built.clear()
        self._built_bytes.clear()

    def _send_next(self, follower: NodeId, progress: Progress) -> None:
        message = self._append_from(progress.next)
        if message is None:
            self._start_snapshot(follower, progress)
            return
        last = message.previous_index + len(message.entries)
        progress.sent(last, self._built_bytes[message.previous_index + 1])
        if progress.flow is Flow.REPLICATE:
            progress.commit_sent = max(progress.commit_sent, min(message.commit, last))
        self._state.send(follower, message)

    def _append_from(self, first: int) -> AppendEntries | None:
        """None: the entry before it is compacted away."""
        built = self._built.get(first)
        if built is not None:
            return built
        state = self._state
        previous_term = state.log.term(first - 1)
        if previous_term is None:
            return None
        limits = state.config
        entries, size = state.log.slice(first, limits.max_entries_per_message, limits.max_bytes_per_message)
        self._built_bytes[first] = size
        message = AppendEntries(state.term, first - 1, previous_term, state.log.committed, entries)
        self._built[first] = message
        return message

    def _ask_how_far(self, follower: NodeId, progress: Progress) -> None:
        """An append of nothing behind all that was sent: it is accepted if everything arrived, else rejected."""
        state = self._state
        previous_term = state.log.term(progress.next - 1)
        if previous_term is None:
            progress.probe_from(progress.match + 1)
        else:
            message = AppendEntries(state.term, progress.next - 1, previous_term, state.log.committed, ())
            state.send(follower, message)

    def _start_snapshot(self, follower: NodeId, progress: Progress) -> None:
        snapshot = self._state.snapshot
        assert snapshot is not None, "a log is compacted only under a snapshot"
        progress.install(snapshot)
        self._send_piece(follower, progress)

    def _send_piece(self, follower: NodeId, progress: Progress) -> None:
        snapshot, state = progress.snapshot, self._state
        assert snapshot is not None
        end = progress.offset + state.config.snapshot_chunk_bytes
        message = InstallSnapshot(
            state.term,
            snapshot.index,
            snapshot.term,
            snapshot.configuration,
            progress.offset,
            snapshot.data[progress.offset : end],
            end >= len(snapshot.data),
        )
        state.send(follower, message)
