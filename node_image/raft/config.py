"""How one Raft node is set up. Times in seconds, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass

from node_image.raft.types import Configuration, NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class RaftConfig:
    """Raises ValueError for values that cannot work."""

    node: NodeId
    configuration: Configuration
    """The voters at the very beginning; a snapshot's configuration comes before it."""
    election_timeout_s: float = 0.5
    """T. Elections start after a random time in [T, 2T) without a leader; a leader looks for its quorum every T."""
    heartbeat_interval_s: float = 0.1
    max_entries_per_message: int = 1024
    max_bytes_per_message: int = 1 << 20
    """Of entries' data; a single larger entry still goes, alone."""
    max_inflight: int = 64
    """Unanswered AppendEntries for each follower."""
    max_inflight_bytes: int = 8 << 20
    """Of entries' data in them. The one that passes this limit is the last."""
    snapshot_chunk_bytes: int = 256 * 1024
    trailing_entries: int = 1000
    """Kept in memory before a snapshot's end, so that a follower slightly behind needs no snapshot."""
    trailing_bytes: int = 16 << 20
    """Of their data, at most."""
    clock_drift_bound: float = 0.1
    """A lease lasts T * (1 - bound), counted from when the confirming round was sent."""

    def __post_init__(self) -> None:
        if not 0 < self.heartbeat_interval_s < self.election_timeout_s:
            raise ValueError("heartbeat_interval_s must be positive and below election_timeout_s")
        if not 0 <= self.clock_drift_bound < 1:
            raise ValueError("clock_drift_bound must be in [0, 1)")
        limits = (
            self.max_entries_per_message,
            self.max_inflight,
            self.max_inflight_bytes,
            self.snapshot_chunk_bytes,
        )
        if min(limits) < 1:
            raise ValueError(
                "max_entries_per_message, max_inflight, max_inflight_bytes and snapshot_chunk_bytes must be positive"
            )
        if not self.configuration.voters:
            raise ValueError("a configuration needs at least one voter")

    @property
    def lease_s(self) -> float:
        return self.election_timeout_s * (1 - self.clock_drift_bound)
