"""What a node does with its leader's messages (paper, figure 2: AppendEntries, receiver; figure 13)."""

from __future__ import annotations

from typing import Final

from node_image.raft.messages import (
    AppendAccepted,
    AppendEntries,
    AppendRejected,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
)
from node_image.raft.snapshots import Assembly
from node_image.raft.state import State
from node_image.raft.types import EntryKind, NodeId, Snapshot

_CONFIGURATION: Final = EntryKind.CONFIGURATION


class Follower:
    __slots__ = ("_assembly", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._assembly: Assembly | None = None

    def append_entries(self, leader: NodeId, message: AppendEntries) -> None:
        state = self._state
        match, cut_from = state.log.merge(message.previous_index, message.previous_term, message.entries)
        if match < 0:
            self._reject(leader, message)
            return
        if cut_from is not None:
            state.durability.cut(cut_from)
            state.configuration_cut(cut_from)
        for entry in message.entries:
            if entry.kind is _CONFIGURATION:
                state.configuration_appended(entry)
        state.log.commit_to(min(message.commit, match))
        state.outbox.accept(leader, AppendAccepted(state.term, match))

    def _reject(self, leader: NodeId, message: AppendEntries) -> None:
        state, previous_index = self._state, message.previous_index
        hint_index, hint_term = state.log.last_not_above(previous_index, message.previous_term)
        state.answer(leader, AppendRejected(state.term, previous_index, hint_index, hint_term))

    def heartbeat(self, leader: NodeId, message: Heartbeat) -> None:
        state = self._state
        state.log.commit_to(message.commit)
        if message.round:
            state.answer(leader, HeartbeatResponse(state.term, message.round))

    def install_snapshot(self, leader: NodeId, piece: InstallSnapshot) -> None:
        state = self._state
        if piece.index <= state.log.committed:
            self._assembly = None
            state.outbox.accept(leader, AppendAccepted(state.term, state.log.committed))
            return
        assembly = self._assembly
        if assembly is None or (assembly.term, assembly.index) != (piece.term, piece.index):
            assembly = self._assembly = Assembly(piece.term, piece.index)
        snapshot = assembly.add(piece)
        if snapshot is None:
            state.answer(leader, InstallSnapshotResponse(state.term, piece.index, assembly.offset))
            return
        self._assembly = None
        self._install(snapshot)
        state.outbox.accept(leader, AppendAccepted(state.term, snapshot.index))

    def _install(self, snapshot: Snapshot) -> None:
        state = self._state
        if state.log.term(snapshot.index) == snapshot.term:
            # Figure 13, step 6: the log has it all; only that it is committed is news.
            state.log.commit_to(snapshot.index)
            return
        state.log.restore(snapshot.index, snapshot.term)
        state.durability.cut(1)
        state.snapshot = state.outbox.snapshot = snapshot
        state.configuration_restored(snapshot.configuration)
