"""Mistakes with commitment. (Those about answers to clients are the replica's.)"""

from __future__ import annotations

from dataclasses import replace

from node_image import bugs
from node_image.raft.leader import Leadership
from node_image.raft.log import Log
from node_image.raft.messages import Heartbeat
from node_image.raft.quorum import agreed_index
from node_image.raft.raft import Raft
from node_image.raft.replication import Replication
from node_image.raft.types import Entry
from node_image.variants import mistake


@mistake(bugs.COMMIT_OLD_TERMS, instead_of=Replication)
class CommitsWhateverAMajorityHas(Replication):
    def advance_commit(self) -> None:
        self._match_changed = False
        self._state.log.commit_to(agreed_index(self._state.configuration, self._matches))


@mistake(bugs.COMMIT_PAST_MATCH, instead_of=Leadership)
class TellsEverybodyItsCommit(Leadership):
    def heartbeat(self) -> None:
        super().heartbeat()
        outbox, commit = self._state.outbox, self._state.log.committed
        outbox.at_once[:] = [
            (to, replace(message, commit=commit) if isinstance(message, Heartbeat) else message)
            for to, message in outbox.at_once
        ]


@mistake(bugs.APPLY_BEFORE_COMMIT, instead_of=Log)
class HandsOutWhatIsAppended(Log):
    """What is cut later stays applied: a state machine takes nothing back."""

    def take_committed(self) -> tuple[Entry, ...]:
        if self.delivered >= self.last_index:
            return ()
        entries = self._entries[self.delivered - self.offset :]
        self.delivered = self.last_index
        return tuple(entries)


@mistake(bugs.APPLY_BEFORE_COMMIT, instead_of=Raft)
class KnowsATermOfWhatIsApplied(Raft):
    """So that a snapshot can be made although the entry at its end has been cut."""

    def term_at(self, index: int) -> int | None:
        term = super().term_at(index)
        return self.term if term is None and index > self.last_index else term
