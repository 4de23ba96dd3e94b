"""Mistakes with reads that make no log entry. (Those about followers' own reads are the replica's.)"""

from __future__ import annotations

from node_image import bugs
from node_image.raft.leader import Leadership
from node_image.raft.lease import Rounds
from node_image.raft.state import State
from node_image.raft.types import NodeId
from node_image.variants import mistake


@mistake(bugs.READ_WITHOUT_CONFIRMING, instead_of=Leadership)
class ReadsWithoutConfirming(Leadership):
    def read(self, asker: NodeId | None, number: int) -> None:
        self.reads.resolve(asker, number, self._state.log.committed)


@mistake(bugs.READ_BEFORE_OWN_COMMIT, instead_of=Leadership)
class ReadsBeforeItsOwnCommit(Leadership):
    @property
    def has_committed_in_its_term(self) -> bool:
        return True


@mistake(bugs.LEASE_IGNORES_DRIFT, instead_of=Rounds)
class LeaseOfAWholeTimeout(Rounds):
    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._lease_s = state.config.election_timeout_s


@mistake(bugs.LEASE_KEPT_THROUGH_TRANSFER, instead_of=Rounds)
class KeepsItsLease(Rounds):
    def give_up_leases(self) -> None:
        pass


@mistake(bugs.WALL_CLOCK_LEASE, instead_of=Rounds)
class LeaseOnTheWallClock(Rounds):
    """It starts and ends on a clock that somebody may set back."""

    def _clock(self) -> float:
        return self._state.wall
