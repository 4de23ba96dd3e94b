"""The log's own rules, as tables: entries are written as their terms."""

from __future__ import annotations

import pytest

from node_image.raft.log import Log
from node_image.raft.types import Entry, EntryKind
from tests.node.raft.pump import entries


def terms(log: Log) -> list[int]:
    return [log.term(index) or 0 for index in range(log.offset + 1, log.last_index + 1)]


@pytest.mark.parametrize(
    ("committed", "previous", "sent", "match", "cut_from", "after"),
    [
        (0, (3, 2), (2, 2), 5, None, [1, 1, 2, 2, 2]),
        (0, (0, 0), (1, 1), 2, None, [1, 1, 2]),
        (0, (2, 1), (3, 3), 4, 3, [1, 1, 3, 3]),
        (0, (1, 1), (1, 2, 2), 4, None, [1, 1, 2, 2]),
        (0, (1, 1), (), 1, None, [1, 1, 2]),
        (0, (4, 2), (2,), -1, None, [1, 1, 2]),
        (0, (3, 1), (2,), -1, None, [1, 1, 2]),
        (2, (0, 0), (1, 1, 3), 3, 3, [1, 1, 3]),
        (3, (0, 0), (1,), 3, None, [1, 1, 2]),
    ],
    ids=[
        "new entries",
        "a duplicate of old ones cuts nothing",
        "a conflict cuts what follows",
        "overlap",
        "a probe",
        "a gap",
        "another term at the previous index",
        "a message from before the commit index brings what lies beyond",
        "nothing beyond the commit index",
    ],
)
def test_merge(
    committed: int,
    previous: tuple[int, int],
    sent: tuple[int, ...],
    match: int,
    cut_from: int | None,
    after: list[int],
) -> None:
    """Figure 2, AppendEntries, receiver, steps 2 to 4."""
    log = Log(0, 0, entries(1, 1, 1, 2))
    log.commit_to(committed)
    assert log.merge(*previous, entries(previous[0] + 1, *sent)) == (match, cut_from)
    assert terms(log) == after


@pytest.mark.parametrize(
    ("index", "term", "expected"),
    [
        (7, 9, (7, 6)),
        (9, 6, (7, 6)),
        (7, 5, (5, 4)),
        (4, 4, (4, 4)),
        (7, 3, (2, 2)),
        (7, 1, (1, 0)),
        (1, 1, (1, 0)),
        (0, 9, (0, 0)),
    ],
)
def test_last_not_above(index: int, term: int, expected: tuple[int, int]) -> None:
    """The place to try next after a conflict (5.3). The log: index 2 is a snapshot's end, of term 2."""
    log = Log(2, 2, entries(3, 4, 4, 4, 6, 6))
    assert log.last_not_above(index, term) == expected


@pytest.mark.parametrize(
    ("max_entries", "max_bytes", "expected"),
    [(10, 1000, 4), (2, 1000, 2), (10, 25, 2), (10, 30, 3), (10, 5, 1)],
)
def test_slice_keeps_both_limits_but_gives_at_least_one(max_entries: int, max_bytes: int, expected: int) -> None:
    log = Log(0, 0, [Entry(1, index, EntryKind.COMMAND, b"0123456789") for index in range(1, 6)])
    found, size = log.slice(2, max_entries, max_bytes)
    assert [entry.index for entry in found] == list(range(2, 2 + expected))
    assert size == 10 * expected


@pytest.mark.parametrize(
    ("max_entries", "max_bytes", "before"), [(10, 1000, 0), (2, 1000, 2), (10, 25, 2), (10, 30, 1), (0, 1000, 4)]
)
def test_a_tail_keeps_both_limits(max_entries: int, max_bytes: int, before: int) -> None:
    log = Log(0, 0, [Entry(1, index, EntryKind.COMMAND, b"0123456789") for index in range(1, 6)])
    assert log.tail_before(4, max_entries, max_bytes) == before


def test_what_is_cut_is_handed_out_again() -> None:
    log = Log(0, 0, entries(1, 1))
    log.append(entries(2, 1, 1))
    assert log.take_unhanded() == entries(2, 1, 1)
    log.merge(1, 1, entries(2, 2))
    assert log.take_unhanded() == entries(2, 2)
    assert log.take_unhanded() == ()


def test_compaction_keeps_what_was_not_handed_out_and_the_term_at_the_edge() -> None:
    log = Log(0, 0, ())
    log.append(entries(1, 1, 1, 2))
    log.take_unhanded()
    log.append(entries(4, 3))
    log.commit_to(4)
    log.take_committed()
    log.applied_to(4)
    log.compact(4)
    assert (log.offset, log.term(3), log.term(2), log.term(4)) == (3, 2, None, 3)


def test_a_gap_in_recovered_entries_is_refused() -> None:
    with pytest.raises(ValueError, match="do not follow index 2"):
        Log(2, 1, entries(4, 1))


def test_recovered_entries_from_before_the_snapshot_are_dropped() -> None:
    log = Log(2, 1, entries(1, 1, 1, 2))
    assert (log.offset, log.last_index, terms(log)) == (2, 3, [2])


def test_applied_stays_within_what_was_handed_out() -> None:
    log = Log(0, 0, entries(1, 1, 1))
    log.commit_to(2)
    with pytest.raises(ValueError, match="applied 2"):
        log.applied_to(2)
    log.take_committed()
    log.applied_to(2)
