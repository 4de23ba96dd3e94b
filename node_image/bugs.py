"""Deliberate bugs: mistakes that people really make, each behind one named switch, to prove that the harness finds
them. None is on by default. A node is started with at most one (`--bug NAME`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Bug:
    name: str
    description: str
    breaks: str
    """The rule that is broken, with its section."""


READ_WITHOUT_CONFIRMING: Final = Bug(
    "read-without-confirming",
    "a leader answers linearizable reads from its own state without confirming that it still leads",
    "Ongaro's dissertation, section 6.4, step 3: a round of heartbeats before a read-only query is answered",
)
IGNORE_CLIENT_INDEX: Final = Bug(
    "ignore-client-index",
    "a node answers a sequential read at once, without waiting until it has applied the client's index",
    "the sequential read's promise: reads see the client's own writes and never go back",
)
ACK_BEFORE_SYNC: Final = Bug(
    "ack-before-sync",
    "a node acknowledges entries and votes before its disk has them, and syncs later",
    "Raft paper, figure 2: persistent state is updated on stable storage before responding to RPCs",
)
WALL_CLOCK_LEASE: Final = Bug(
    "wall-clock-lease",
    "a leader measures its read lease on the wall clock instead of the monotonic clock",
    "Ongaro's dissertation, section 6.4.1: leases rely on bounded clock drift, which wall clocks do not keep",
)

BUGS: Final = {
    bug.name: bug for bug in (READ_WITHOUT_CONFIRMING, IGNORE_CLIENT_INDEX, ACK_BEFORE_SYNC, WALL_CLOCK_LEASE)
}
