"""What Raft nodes say to each other: the RPCs of the paper as one-way messages.

Every message carries its sender's term. A request that must be answered has its answer beside it. Answers name what
they answer (a match index, a heartbeat round, a chunk's offset, a request's number), so loss, duplication and
reordering need no sequence numbers of a transport. Nothing here changes after it is built: one object is handed to many
peers.
"""

from __future__ import annotations

from dataclasses import dataclass

from node_image.raft.types import Configuration, Entry


@dataclass(frozen=True, slots=True)
class RequestPreVote:
    """Would you vote for me in `term`, the term after mine? (dissertation 9.6). Nobody moves to that term."""

    term: int
    last_index: int
    last_term: int


@dataclass(frozen=True, slots=True)
class PreVoteResponse:
    """`term` is the term asked about when granted, the answerer's own when not."""

    term: int
    granted: bool


@dataclass(frozen=True, slots=True)
class RequestVote:
    """Paper, figure 2: RequestVote RPC. The candidate is the sender. `transfer`: the leader has told it to campaign, so
    the voters need not wait until they miss that leader (dissertation 4.2.3, last paragraph)."""

    term: int
    last_index: int
    last_term: int
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class VoteResponse:
    term: int
    granted: bool


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """Paper, figure 2: AppendEntries RPC. `entries` are contiguous and begin at `previous_index + 1`; they may be
    empty (a probe)."""

    term: int
    previous_index: int
    previous_term: int
    commit: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class AppendAccepted:
    """The sender's durable log equals the leader's up to and with `match`."""

    term: int
    match: int


@dataclass(frozen=True, slots=True)
class AppendRejected:
    """The sender has no entry of the previous term at `previous_index`. The hint is the last place where the logs may
    still agree: the sender's last entry at or before `previous_index` whose term is not above the term asked for
    (paper 5.3, the last paragraphs: one round trip for each conflicting term, not for each entry)."""

    term: int
    previous_index: int
    hint_index: int
    hint_term: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """An empty AppendEntries that checks nothing. `commit` is at most what the leader knows the receiver to match.
    `round` is echoed, which confirms leadership for reads and leases; round 0 asks for no answer and only brings the
    commit index."""

    term: int
    commit: int
    round: int


@dataclass(frozen=True, slots=True)
class HeartbeatResponse:
    """Round 0 confirms nothing: it tells a leader of an older term about the newer one."""

    term: int
    round: int


@dataclass(frozen=True, slots=True)
class InstallSnapshot:
    """One piece of a snapshot (paper, figure 13): bytes [offset, offset + len(data)) of the state that ends at entry
    (`index`, `snapshot_term`); `done` marks the last piece."""

    term: int
    index: int
    snapshot_term: int
    configuration: Configuration
    offset: int
    data: bytes
    done: bool


@dataclass(frozen=True, slots=True)
class InstallSnapshotResponse:
    """`offset`: how many bytes of the snapshot that ends at `index` the sender holds, so where to go on. The last piece
    is answered by AppendAccepted instead, when the snapshot is durable."""

    term: int
    index: int
    offset: int


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader hands over: campaign at once, as if the election timer had run out (dissertation 3.10)."""

    term: int


@dataclass(frozen=True, slots=True)
class ReadIndexRequest:
    """A follower asks its leader for an index that is safe to read at (dissertation 6.4). `request` is the follower's
    own number for a batch of reads, never used twice, also across restarts."""

    term: int
    request: int


@dataclass(frozen=True, slots=True)
class ReadIndexResponse:
    """`index` is None when the receiver could not confirm that it leads."""

    term: int
    request: int
    index: int | None


Message = (
    RequestPreVote
    | PreVoteResponse
    | RequestVote
    | VoteResponse
    | AppendEntries
    | AppendAccepted
    | AppendRejected
    | Heartbeat
    | HeartbeatResponse
    | InstallSnapshot
    | InstallSnapshotResponse
    | TimeoutNow
    | ReadIndexRequest
    | ReadIndexResponse
)
