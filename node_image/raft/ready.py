"""What Raft hands out: everything that has to happen because of the inputs since the last time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from node_image.raft.messages import Message
from node_image.raft.types import Entry, HardState, NodeId, Snapshot


@dataclass(frozen=True, slots=True)
class ReadState:
    """The outcome of one `read_index`: the state at `index`, or later, answers the read. None: it could not be
    confirmed, the read certainly failed. A read without any outcome is one to time out."""

    context: int
    index: int | None


class Notice(Enum):
    """What a leader gives up, and goes on leading."""

    CHANGE_ABANDONED = "the new voters do not catch up; they stay learners"
    TRANSFER_ABANDONED = "the node that was to lead has not been elected within an election timeout"


@dataclass(frozen=True, slots=True)
class Ready:
    """To be carried out in this order: store `snapshot`, then `hard_state` and `entries`; send `messages` at once, and
    `messages_after_sync` when what this Ready and all earlier ones store is durable (then also call
    `Raft.persisted(number)`). `committed` may be applied at once, after `snapshot` has replaced the state."""

    number: int
    """Increases from one Ready to the next."""
    hard_state: HardState | None
    """Not None if it has changed."""
    entries: tuple[Entry, ...]
    """To append. If the first one's index is not above the last one stored, the stored log is cut from there first."""
    snapshot: Snapshot | None
    """Received whole: replaces the stored log and the state."""
    messages: tuple[tuple[NodeId, Message], ...]
    messages_after_sync: tuple[tuple[NodeId, Message], ...]
    committed: tuple[Entry, ...]
    """Newly committed, contiguous, to be applied in order, each handed out once."""
    reads: tuple[ReadState, ...]
    changed: bool
    """Role, term or leader is not what it was at the last Ready."""
    notices: tuple[Notice, ...] = ()
