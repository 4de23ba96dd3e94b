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
    clock_drift_bound: float = 0.1
    """How far the nodes' monotonic clocks may run apart, as a part of the time that passes: a lease is so much shorter
    than an election timeout (dissertation 6.4.1)."""
    snapshot_every_entries: int = 10_000
    """A snapshot is made when so many entries have been applied since the last one,"""
    snapshot_every_bytes: int = 64 << 20
    """or so many bytes of them. Between two snapshots the log grows in memory, whoever is away."""
    trailing_entries: int = 1000
    """Entries before a snapshot's end that stay in memory for followers that are slightly behind,"""
    trailing_bytes: int = 16 << 20
    """and how many bytes of them at most."""
    max_inflight: int = 64
    """Appends on their way to each follower,"""
    max_inflight_bytes: int = 8 << 20
    """and how many bytes of entries in them."""
    max_pending_bytes: int = 64 << 20
    """Of commands that wait for their answer; more are refused."""
    snapshot_chunk_bytes: int = 256 * 1024
    session_ttl_entries: int = 100_000
    segment_bytes: int = SEGMENT_BYTES
    bug: str | None = None

    def __post_init__(self) -> None:
        if self.node not in self.peers:
            raise ValueError(f"node {self.node} is not among its peers {', '.join(sorted(self.peers))}")
        if self.voters is not None and not self.voters <= self.peers:
            raise ValueError(f"voters {', '.join(sorted(self.voters - self.peers))} are not among the peers")
        if min(self.snapshot_every_entries, self.snapshot_every_bytes, self.segment_bytes) < 1:
            raise ValueError("snapshot_every_entries, snapshot_every_bytes and segment_bytes must be positive")
        if min(self.trailing_entries, self.trailing_bytes) < 0:
            raise ValueError("trailing_entries and trailing_bytes must not be negative")
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
            trailing_bytes=self.trailing_bytes,
            max_inflight=self.max_inflight,
            max_inflight_bytes=self.max_inflight_bytes,
            clock_drift_bound=self.clock_drift_bound,
        )

    @property
    def replica(self) -> ReplicaConfig:
        return ReplicaConfig(
            session_ttl_entries=self.session_ttl_entries,
            peers=self.peers,
            max_pending_bytes=self.max_pending_bytes,
        )
