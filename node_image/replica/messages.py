"""What replicas say to each other: requests that a follower gives to the leader, and their answers.

Each request carries the follower's own number, never used twice, also not across restarts: an answer that comes late,
for a request of the process before, must not be taken for another one's. Messages may be lost; then the client hears
nothing, or `unavailable` in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node_image.replica.state import Query


@dataclass(frozen=True, slots=True)
class ForwardWrites:
    """(number, encoded command) each."""

    writes: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class ForwardReads:
    """Lease reads: (number, what is read, seconds to wait at most) each."""

    reads: tuple[tuple[int, Query, float], ...]


@dataclass(frozen=True, slots=True)
class ForwardAnswers:
    """(number, answer) each: the answer as the client gets it, without its `id`."""

    answers: tuple[tuple[int, dict[str, Any]], ...]


ReplicaMessage = ForwardWrites | ForwardReads | ForwardAnswers
