"""The values that Raft speaks of: entries, hard state, configurations, snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

NodeId = str
Term = NewType("Term", int)
Index = NewType("Index", int)


class Role(StrEnum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


class EntryKind(IntEnum):
    NOOP = 0
    """The first entry of every leader's term (dissertation 6.4)."""
    COMMAND = 1
    CONFIGURATION = 2
    """In force as soon as it is appended (see `configurations`)."""


@dataclass(frozen=True, slots=True)
class Entry:
    term: int
    index: int
    kind: EntryKind
    data: bytes
    """COMMAND: what the replica encoded; raft never looks inside. CONFIGURATION: see `configurations`."""


@dataclass(frozen=True, slots=True)
class HardState:
    """What must be durable before any answer that depends on it (paper, figure 2: persistent state)."""

    term: int = 0
    vote: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Configuration:
    """Sets of voters: one in the steady state, two while it changes (joint consensus, paper section 6). A decision
    needs a majority of each. Learners get the log and do not count (dissertation 4.2.1)."""

    voters: frozenset[NodeId]
    """While it changes: those of C_new."""
    outgoing: frozenset[NodeId] = frozenset()
    """While it changes: those of C_old; else empty."""
    learners: frozenset[NodeId] = frozenset()
    """Never in `voters`; one that is in `outgoing` is a voter that becomes a learner."""

    @property
    def is_joint(self) -> bool:
        return bool(self.outgoing)

    @property
    def members(self) -> frozenset[NodeId]:
        return self.voters | self.outgoing | self.learners

    def has_voter(self, node: NodeId) -> bool:
        return node in self.voters or node in self.outgoing


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after applying entries up to and with `index`."""

    index: int
    term: int
    configuration: Configuration
    data: bytes
