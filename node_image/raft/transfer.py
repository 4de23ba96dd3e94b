"""Leadership transfer (dissertation 3.10): the leader takes no more proposals, brings one voter's log up to its own,
and tells it to campaign at once. If that voter has not been elected within an election timeout, the leader goes on.

From when it has told another node to campaign, the leader gives no more reads by its lease (6.4.1, see `lease`).
"""

from __future__ import annotations

from node_image.raft.lease import Rounds
from node_image.raft.messages import TimeoutNow
from node_image.raft.replication import Replication
from node_image.raft.state import State
from node_image.raft.types import NodeId


class Transfer:
    __slots__ = ("_replication", "_rounds", "_state", "_told", "deadline", "to")

    def __init__(self, state: State, replication: Replication, rounds: Rounds, to: NodeId) -> None:
        self._state = state
        self._replication = replication
        self._rounds = rounds
        self._told = False
        self.to = to
        self.deadline = state.now + state.config.election_timeout_s

    def advance(self) -> None:
        """Tell it, if it is time."""
        state = self._state
        if self._told or self._replication.progress[self.to].match < state.log.last_index:
            return
        self._told = True
        self._rounds.give_up_leases()
        state.send(self.to, TimeoutNow(state.term))

    def heartbeat_interval_passed(self) -> None:
        """The message may have been lost."""
        self._told = False
