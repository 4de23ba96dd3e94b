"""The replicated log, in memory from a little before the last snapshot on.

Entries lie in one list, entry i at place i - offset - 1, so that everything on the hot path is an index or a slice.
Invariants:

    offset <= applied <= delivered <= committed <= last_index
    offset < unhanded <= last_index + 1

`delivered` is what was handed out to be applied, `applied` what the state machine says it has applied; entries from
`unhanded` on have not been handed out to be stored yet. Terms never decrease along the log, which makes the search for
a term a bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from node_image.raft.types import Entry


def _term_of(entry: Entry) -> int:
    return entry.term


class Log:
    __slots__ = (
        "_entries",
        "applied",
        "committed",
        "delivered",
        "last_index",
        "offset",
        "offset_term",
        "unhanded",
    )

    def __init__(self, offset: int, offset_term: int, entries: Sequence[Entry]) -> None:
        """A log as it was recovered: a snapshot's end, and the stored entries behind it. Raises ValueError if there
        is a gap."""
        self._reset(offset, offset_term)
        self._entries.extend(entry for entry in entries if entry.index > offset)
        self.last_index = offset + len(self._entries)
        self.unhanded = self.last_index + 1
        if self._entries and (self._entries[0].index, self._entries[-1].index) != (
            offset + 1,
            self.last_index,
        ):
            raise ValueError(f"stored entries do not follow index {offset} without a gap")

    def _reset(self, offset: int, offset_term: int) -> None:
        self._entries: list[Entry] = []
        self.offset = self.applied = self.delivered = self.committed = self.last_index = offset
        self.offset_term = offset_term
        self.unhanded = offset + 1

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.offset_term

    def term(self, index: int) -> int | None:
        """None: not in the log (any more, or yet)."""
        place = index - self.offset - 1
        if 0 <= place < len(self._entries):
            return self._entries[place].term
        return self.offset_term if place == -1 else None

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Would a voter with this log vote for a candidate with that one? (paper 5.4.1)"""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def slice(self, first: int, max_entries: int, max_bytes: int) -> tuple[tuple[Entry, ...], int]:
        """Entries from `first` on, within both limits, but at least one; and how many bytes of data they have."""
        place = first - self.offset - 1
        entries = self._entries[place : place + max_entries]
        size = 0
        for count, entry in enumerate(entries):
            size += len(entry.data)
            if size > max_bytes and count:
                return tuple(entries[:count]), size - len(entry.data)
        return tuple(entries), size

    def tail_before(self, end: int, max_entries: int, max_bytes: int) -> int:
        """The index before the longest run of entries that ends with `end` and is within both limits."""
        first = max(end - max_entries, self.offset)
        size = 0
        for index in range(end, first, -1):
            size += len(self._entries[index - self.offset - 1].data)
            if size > max_bytes:
                return index
        return first

    def append(self, entries: Sequence[Entry]) -> None:
        """New entries of a leader, behind the last one (leader append-only, paper 5.3)."""
        self._entries.extend(entries)
        self.last_index += len(entries)

    def merge(self, previous_index: int, previous_term: int, entries: Sequence[Entry]) -> tuple[int, int | None]:
        """A leader's entries that pass the consistency check at the previous entry (paper, figure 2, AppendEntries,
        steps 2 to 4). Returns the index up to which the logs now agree, or -1 if the check fails; and the index from
        which own entries had to go, if any."""
        if previous_index < self.committed:
            # What is committed here is the same there; only what lies beyond is news.
            entries = entries[self.committed - previous_index :]
            previous_index = self.committed
        elif self.term(previous_index) != previous_term:
            return -1, None
        if previous_index == self.last_index:
            self.append(entries)
            return self.last_index, None
        return previous_index + len(entries), self._merge_overlapping(entries)

    def _merge_overlapping(self, entries: Sequence[Entry]) -> int | None:
        for count, entry in enumerate(entries):
            term = self.term(entry.index)
            if term != entry.term:
                if term is not None:
                    self._cut(entry.index)
                self.append(entries[count:])
                return entry.index if term is not None else None
        return None

    def _cut(self, index: int) -> None:
        assert index > self.committed, "a committed entry is never cut"
        del self._entries[index - self.offset - 1 :]
        self.last_index = index - 1
        self.unhanded = min(self.unhanded, index)

    def last_not_above(self, index: int, term: int) -> tuple[int, int]:
        """Index and term of the last entry at or before `index` whose term is at most `term`. If all that is still
        here is above it: (offset - 1, 0)."""
        end = min(index, self.last_index) - self.offset
        place = bisect_right(self._entries, term, hi=max(end, 0), key=_term_of)
        if place:
            return self.offset + place, self._entries[place - 1].term
        if end >= 0 and self.offset_term <= term:
            return self.offset, self.offset_term
        return max(min(index, self.offset - 1), 0), 0

    def commit_to(self, index: int) -> None:
        """Clamped to the log; never goes back."""
        index = min(index, self.last_index)
        if index > self.committed:
            self.committed = index

    def applied_to(self, index: int) -> None:
        if not self.applied <= index <= self.delivered:
            raise ValueError(f"applied {index} is outside [{self.applied}, {self.delivered}]")
        self.applied = index

    def take_committed(self) -> tuple[Entry, ...]:
        """What was committed since the last time."""
        if self.delivered == self.committed:
            return ()
        entries = self._entries[self.delivered - self.offset : self.committed - self.offset]
        self.delivered = self.committed
        return tuple(entries)

    def take_unhanded(self) -> tuple[Entry, ...]:
        """What was appended since the last time and must be stored."""
        if self.unhanded > self.last_index:
            return ()
        entries = self._entries[self.unhanded - self.offset - 1 :]
        self.unhanded = self.last_index + 1
        return tuple(entries)

    def compact(self, index: int) -> None:
        """Forget the entries up to and with `index`, which must be applied and handed out to be stored."""
        index = min(index, self.unhanded - 1)
        if index <= self.offset:
            return
        assert index <= self.applied
        self.offset_term = self._entries[index - self.offset - 1].term
        del self._entries[: index - self.offset]
        self.offset = index

    def restore(self, index: int, term: int) -> None:
        """Forget everything: a snapshot that ends at this entry has taken its place (paper 7)."""
        self._reset(index, term)
