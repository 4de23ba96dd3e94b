"""Whether learners have caught up, so that making them voters leaves no gap in availability (dissertation 4.2.1).

Replication to a new node goes in rounds: each brings it the entries that the leader's log held when the round began. A
round that took less than an election timeout is good enough. After ten rounds, or when a learner has not moved for a
long while, the change is given up: it is away, or slower than the clients.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.types import NodeId

MAX_ROUNDS: Final = 10
PATIENCE: Final = 10
"""Election timeouts without any entry, or piece of a snapshot, that arrived."""


@dataclass(slots=True)
class _Round:
    goal: int
    began: float
    number: int = 1
    done: bool = False
    seen: tuple[int, int] = (0, 0)
    """Match index and bytes of a snapshot, when they last moved."""
    moved: float = 0.0


class CatchUp:
    __slots__ = ("_replication", "_rounds", "_state")

    def __init__(self, state: State, replication: Replication, learners: Iterable[NodeId]) -> None:
        self._state = state
        self._replication = replication
        goal, now = state.log.last_index, state.now
        self._rounds = {learner: _Round(goal, now, moved=now) for learner in sorted(learners)}

    def is_done(self) -> bool:
        for learner, round_ in self._rounds.items():
            self._look_at(learner, round_)
        return all(round_.done for round_ in self._rounds.values())

    def _look_at(self, learner: NodeId, round_: _Round) -> None:
        now, timeout_s = self._state.now, self._state.config.election_timeout_s
        progress = self._replication.progress[learner]
        if (at := (progress.match, progress.offset)) != round_.seen:
            round_.seen, round_.moved = at, now
        while not round_.done and progress.match >= round_.goal:
            if now - round_.began < timeout_s:
                round_.done = True
            else:
                round_.goal, round_.began = self._state.log.last_index, now
                round_.number += 1

    def has_failed(self) -> bool:
        now, patience_s = self._state.now, PATIENCE * self._state.config.election_timeout_s
        return any(
            not round_.done and (round_.number > MAX_ROUNDS or now - round_.moved > patience_s)
            for round_ in self._rounds.values()
        )
