"""What a leader knows of one follower's log, and how much it sends ahead of that.

    PROBE      where the logs agree is not known: one message at a time
    REPLICATE  it is known: messages are sent ahead of their answers, up to a number of them and of bytes
    SNAPSHOT   what the follower needs next is compacted away: pieces of a snapshot, one at a time

    PROBE -> REPLICATE          an append was accepted
    REPLICATE -> PROBE          an append was rejected (something before it was lost)
    PROBE, REPLICATE -> SNAPSHOT  the entry before the next one is no longer in the log
    SNAPSHOT -> REPLICATE       the follower has it all, or its log reaches the leader's first entry

Loss is noticed by the next append's rejection, or, when nothing follows, on the heartbeat timer: a follower that has
answered nothing new since the last one, and answers heartbeats, is sent something again.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from node_image.raft.types import Snapshot


class Flow(Enum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Progress:
    """Invariant: match < next. `match` is what is known to be equal and durable there."""

    __slots__ = (
        "commit_sent",
        "flow",
        "inflight",
        "inflight_bytes",
        "match",
        "moved",
        "next",
        "offset",
        "probing",
        "snapshot",
        "stalled",
    )

    def __init__(self, next_index: int) -> None:
        self.match = 0
        self.next = next_index
        self.flow = Flow.PROBE
        self.probing = False
        """PROBE: a message is on its way."""
        self.inflight: deque[tuple[int, int]] = deque()
        """REPLICATE: the last index of each unanswered message, and its bytes."""
        self.inflight_bytes = 0
        self.snapshot: Snapshot | None = None
        """SNAPSHOT: the one being sent; kept although the leader may have a newer one by now."""
        self.offset = 0
        """SNAPSHOT: how many bytes the follower has; the piece from there is on its way."""
        self.commit_sent = 0
        self.moved = False
        self.stalled = False

    def can_send(self, max_inflight: int, max_bytes: int) -> bool:
        if self.flow is Flow.REPLICATE:
            return len(self.inflight) < max_inflight and self.inflight_bytes < max_bytes
        return self.flow is Flow.PROBE and not self.probing

    def sent(self, last: int, size: int) -> None:
        """An append of `size` bytes that ends at `last` was sent."""
        if self.flow is Flow.PROBE:
            self.probing = True
        else:
            self.next = last + 1
            self.inflight.append((last, size))
            self.inflight_bytes += size

    def accepted(self, match: int, log_offset: int) -> None:
        self.moved = True
        if match > self.match:
            self.match = match
            self.next = max(self.next, match + 1)
        inflight = self.inflight
        while inflight and inflight[0][0] <= match:
            self.inflight_bytes -= inflight.popleft()[1]
        if self.flow is Flow.PROBE or (self.flow is Flow.SNAPSHOT and self._is_through(log_offset)):
            self._replicate()

    def _is_through(self, log_offset: int) -> bool:
        """The snapshot is there, or not needed any more. The log may have been compacted further in the meantime: then
        the next thing sent is the next snapshot."""
        assert self.snapshot is not None
        return self.match >= min(self.snapshot.index, log_offset)

    def rejected(self, previous_index: int, agreed: int) -> bool:
        """The check at `previous_index` failed; at most the entries up to `agreed` are equal. False: old news."""
        if self.flow is Flow.SNAPSHOT or not self.match < previous_index < self.next:
            return False
        if self.flow is Flow.PROBE and previous_index != self.next - 1:
            return False
        self.moved = True
        self.probe_from(max(min(previous_index, agreed + 1), self.match + 1))
        return True

    def probe_from(self, next_index: int) -> None:
        self.flow = Flow.PROBE
        self.next = next_index
        self.probing = False
        self._forget_inflight()

    def _replicate(self) -> None:
        self.flow = Flow.REPLICATE
        self.next = self.match + 1
        self.snapshot = None
        self._forget_inflight()

    def install(self, snapshot: Snapshot) -> None:
        self.flow = Flow.SNAPSHOT
        self.snapshot = snapshot
        self.offset = 0
        self._forget_inflight()

    def _forget_inflight(self) -> None:
        self.inflight.clear()
        self.inflight_bytes = 0

    def heartbeat_interval_passed(self) -> None:
        self.stalled = not self.moved and self._waits
        self.moved = False

    @property
    def _waits(self) -> bool:
        if self.flow is Flow.REPLICATE:
            return self.next > self.match + 1
        return self.flow is Flow.SNAPSHOT or self.probing
