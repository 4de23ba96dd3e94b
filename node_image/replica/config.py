"""How a replica is set up. Only `session_ttl_entries` matters to the state: it must be the same on every node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaConfig:
    """Raises ValueError for values that cannot work."""

    session_ttl_entries: int = 100_000
    """A session that has not been used for more entries than this is forgotten."""
    read_timeout_s: float = 5.0
    """How long a read may wait for its index, where the request does not say."""
    forward_timeout_s: float = 60.0
    """How long a follower remembers a request that it gave to the leader."""
    peers: frozenset[str] | None = None
    """The nodes that a configuration may name; None: any."""
    max_pending: int = 10_000
    """Proposals without an answer; more are refused at once."""
    max_pending_bytes: int = 64 << 20
    """Of their commands. While there is no majority, this is how much an unlucky leader's log grows."""

    def __post_init__(self) -> None:
        if min(self.session_ttl_entries, self.max_pending, self.max_pending_bytes) < 1:
            raise ValueError("session_ttl_entries, max_pending and max_pending_bytes must be positive")
        if self.read_timeout_s <= 0 or self.forward_timeout_s <= 0:
            raise ValueError("read_timeout_s and forward_timeout_s must be positive")
