"""The framing of one record, and how to find the next sound one behind damage.

    mark 2 bytes | type 1 | length 4 | crc32 4 | payload (`length` bytes)        big-endian

The checksum covers the type, the length, the payload, and the place: the segment's sequence number and the record's
offset in it. So bytes that were written elsewhere (a stale block, or a client's value that happens to hold a piece of
a log) never pass for a record here. The mark lets the search behind damage run at the speed of `bytes.find`.

**No record holds a sector of zeros.** A lost write reads as zeros, and recovery tells it from other damage by that
(see `segment`). A payload that holds 512 zeros in a row is therefore stored deflated, shown by the type's top bit. And
no record begins at the last byte of a sector, which is left zero there: the part of a record that lies in a sector
has at least two bytes that are not zero, so that no single changed byte looks like a lost write.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

SECTOR_BYTES: Final = 512
"""The unit in which disks lose a write: a sector is there as a whole, or not at all."""

MARK: Final = b"\xa7\x5c"
HEAD: Final = struct.Struct(">2sBII")
_PLACE: Final = struct.Struct(">QQBI")
_DEFLATED: Final = 0x80
_ZEROS: Final = bytes(SECTOR_BYTES)

MAX_PAYLOAD_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Record:
    offset: int
    end: int
    type: int
    payload: bytes


def _checksum(sequence: int, offset: int, tag: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_PLACE.pack(sequence, offset, tag, len(payload))))


def frame(sequence: int, offset: int, record_type: int, payload: bytes) -> bytes:
    """The bytes of a record that will stand at `offset` of segment `sequence`."""
    tag = record_type
    if _ZEROS in payload:
        tag, payload = record_type | _DEFLATED, zlib.compress(payload, 1)
    assert len(payload) <= MAX_PAYLOAD_BYTES
    return HEAD.pack(MARK, tag, len(payload), _checksum(sequence, offset, tag, payload)) + payload


def gap_before_record(offset: int) -> int:
    """How many zeros stand before a record that follows what ends at `offset`."""
    return int(offset % SECTOR_BYTES == SECTOR_BYTES - 1)


def read_record(data: bytes, offset: int, sequence: int) -> Record | None:
    """The record that stands at `offset`, or None where no sound record does."""
    body = offset + HEAD.size
    if body > len(data):
        return None
    mark, tag, length, crc = HEAD.unpack_from(data, offset)
    end = body + length
    if mark != MARK or end > len(data):
        return None
    payload = data[body:end]
    if _checksum(sequence, offset, tag, payload) != crc:
        return None
    if tag & _DEFLATED:
        payload = zlib.decompress(payload)
    return Record(offset, end, tag & ~_DEFLATED, payload)


def find_record(data: bytes, start: int, sequence: int) -> Record | None:
    """The first sound record at or behind `start`, at whatever offset."""
    at = data.find(MARK, start)
    while at >= 0:
        record = read_record(data, at, sequence)
        if record is not None:
            return record
        at = data.find(MARK, at + 1)
    return None
