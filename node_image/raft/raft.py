"""(being built) The public face of the protocol."""

from __future__ import annotations

import random
from collections.abc import Sequence

from node_image.raft.config import RaftConfig
from node_image.raft.messages import Message
from node_image.raft.ready import Ready
from node_image.raft.types import Configuration, Entry, HardState, NodeId, Role, Snapshot


class NotLeader(Exception):
    """Nothing was proposed. `leader`: the one this node knows, if any."""

    def __init__(self, leader: NodeId | None) -> None:
        super().__init__(leader)
        self.leader = leader


class Raft:
    def __init__(
        self,
        config: RaftConfig,
        rng: random.Random,
        *,
        hard_state: HardState,
        snapshot: Snapshot | None,
        entries: Sequence[Entry],
        now: float,
        bugs: frozenset[str] = frozenset(),
    ) -> None:
        raise NotImplementedError

    id: NodeId
    term: int
    role: Role
    leader: NodeId | None
    vote: NodeId | None
    commit: int
    applied_index: int
    last_index: int
    first_index: int
    configuration: Configuration
    hard_state: HardState

    def receive(self, sender: NodeId, message: Message, now: float, wall: float = 0.0) -> None:
        raise NotImplementedError

    def tick(self, now: float, wall: float = 0.0) -> None:
        raise NotImplementedError

    def deadline(self) -> float:
        raise NotImplementedError

    def propose(self, data: Sequence[bytes], now: float) -> list[tuple[int, int]]:
        raise NotImplementedError

    def read_index(self, context: int, now: float) -> None:
        raise NotImplementedError

    def lease_read(self, now: float, wall: float = 0.0) -> int | None:
        raise NotImplementedError

    def ready(self) -> Ready | None:
        raise NotImplementedError

    def persisted(self, number: int) -> None:
        raise NotImplementedError

    def applied(self, index: int) -> None:
        raise NotImplementedError

    def compact(self, snapshot: Snapshot) -> None:
        raise NotImplementedError
