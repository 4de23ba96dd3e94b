"""Writing the log: batches, segments, and what a snapshot lets go of.

The rules that recovery relies on (see `segment` and `recovery`):
- A batch is one write; the caller syncs it before it asks for the next (a node with a bug may do so later: each batch
  says truthfully how much was durable).
- A segment is begun only when the one before is durable, and opens with the hard state, so that any run of newest
  segments stands alone.
- A segment goes when a durable snapshot covers every entry in it, oldest first, and only when the newest segment's
  first batch (with the hard state) is durable.
- A snapshot marker is written after the snapshot is durable and after every entry that the snapshot covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from node_image.driver.effects import Remove, Write
from node_image.raft.types import Entry, HardState
from node_image.storage import payloads
from node_image.storage.payloads import RecordType
from node_image.storage.records import frame, gap_before_record
from node_image.storage.recovery import Recovered, SegmentInfo
from node_image.storage.segment import segment_header

SEGMENT_BYTES: Final = 8 << 20


class Storage:
    """The log's writer. Sans-IO: it hands out Write and Remove effects; the caller syncs `file` and says so."""

    def __init__(self, recovered: Recovered, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._segment_bytes = segment_bytes
        self._segments = [*recovered.segments] or [SegmentInfo(1, 0)]
        self._durable = recovered.durable
        """Bytes of the newest segment that are durable; never more than its size."""
        self._hard_state = recovered.hard_state
        self._written_hard_state = recovered.hard_state
        """The one before what is gathered."""
        self._snapshot_index = recovered.marked_index
        self._records: list[tuple[RecordType, bytes]] = []
        self.stored_bytes = 0
        """Of all records since the start, before they are deflated."""
        self._last_index = 0
        """The highest index among the gathered entries."""
        self._begin(recovered)

    def _begin(self, recovered: Recovered) -> None:
        """The first batch after a start repeats the hard state (so that there is a file to sync), and marks a
        snapshot that became durable just before the crash: the log behind it may have been void."""
        self._gather(RecordType.HARD_STATE, payloads.hard_state(self._hard_state))
        if recovered.snapshot is not None and recovered.snapshot.index > recovered.marked_index:
            self.mark_snapshot(recovered.snapshot.index, recovered.snapshot.term)

    @property
    def file(self) -> str:
        """The segment that was written last."""
        return self._segments[-1].file

    @property
    def gathered(self) -> bool:
        """Whether there is anything for the next batch."""
        return bool(self._records)

    @property
    def unsynced(self) -> bool:
        return self._durable < self._segments[-1].size

    def append(self, hard_state: HardState | None, entries: Sequence[Entry]) -> None:
        """Gather for the next batch. The entries' indexes follow each other; what was stored from the first one on
        is cut."""
        if hard_state is not None:
            self._hard_state = hard_state
            self._gather(RecordType.HARD_STATE, payloads.hard_state(hard_state))
        if entries:
            self._last_index = max(self._last_index, entries[-1].index)
            self._gather(RecordType.ENTRIES, payloads.entries(entries))

    def mark_snapshot(self, index: int, term: int) -> None:
        """A snapshot is durable, and every entry that it covers has been appended or never will be. One that is older
        than the last is of no use any more (it was on its way when a newer one was received)."""
        if index <= self._snapshot_index:
            return
        self._snapshot_index = index
        self._gather(RecordType.SNAPSHOT, payloads.snapshot(index, term))

    def _gather(self, record_type: RecordType, payload: bytes) -> None:
        self.stored_bytes += len(payload)
        self._records.append((record_type, payload))

    def write(self) -> Write:
        """Everything gathered, as one batch at the end of `file` (which may be a new one)."""
        assert self._records
        segment = self._segments[-1]
        if segment.size >= self._segment_bytes and not self.unsynced:
            segment = self._rotate()
        records = [(RecordType.BATCH, payloads.batch(self._durable)), *self._records]
        data = self._encode(segment, records)
        segment.size += len(data)
        segment.last_index = max(segment.last_index, self._last_index)
        self._records, self._last_index = [], 0
        self._written_hard_state = self._hard_state
        return Write(segment.file, data)

    def _rotate(self) -> SegmentInfo:
        segment = SegmentInfo(self._segments[-1].sequence + 1, 0)
        self._segments.append(segment)
        self._durable = 0
        self._records.insert(0, (RecordType.HARD_STATE, payloads.hard_state(self._written_hard_state)))
        return segment

    def _encode(self, segment: SegmentInfo, records: Sequence[tuple[RecordType, bytes]]) -> bytes:
        pieces = [self._header(segment)] if segment.size == 0 else []
        at = segment.size + sum(map(len, pieces))
        for record_type, payload in records:
            gap = gap_before_record(at)
            piece = frame(segment.sequence, at + gap, record_type, payload)
            pieces += bytes(gap), piece
            at += gap + len(piece)
        return b"".join(pieces)

    def _header(self, segment: SegmentInfo) -> bytes:
        previous = [before.size for before in self._segments if before.sequence == segment.sequence - 1]
        return segment_header(segment.sequence, previous[0] if previous else 0)

    def synced(self) -> list[Remove]:
        """All that was written is durable. What may go now."""
        self._durable = self._segments[-1].size
        return self._release()

    def _release(self) -> list[Remove]:
        removed: list[Remove] = []
        if self._snapshot_index == 0:
            return removed
        while len(self._segments) > 1 and self._segments[0].last_index <= self._snapshot_index:
            removed.append(Remove(self._segments.pop(0).file))
        return removed
