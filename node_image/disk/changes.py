"""Changes of one file that were not synced: how the file looks with them, and what a power failure leaves of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

SECTOR_BYTES: Final = 512
TORN_SHARE: Final = 0.7
"""How often a part of the first write that does not stay is there."""
LOST_SECTORS_SHARE: Final = 0.3
"""How often some sectors of what stays have not reached the disk."""
LOST_SECTOR_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True)
class Write:
    offset: int
    data: bytes

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class Resize:
    """To this size, either way. What it grows by reads as zeros."""

    size: int


Change = Write | Resize
"""Making the same changes twice in a row is making them once: each says what is there, not what to do to it."""


def written_bytes(changes: Iterable[Change]) -> int:
    return sum(len(change.data) for change in changes if isinstance(change, Write))


def size_after(size: int, changes: Iterable[Change]) -> int:
    """The size of a file that had this `size`."""
    for change in changes:
        size = max(size, change.end if change.data else size) if isinstance(change, Write) else change.size
    return size


def overlay(content: bytearray, offset: int, changes: Iterable[Change]) -> None:
    """Makes the changes in a piece of a file that begins at `offset` and reads as zeros where the file had ended."""
    for change in changes:
        if isinstance(change, Resize):
            kept = min(max(change.size - offset, 0), len(content))
            content[kept:] = bytes(len(content) - kept)
        else:
            begin, end = max(change.offset, offset), min(change.end, offset + len(content))
            if begin < end:
                content[begin - offset : end - offset] = change.data[begin - change.offset : end - change.offset]


def survivors(changes: Sequence[Change], size: int, rng: Random) -> list[Change]:
    """What a power failure leaves of changes to a file that had this durable `size`: the first so many, perhaps a part
    of the next one, and perhaps not every sector."""
    kept = list(changes[: rng.randint(0, len(changes))])
    cut = _cuts(changes, size)[len(kept)] if len(kept) < len(changes) else None
    if cut and rng.random() < TORN_SHARE:
        kept.append(cut.part(rng))
    if rng.random() >= LOST_SECTORS_SHARE:
        return kept
    return _without_some_sectors(kept, size, rng)


def torn(changes: Sequence[Change], size: int, rng: Random) -> list[Change]:
    """What comes before the last write that has parts, and one part of that; nothing after it. `can_tear` has said that
    this is possible. `size`: the file's durable one."""
    number, cut = [(number, cut) for number, cut in enumerate(_cuts(changes, size)) if cut][-1]
    assert cut is not None
    return [*changes[:number], cut.part(rng)]


def can_tear(changes: Sequence[Change], size: int) -> bool:
    return any(_cuts(changes, size))


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where a write can end too soon: a disk writes a sector that has content as a whole or not at all, so there
    between sectors; and where a file grows at any byte, since its size is kept in another place."""

    write: Write
    sectors: range
    """So many bytes, by whole sectors of what was there."""
    grown: range
    """So many bytes, by bytes of what was not."""

    def __bool__(self) -> bool:
        return bool(self.sectors or self.grown)

    def part(self, rng: Random) -> Write:
        place = rng.randrange(len(self.sectors) + len(self.grown))
        kept = self.sectors[place] if place < len(self.sectors) else self.grown[place - len(self.sectors)]
        return Write(self.write.offset, self.write.data[:kept])


def _cuts(changes: Sequence[Change], size: int) -> list[_Cut | None]:
    """Of each change; None for one that is no write. `size`: of the file before them."""
    cuts: list[_Cut | None] = []
    for change in changes:
        cuts.append(_cut(change, size) if isinstance(change, Write) else None)
        size = size_after(size, [change])
    return cuts


def _cut(write: Write, size: int) -> _Cut:
    there = min(max(size - write.offset, 0), len(write.data))
    to_next_sector = SECTOR_BYTES - write.offset % SECTOR_BYTES
    return _Cut(write, range(to_next_sector, there, SECTOR_BYTES), range(max(there, 1), len(write.data)))


def _without_some_sectors(changes: Sequence[Change], size: int, rng: Random) -> list[Change]:
    """A file's size is kept in another place than its content, so it is right: a lost sector reads as it was before,
    and as zeros where there was no file. A sector that was written several times may be as it was after any of them."""
    times = Counter(sector for change in changes if isinstance(change, Write) for sector, _ in _sectors(change))
    kept = {
        sector: rng.randrange(count) if rng.random() < LOST_SECTOR_SHARE else count for sector, count in times.items()
    }
    left: list[Change] = []
    for change in changes:
        size = size_after(size, [change])
        if isinstance(change, Resize):
            left.append(change)
            continue
        left.append(Resize(size))
        for sector, piece in _sectors(change):
            kept[sector] -= 1
            if kept[sector] >= 0:
                left.append(piece)
    return left


def _sectors(write: Write) -> Iterator[tuple[int, Write]]:
    """The write in pieces, each with the number of its sector."""
    begin = write.offset
    while begin < write.end:
        end = min(write.end, (begin // SECTOR_BYTES + 1) * SECTOR_BYTES)
        yield begin // SECTOR_BYTES, Write(begin, write.data[begin - write.offset : end - write.offset])
        begin = end
