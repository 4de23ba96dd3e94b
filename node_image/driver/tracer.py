"""Which trace records a node writes, and when (docs/trace-format.md).

A record at every change of role, term or leader; at every index that is a multiple of CHECKPOINT_ENTRIES when it is
applied, so that the running hashes of different nodes can be compared at the same indexes; otherwise when more has been
applied, at most every APPLY_S; and at least every INTERVAL_S.
"""

from __future__ import annotations

from typing import Final

from node_image.driver.effects import Trace
from node_image.raft import Raft
from node_image.replica import Replica

CHECKPOINT_ENTRIES: Final = 64
APPLY_S: Final = 0.05
INTERVAL_S: Final = 0.25


class Tracer:
    def __init__(self, raft: Raft, replica: Replica) -> None:
        self._raft = raft
        self._replica = replica
        self._written_at = float("-inf")
        self._written_applied = replica.applied

    def record(self, event: str, now: float) -> Trace:
        raft = self._raft
        self._written_at = now
        self._written_applied = self._replica.applied
        return Trace(
            {
                "node": raft.id,
                "event": event,
                "term": raft.term,
                "role": raft.role.value,
                "leader": raft.leader,
                "vote": raft.vote,
                "commit": raft.commit,
                "applied": self._replica.applied,
                "hash": self._replica.applied_hash,
                "last_index": raft.last_index,
            }
        )

    def due(self, now: float) -> list[Trace]:
        """The record that is due by now, if one is."""
        if now < self.deadline():
            return []
        return [self.record("interval" if self._up_to_date else "apply", now)]

    def deadline(self) -> float:
        return self._written_at + (INTERVAL_S if self._up_to_date else APPLY_S)

    @property
    def _up_to_date(self) -> bool:
        return self._written_applied == self._replica.applied
