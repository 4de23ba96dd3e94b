"""Coverage: which states nodes have been in, as fingerprints.

A fingerprint is the hash of an abstract state of one node, taken of all of them when one changes its role or term, when
a leader commits, and when a process starts, ends, is stopped or goes on. What a state is (STATE): how many nodes
believe that they lead; and of the node, whichever its name, whether it runs, its role, how far its term is behind the
highest one, how its log's length relates to what is committed, how far the term of its last entry is behind, how much
of what is committed it knows to be, what it is in the newest configuration that it knows, and if it leads or wants to,
whether it reaches a quorum. Numbers are put into few classes, so that a state is met again, and a new one says
something.

Nodes are taken one by one, since a state of all of them together is hardly ever met again: after a hundred runs half of
those that a run was in were still new, and where a bug was found there were no more of them than elsewhere
(docs/exploring.md).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Machine
from node_image.raft import Raft, Role
from node_image.raft.quorum import has_quorum

State = tuple[Any, ...]

DOWN: Final = 0
FAR: Final = 10
"""Entries behind, from which on it is far."""
MOST_BEHIND: Final = 2
"""Terms: more are as many."""
MOST_LEADERS: Final = 2
NEVER_ASKED: Final = -1


class Coverage:
    """An Onlooker. `states`: each state that there was, with the time (ns) at which it was first there."""

    def __init__(self) -> None:
        self.states: dict[State, int] = {}
        self._told: dict[str, tuple[int, str]] = {}
        self._cluster: SimulatedCluster | None = None

    def attend(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster

    def sent(self, number: int, sender: str, to: str, message: Any) -> None:
        pass

    def delivered(self, number: int, sender: str, to: str) -> None:
        pass

    def lost(self, number: int, sender: str, to: str) -> None:
        pass

    def happened(self, node: str, event: str, **facts: Any) -> None:
        assert self._cluster is not None
        if event == "role":
            told = (facts["term"], facts["role"])
            if self._told.get(node) == told and told[1] != Role.LEADER:
                return  # a follower's commit index follows its leader's
            self._told[node] = told
        now = self._cluster.world.now()
        for state in abstract(self._cluster):
            self.states.setdefault(state, now)

    def fingerprints(self) -> list[tuple[int, int]]:
        """(fingerprint, time in ns), the oldest first. A fingerprint has 48 bits."""
        return [(_hash(state), time) for state, time in self.states.items()]


def _hash(state: State) -> int:
    return int.from_bytes(blake2b(repr(state).encode(), digest_size=6).digest(), "big")


def abstract(cluster: SimulatedCluster) -> list[State]:
    """Each node's STATE, as it is now. Nodes are told apart by what they are, not by name."""
    rafts = [machine.node.raft for machine in cluster.machines.values() if machine.node is not None]
    top_term = max((raft.term for raft in rafts), default=0)
    last_terms = {raft.id: raft.term_at(raft.last_index) or 0 for raft in rafts}
    top_last = max(last_terms.values(), default=0)
    committed = len(cluster.safety.committed)
    leaders = min(sum(raft.role is Role.LEADER for raft in rafts), MOST_LEADERS)
    return [
        (leaders, DOWN)
        if machine.node is None
        else (
            leaders,
            2 - machine.paused,
            _ROLES[machine.node.raft.role],
            min(top_term - machine.node.raft.term, MOST_BEHIND),
            _length_class(machine.node.raft.last_index - committed),
            min(top_last - last_terms[machine.node.raft.id], MOST_BEHIND),
            _lag_class(committed - machine.node.raft.commit),
            *_membership(machine.node.raft),
            _reach(cluster, machine, machine.node.raft),
        )
        for machine in cluster.machines.values()
    ]


_ROLES: Final = {role: number for number, role in enumerate(Role)}


def _length_class(beyond: int) -> int:
    """Of entries beyond what is committed: far behind, behind, equal, one ahead, more ahead."""
    if beyond < 0:
        return -2 if beyond <= -FAR else -1
    return min(beyond, 2)


def _lag_class(behind: int) -> int:
    if behind <= 0:
        return 0
    return 2 if behind >= FAR else 1


def _membership(raft: Raft) -> tuple[int, bool]:
    """Voter, learner or neither; and whether it knows of a change that is going on."""
    configuration = raft.configuration
    if raft.id in configuration.voters:
        return 2, configuration.is_joint
    return int(raft.id in configuration.learners), configuration.is_joint


def _reach(cluster: SimulatedCluster, machine: Machine, raft: Raft) -> int:
    """Whether a quorum runs, hears it and is heard by it. Followers are not asked: it takes a while to find out."""
    if raft.role is Role.FOLLOWER:
        return NEVER_ASKED
    hears = cluster.network.hears
    name = machine.name
    others = {
        other.name
        for other in cluster.running
        if other is machine or (not other.paused and hears(name, other.name) and hears(other.name, name))
    }
    return int(has_quorum(raft.configuration, others))
