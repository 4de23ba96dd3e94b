"""One segment file of the write-ahead log: its header, and what of it can be believed after a crash.

    header: magic 8 bytes | version 2 | sequence 8 | size of the segment before 8 | crc32 4    then records (`records`)

**How the log is written.** Records gather in memory while a sync runs, and then go out as one batch: one write, one
sync. Every batch opens with a BATCH record that says how many bytes of this file were durable when the batch was
written. A new segment is begun only when all of the one before is durable.

**What a crash can leave.** Synced bytes stay. Of the bytes behind them any part may be missing: the file may end
anywhere in them, and since the kernel writes pages back in any order, the file may also have its full length with
sectors that never reached the disk and read as zeros, with sound records behind them.

**Tear or damage?** At the first byte that is not a sound record, recovery looks for sound records behind it:
- none behind it: a torn tail. It is cut. (A record that was synced and rotted away, and happens to be the very last
  of all, looks the same and is cut too: no log without a second copy can tell the two apart.)
- a BATCH record anywhere behind it that says that the damaged place was durable: damage, refused.
- sound records behind it, and between the damage and the next sound record a sector of nothing but zeros: a write that
  was lost while a later one of the same batch was not. A tear, cut.
- sound records behind it and no such sector: no crash does that. Damage, refused.
In a segment that is not the last one, everything was durable before the next began: any unsound byte is refused, and
the next one's header says how long it was, so that no whole records can be missing at its end either.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from node_image.storage import payloads
from node_image.storage.errors import Corrupt
from node_image.storage.payloads import Malformed, RecordType
from node_image.storage.records import SECTOR_BYTES, Record, find_record, gap_before_record, read_record

MAGIC: Final = b"RAFTSWAL"
VERSION: Final = 1
_HEADER: Final = struct.Struct(">8sHQQ")
_CRC: Final = struct.Struct(">I")
HEADER_BYTES: Final = _HEADER.size + _CRC.size
_NAME: Final = re.compile(r"wal-(\d{10})")


def segment_name(sequence: int) -> str:
    return f"wal-{sequence:010d}"


def segment_sequence(file: str) -> int | None:
    """The sequence number in a segment's name; None for any other file."""
    match = _NAME.fullmatch(file)
    return int(match[1]) if match else None


def segment_header(sequence: int, previous_bytes: int) -> bytes:
    fields = _HEADER.pack(MAGIC, VERSION, sequence, previous_bytes)
    return fields + _CRC.pack(zlib.crc32(fields))


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as recovery believes it. `size` is where it ends (the file's length, or where a torn tail is cut; 0
    if not even the header is there); `durable` is the highest count that a BATCH record in it vouches for;
    `previous_bytes` what the header says of the segment before, None without a header."""

    sequence: int
    records: list[Record]
    size: int
    durable: int
    previous_bytes: int | None


def read_segment(sequence: int, data: bytes, *, last: bool) -> Segment:
    """All sound records. Raises Corrupt where the damage is not a torn tail, or where this is not the last segment."""
    file = segment_name(sequence)
    previous_bytes = _read_header(file, sequence, data)
    if previous_bytes is None:
        return Segment(sequence, [], _cut(file, sequence, data, 0, last), 0, None)
    records: list[Record] = []
    at, durable = HEADER_BYTES, 0
    while at < len(data):
        gap = gap_before_record(at)
        record = read_record(data, at + gap, sequence) if data[at : at + gap] == bytes(gap) else None
        if record is None:
            at = _cut(file, sequence, data, at, last)
            break
        durable = max(durable, _durable_claim(file, record))
        records.append(record)
        at = record.end
    return Segment(sequence, records, at, durable, previous_bytes)


def _read_header(file: str, sequence: int, data: bytes) -> int | None:
    """The size of the segment before; None where no sound header is."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, named, previous_bytes = _HEADER.unpack_from(data)
    if zlib.crc32(data[: _HEADER.size]) != _CRC.unpack_from(data, _HEADER.size)[0]:
        return None
    if magic != MAGIC or version != VERSION or named != sequence:
        raise Corrupt(file, 0, f"the header is of {magic!r} version {version}, segment {named}")
    return int(previous_bytes)


def _durable_claim(file: str, record: Record) -> int:
    if record.type != RecordType.BATCH:
        return 0
    try:
        return payloads.read_batch(record.payload)
    except Malformed as error:
        raise Corrupt(file, record.offset, str(error)) from error


def _cut(file: str, sequence: int, data: bytes, at: int, last: bool) -> int:
    """`at`, the first unsound byte, if what stands there is a torn tail."""
    if not last:
        raise Corrupt(file, at, "no sound record, and this is not the last segment")
    behind = find_record(data, at + 1, sequence)
    if behind is None:
        return at
    claimed = _highest_claim(file, sequence, data, behind)
    if claimed > at:
        raise Corrupt(file, at, f"no sound record, and {claimed} bytes were durable when a later batch was written")
    if not _lost_sector(data, at, behind.offset):
        raise Corrupt(
            file, at, f"no sound record, but one at byte {behind.offset} behind it, and no lost write between"
        )
    return at


def _highest_claim(file: str, sequence: int, data: bytes, behind: Record) -> int:
    highest, record = 0, behind
    while True:
        highest = max(highest, _durable_claim(file, record))
        found = find_record(data, record.end, sequence)
        if found is None:
            return highest
        record = found


def _lost_sector(data: bytes, begin: int, end: int) -> bool:
    """Whether a sector that overlaps [begin, end) is all zeros from `begin` on. (The bytes before `begin` are sound. A
    sector that was partly durable keeps that part when the rest is lost, and the rest begins with a record.)"""
    for sector in range(begin - begin % SECTOR_BYTES, end, SECTOR_BYTES):
        if not any(data[max(sector, begin) : sector + SECTOR_BYTES]):
            return True
    return False
