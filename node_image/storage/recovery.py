"""From the files that a crash left behind to what the node knew.

The segments are replayed in order; then the snapshot file decides what of the log still stands (`_behind_snapshot`).
The files must fit together: segments without a gap in their sequence, entries without a gap in their indexes, the
snapshot at least as new as the log says that one was durable. What does not fit is refused, for then something that
was durable is gone.

What is recovered need not be durable: after a kill (not a power failure) the bytes of the last batch are there, in the
kernel's memory only. The node must sync the log once before anything leaves that depends on it; `Storage.begin` writes
the batch for that sync.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from node_image.driver.effects import Truncate, Write
from node_image.raft.types import Entry, HardState, Snapshot
from node_image.storage import payloads
from node_image.storage.errors import Corrupt
from node_image.storage.payloads import Malformed, RecordType
from node_image.storage.records import Record
from node_image.storage.segment import Segment, read_segment, segment_name, segment_sequence
from node_image.storage.snapshot_file import SNAPSHOT_FILE, decode_snapshot


@dataclass(slots=True)
class SegmentInfo:
    """`last_index`: the highest index of any entry that was ever written to the segment; 0 for none."""

    sequence: int
    size: int
    last_index: int = 0

    @property
    def file(self) -> str:
        return segment_name(self.sequence)


@dataclass(frozen=True, slots=True)
class Recovered:
    """`entries` follow the snapshot (or begin at 1) without a gap. `effects` cut a torn tail (and, with a bug, write
    again what was found there); they come before any other write. The rest is for `Storage` to write on from: the
    segments that are there, how much of the last one is known to be durable, and the index of the snapshot that the
    log knows of."""

    hard_state: HardState
    snapshot: Snapshot | None
    entries: list[Entry]
    effects: Sequence[Truncate | Write]
    segments: list[SegmentInfo]
    durable: int
    marked_index: int


def recover(files: Mapping[str, bytes]) -> Recovered:
    """What the files say; an empty mapping is a node's first start. Files with other names are left alone. Raises
    Corrupt if bytes that were durable are damaged or missing."""
    snapshot = decode_snapshot(files[SNAPSHOT_FILE]) if SNAPSHOT_FILE in files else None
    replay = _Replay()
    effects: list[Truncate] = []
    infos: list[SegmentInfo] = []
    durable = 0
    sequences = _sequences(files, snapshot)
    for sequence in sequences:
        data = files[segment_name(sequence)]
        segment = read_segment(sequence, data, last=sequence == sequences[-1])
        _check_previous(infos, segment)
        if segment.size < len(data):
            effects.append(Truncate(segment_name(sequence), segment.size))
        infos.append(SegmentInfo(sequence, segment.size, replay.run(segment)))
        durable = segment.durable
    entries = _behind_snapshot(replay, snapshot)
    hard_state = _at_least(replay.hard_state, snapshot)
    return Recovered(hard_state, snapshot, entries, effects, infos, durable, replay.floor)


def _sequences(files: Mapping[str, bytes], snapshot: Snapshot | None) -> list[int]:
    found = sorted(sequence for file in files if (sequence := segment_sequence(file)) is not None)
    if snapshot is not None and not found:
        raise Corrupt(segment_name(1), 0, "there is a snapshot but no log")
    if snapshot is None and found and found[0] != 1:
        raise Corrupt(segment_name(1), 0, "the first segment is missing and there is no snapshot")
    for older, newer in itertools.pairwise(found):
        if newer != older + 1:
            raise Corrupt(segment_name(older + 1), 0, f"the segment before {segment_name(newer)} is missing")
    return found


def _check_previous(infos: Sequence[SegmentInfo], segment: Segment) -> None:
    if not infos or segment.previous_bytes is None or infos[-1].size == segment.previous_bytes:
        return
    before = infos[-1]
    raise Corrupt(before.file, before.size, f"it was {segment.previous_bytes} bytes long when the next segment began")


@dataclass(slots=True)
class _Replay:
    """The log as the records make it: `entries` begin at `base + 1`; `floor` is the highest snapshot marker. `base` is
    None before the first entry: the segments that are left may begin anywhere below the last snapshot's end."""

    hard_state: HardState = field(default_factory=HardState)
    entries: list[Entry] = field(default_factory=list)
    base: int | None = None
    floor: int = 0

    def run(self, segment: Segment) -> int:
        """Replay a segment; the highest index of its entries."""
        highest = 0
        file = segment_name(segment.sequence)
        for record in segment.records:
            try:
                highest = max(highest, self._apply(record))
            except Malformed as error:
                raise Corrupt(file, record.offset, str(error)) from error
        return highest

    def _apply(self, record: Record) -> int:
        match record.type:
            case RecordType.BATCH:
                pass
            case RecordType.HARD_STATE:
                self.hard_state = payloads.read_hard_state(record.payload)
            case RecordType.ENTRIES:
                return self._append(payloads.read_entries(record.payload))
            case RecordType.SNAPSHOT:
                self._mark(*payloads.read_snapshot(record.payload))
            case _:
                raise Malformed(f"unknown record type {record.type}")
        return 0

    def _append(self, run: list[Entry]) -> int:
        first = run[0].index
        if first <= self.floor:
            raise Malformed(f"entry {first} where a snapshot up to {self.floor} is durable")
        if self.base is None or first <= self.base:
            self.base, self.entries = first - 1, []
        kept = first - 1 - self.base
        if kept > len(self.entries):
            raise Malformed(f"entry {first} follows {self.base + len(self.entries)}")
        del self.entries[kept:]
        self.entries += run
        return run[-1].index

    def _mark(self, index: int, term: int) -> None:
        # The same one twice: after a crash it was marked again, and the segment with its first marker, which had been
        # removed, is back because the folder was not synced.
        if index < self.floor:
            raise Malformed(f"a snapshot up to {index} is marked after one up to {self.floor}")
        self.floor = index
        if self.base is not None and self.base <= index:
            # Otherwise the segments that held the log around the snapshot have been removed.
            self.entries = behind(index, term, self.base, self.entries)
            self.base = index


def behind(index: int, term: int, base: int, entries: list[Entry]) -> list[Entry]:
    """The entries that follow a snapshot in a log that begins at `base + 1 <= index + 1`. A log that does not hold the
    snapshot's last entry is void from its first entry on (paper, figure 13, steps 6 and 7)."""
    if base + len(entries) < index:
        return []
    if base == index:
        return entries
    position = index - base
    return entries[position:] if entries[position - 1].term == term else []


def _behind_snapshot(replay: _Replay, snapshot: Snapshot | None) -> list[Entry]:
    index = snapshot.index if snapshot else 0
    if replay.floor > index:
        raise Corrupt(SNAPSHOT_FILE, 0, f"the log knows of a snapshot up to {replay.floor}, here is one up to {index}")
    if replay.base is not None and replay.base > index:
        raise Corrupt(SNAPSHOT_FILE, 0, f"entries {index + 1} to {replay.base} are missing")
    if snapshot is None or replay.base is None:
        return replay.entries
    return behind(index, snapshot.term, replay.base, replay.entries)


def _at_least(hard_state: HardState, snapshot: Snapshot | None) -> HardState:
    """A snapshot is durable before the term in which it came. A crash between the two leaves a term below the
    snapshot's; nothing was answered in the newer term, so it is entered with the vote free."""
    if snapshot is None or hard_state.term >= snapshot.term:
        return hard_state
    return HardState(snapshot.term)
