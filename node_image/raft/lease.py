"""Heartbeat rounds: what they confirm, and for how long (dissertation 6.4 and 6.4.1).

A round is one heartbeat to every other member, all with the same number. When a quorum has echoed the number, this node
was the leader at some moment after the round was sent; reads that waited for it may be answered. It also has a lease
from the moment the round was *sent*: every voter of the quorum bars its vote for an election timeout from receiving it,
which is later. The lease is shorter by the bound on clock drift, and a round that comes back late has less of it left.

A leader that has told another node to campaign has no lease for the rest of its term, also if the transfer comes to
nothing: the message may arrive at any time later, and the votes that it brings about are not barred (6.4.1).
"""

from __future__ import annotations

from collections import deque

from node_image.raft.quorum import agreed_index
from node_image.raft.state import State
from node_image.raft.types import NodeId


class Rounds:
    """`confirmed <= last`. Belongs to one term of one leader, and goes with it."""

    __slots__ = ("_echoed", "_grants_leases", "_lease_s", "_lease_until", "_sent", "_state", "confirmed", "last")

    def __init__(self, state: State) -> None:
        self._state = state
        self._lease_s = state.config.lease_s
        self.last = 0
        self.confirmed = 0
        self._echoed: dict[NodeId, int] = {}
        self._sent: deque[tuple[int, float]] = deque()
        self._lease_until = float("-inf")
        self._grants_leases = True

    def begin(self) -> int:
        """The number for a round of heartbeats that is sent now. Call `advance` for what it confirms by itself."""
        self.last += 1
        self._sent.append((self.last, self._clock()))
        self._echoed[self._state.id] = self.last
        return self.last

    def echoed(self, follower: NodeId, number: int) -> bool:
        """True if this has confirmed a round."""
        if number > self.last or number <= self._echoed.get(follower, 0):
            return False
        self._echoed[follower] = number
        return self.advance()

    def advance(self) -> bool:
        number = agreed_index(self._state.configuration, self._echoed)
        if number <= self.confirmed:
            return False
        self.confirmed = number
        sent_at = float("-inf")
        while self._sent and self._sent[0][0] <= number:
            sent_at = self._sent.popleft()[1]
        # A later round never shortens the lease: on a clock that only goes forward this is no choice at all.
        self._lease_until = max(self._lease_until, sent_at + self._lease_s)
        return True

    def lease_is_valid(self) -> bool:
        """As of the last input's clock."""
        return self._grants_leases and self._clock() < self._lease_until

    def give_up_leases(self) -> None:
        """For good."""
        self._grants_leases = False

    def _clock(self) -> float:
        return self._state.now
