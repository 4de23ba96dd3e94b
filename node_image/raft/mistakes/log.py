"""Mistakes with the log: what a follower checks, keeps and tells of it, and what is counted before it is durable."""

from __future__ import annotations

from collections.abc import Sequence

from node_image import bugs
from node_image.raft.follower import Follower
from node_image.raft.log import Log
from node_image.raft.messages import AppendAccepted, Heartbeat
from node_image.raft.replication import Replication
from node_image.raft.state import Outbox
from node_image.raft.types import Entry, NodeId, Snapshot
from node_image.variants import mistake


@mistake(bugs.NO_PREVIOUS_CHECK, instead_of=Log)
class ChecksOnlyThatThereIsAnEntry(Log):
    def merge(self, previous_index: int, previous_term: int, entries: Sequence[Entry]) -> tuple[int, int | None]:
        term = self.term(previous_index)
        return super().merge(previous_index, previous_term if term is None else term, entries)


@mistake(bugs.CUT_AT_EVERY_APPEND, instead_of=Log)
class CutsAtEveryAppend(Log):
    def merge(self, previous_index: int, previous_term: int, entries: Sequence[Entry]) -> tuple[int, int | None]:
        match, cut_from = super().merge(previous_index, previous_term, entries)
        if not 0 <= match < self.last_index:
            return match, cut_from
        self._cut(match + 1)
        return match, match + 1


@mistake(bugs.MATCH_FROM_LAST_INDEX, instead_of=Follower)
class TellsItsLastIndex(Follower):
    """As if a heartbeat were an append of nothing behind all that it has, which it may have from another leader."""

    def heartbeat(self, leader: NodeId, message: Heartbeat) -> None:
        super().heartbeat(leader, message)
        state = self._state
        state.outbox.accept(leader, AppendAccepted(state.term, state.log.last_index))


@mistake(bugs.COUNT_FOLLOWER_BEFORE_SYNC, instead_of=Outbox)
class AcceptsAtOnce(Outbox):
    def accept(self, leader: NodeId, answer: AppendAccepted) -> None:
        self.at_once.append((leader, answer))


@mistake(bugs.COUNT_OWN_BEFORE_SYNC, instead_of=Replication)
class CountsItselfAtOnce(Replication):
    def advance_commit(self) -> None:
        self._matches[self._state.id] = self._state.log.last_index
        self._match_changed = True
        super().advance_commit()


@mistake(bugs.KEEP_LOG_AFTER_SNAPSHOT, instead_of=Follower)
class KeepsItsLog(Follower):
    """Step 6 of figure 13 without "and term"."""

    def _install(self, snapshot: Snapshot) -> None:
        if snapshot.index <= self._state.log.last_index:
            self._state.log.commit_to(snapshot.index)
        else:
            super()._install(snapshot)
