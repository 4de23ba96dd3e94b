"""The levels of read consistency, what each one means, and which follow from which.

A history has writes (compare-and-sets are writes, also where they did not match) and reads of one mode. Writes are
linearizable in every mode; what differs is how reads fit to them. So every level below says: there is a linearization
of the writes, the *order*, with which each read is explained in the way that the level asks for. (Reads alone being
weak is what Lev-Ari, Bortnikov, Keidar and Shraer call ordered sequential consistency, "Composing Ordered Sequential
Consistency", Inf. Process. Lett. 123, 2017. A write that was acknowledged before another was sent stands before it.)

A read returns the value of one write, its *source*, or the initial value. A level names writes that a read must have
seen, its *past*; none of them that is to the same key may stand after the source in the order.

- **linearizable** (Herlihy and Wing 1990): all operations together have one linearization.
- **sequential** (Lamport 1979): one order of all operations contains that of the writes and each session's own order,
  and each read returns the value written last before it.
- **causal**: the past of a read is all that precedes it by session order and reads-from, and their combinations. The
  order of the writes must contain that precedence. (Causal convergence of Bouajjani, Enea, Guerraoui and Hamza, "On
  Verifying Causal Consistency", POPL 2017, section 3: it is the kind that has one order of writes for everybody.)
- Session guarantees (Terry, Demers, Petersen, Spreitzer, Theimer and Welch, "Session Guarantees for Weakly Consistent
  Replicated Data", PDIS 1994), each by itself:
  **read your writes**: the past is what the session itself wrote before.
  **monotonic reads**: the past is what the session had read before.
  **monotonic writes**: where a write is seen, so are those that its session wrote before it.
  **writes follow reads**: where a write is seen, so are those that its session had read before it, and so on from
  those.
- **eventual** (`eventual`): after all writes have ended and all faults were lifted, everybody comes to read one value
  that was written last.

The last two session guarantees are about what one server's state holds: a server that has a write has those too on
which it depends. Terry's servers only gain writes. So a server is watched through the reads that one session got from
one node while no node was restarted; a read's past is then what the sources of these reads, up to and with this one,
bring along. Reads that name no node count as answered by one. On a key by itself monotonic writes add nothing to an
order that already respects time; they show across keys.

Each level follows from a stronger one, since its past is a part of the stronger one's. Eventual follows only from
linearizable: a session may stay in the past for ever and still be sequential. All four session guarantees together
are not yet causal here, since a session may read from several nodes, and each is judged by itself.

A session is what one process did until its first unknown operation, which may take effect late; who goes on then has
a new number and is a new session. A read that returned before the write of its value was invoked is explained by
nothing, at any level.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """From the strongest down."""

    LINEARIZABLE = "linearizable"
    SEQUENTIAL = "sequential"
    CAUSAL = "causal"
    READ_YOUR_WRITES = "read your writes"
    MONOTONIC_READS = "monotonic reads"
    MONOTONIC_WRITES = "monotonic writes"
    WRITES_FOLLOW_READS = "writes follow reads"
    EVENTUAL = "eventual"


SESSION_GUARANTEES: Final = (
    Level.READ_YOUR_WRITES,
    Level.MONOTONIC_READS,
    Level.MONOTONIC_WRITES,
    Level.WRITES_FOLLOW_READS,
)

WEAKER: Final[Mapping[Level, Collection[Level]]] = {
    Level.LINEARIZABLE: tuple(Level)[1:],
    Level.SEQUENTIAL: (Level.CAUSAL, *SESSION_GUARANTEES),
    Level.CAUSAL: SESSION_GUARANTEES,
    **dict.fromkeys((*SESSION_GUARANTEES, Level.EVENTUAL), ()),
}
"""Level -> all that follow from it."""


def stronger(level: Level) -> list[Level]:
    """All from which it follows."""
    return [other for other in Level if level in WEAKER[other]]


def strongest(levels: Collection[Level]) -> list[Level]:
    """Those that do not follow from another of them."""
    return [level for level in Level if level in levels and not set(stronger(level)) & set(levels)]
