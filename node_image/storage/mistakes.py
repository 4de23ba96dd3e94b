"""What recovery looks like with each bug of the catalogue. Loaded only by nodes that have one: see
`node_image.variants`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from node_image import bugs
from node_image.driver.effects import Truncate, Write
from node_image.raft.types import Entry
from node_image.storage import payloads, records
from node_image.storage.payloads import Malformed, RecordType
from node_image.storage.records import frame, gap_before_record
from node_image.storage.recovery import Recovered, recover
from node_image.variants import mistake


@mistake(bugs.ACCEPT_TORN_RECORD, instead_of=recover)
def recover_what_is_torn(files: Mapping[str, bytes]) -> Recovered:
    """A reader that asks for as many bytes as the record's head says, gets fewer or such as never reached the disk,
    and looks neither at how many nor at their checksum. The record is written again as it was understood."""
    recovered = recover(files)
    found = _torn_entries(files, recovered)
    if found is None:
        return recovered
    torn, run = found
    segment = recovered.segments[-1]
    gap = gap_before_record(segment.size)
    again = bytes(gap) + frame(segment.sequence, segment.size + gap, RecordType.ENTRIES, torn)
    write = Write(segment.file, again)
    grown = replace(segment, size=segment.size + len(again), last_index=max(segment.last_index, run[-1].index))
    return replace(
        recovered,
        entries=[entry for entry in recovered.entries if entry.index < run[0].index] + run,
        effects=[*recovered.effects, write],
        segments=[*recovered.segments[:-1], grown],
    )


def _torn_entries(files: Mapping[str, bytes], recovered: Recovered) -> tuple[bytes, list[Entry]] | None:
    """The payload of the record where the tail was cut, and its entries, if they fit behind what was recovered."""
    cut = next((effect for effect in recovered.effects if isinstance(effect, Truncate)), None)
    if cut is None or not cut.size:
        return None
    payload = _unchecked_payload(files[cut.file], cut.size + gap_before_record(cut.size))
    if payload is None:
        return None
    try:
        run = payloads.read_entries(payload)
    except Malformed:
        return None
    floor = recovered.snapshot.index if recovered.snapshot else 0
    last = recovered.entries[-1].index if recovered.entries else floor
    return (payload, run) if floor < run[0].index <= last + 1 else None


def _unchecked_payload(data: bytes, offset: int) -> bytes | None:
    """Of the record of entries whose head stands at `offset`."""
    body = offset + records.HEAD.size
    if body > len(data):
        return None
    mark, tag, length, _ = records.HEAD.unpack_from(data, offset)
    if mark != records.MARK or tag != RecordType.ENTRIES:
        return None
    return bytes(data[body : body + length]).ljust(length, b"\0")
