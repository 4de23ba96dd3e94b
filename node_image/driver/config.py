"""How a node is set up, as far as the parts without I/O care. Times in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from node_image.bugs import BUGS
from node_image.raft import Configuration, RaftConfig
from node_image.replica import ReplicaConfig
from node_image.storage import SEGMENT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Raises ValueError for values that cannot work."""

    node: str
    peers: frozenset[str]
    """All nodes that this one can reach, itself among them."""
    voters: frozenset[str] | None = None
    """Those that vote at the very beginning, the same on every node; None: all peers. Later, the log says."""
    election_timeout_s: float = 0.5
    heartbeat_interval_s: float = 0.1
    snapshot_every_entries: int = 10_000
    """A snapshot is made when so many entries have been applied since the last one."""
    trailing_entries: int = 1000
    """Entries before a snapshot's end that stay in memory for followers that are slightly behind."""
    snapshot_chunk_bytes: int = 256 * 1024
    session_ttl_entries: int = 100_000
    segment_bytes: int = SEGMENT_BYTES
    bug: str | None = None

    def __post_init__(self) -> None:
        if self.node not in self.peers:
            raise ValueError(f"node {self.node} is not among its peers {', '.join(sorted(self.peers))}")
        if self.voters is not None and not self.voters <= self.peers:
            raise ValueError(f"voters {', '.join(sorted(self.voters - self.peers))} are not among the peers")
        if self.snapshot_every_entries < 1 or self.segment_bytes < 1 or self.trailing_entries < 0:
            raise ValueError("snapshot_every_entries and segment_bytes must be positive, trailing_entries not negative")
        if self.bug is not None and self.bug not in BUGS:
            raise ValueError(f"there is no bug {self.bug}; there are {', '.join(BUGS)}")
        _ = self.raft, self.replica

    @property
    def bugs(self) -> frozenset[str]:
        return frozenset() if self.bug is None else frozenset({self.bug})

    @property
    def raft(self) -> RaftConfig:
        return RaftConfig(
            node=self.node,
            configuration=Configuration(self.peers if self.voters is None else self.voters),
            election_timeout_s=self.election_timeout_s,
            heartbeat_interval_s=self.heartbeat_interval_s,
            snapshot_chunk_bytes=self.snapshot_chunk_bytes,
            trailing_entries=self.trailing_entries,
        )

    @property
    def replica(self) -> ReplicaConfig:
        return ReplicaConfig(session_ttl_entries=self.session_ttl_entries, peers=self.peers)
