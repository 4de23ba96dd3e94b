"""Changes of one file, against making them one after the other."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from node_image.disk.changes import (
    SECTOR_BYTES,
    Change,
    Resize,
    Write,
    can_tear,
    overlay,
    size_after,
    survivors,
    torn,
    written_bytes,
)
from tests.node.disk.memory import changed

SIZES = st.integers(0, 1500)
CHANGES = st.one_of(st.builds(Write, SIZES, st.binary(max_size=1200)), st.builds(Resize, SIZES))
SEEDS = st.integers(0, 1 << 32).map(Random)


@given(st.binary(max_size=1500), st.lists(CHANGES), SIZES, SIZES)
def test_a_piece_of_a_file_looks_as_the_whole_does(
    content: bytes, changes: list[Change], offset: int, size: int
) -> None:
    whole = changed(content, changes)
    piece = bytearray(content[offset : offset + size].ljust(size, b"\0"))
    overlay(piece, offset, changes)
    assert bytes(piece[: max(0, len(whole) - offset)]) == whole[offset : offset + size]
    assert size_after(len(content), changes) == len(whole)


@given(st.binary(max_size=1500), st.lists(CHANGES), st.data())
def test_changes_may_be_made_again_on_top_of_some_of_them(
    content: bytes, changes: list[Change], data: st.DataObject
) -> None:
    """A sync that is under way has made some of them already."""
    made = data.draw(st.integers(0, len(changes)))
    assert changed(changed(content, changes[:made]), changes) == changed(content, changes)


@given(st.binary(max_size=1500), st.lists(CHANGES), SEEDS)
def test_a_power_failure_leaves_nothing_that_never_was(content: bytes, changes: list[Change], rng: Random) -> None:
    """Each byte is one that was there at some time since the sync, or nothing; and so is the size."""
    left = changed(content, survivors(changes, len(content), rng))
    states = [changed(content, changes[:number]) for number in range(len(changes) + 1)]
    assert any(size_is_between(len(left), len(before), len(after)) for before, after in pairs(states))
    for place, byte in enumerate(left):
        assert byte in {0} | {state[place] for state in states if place < len(state)}


def test_all_of_it_may_go_and_all_of_it_may_stay() -> None:
    changes: list[Change] = [Write(0, b"a" * 700), Write(700, b"b" * 700)]
    left = {changed(b"", survivors(changes, 0, Random(seed))) for seed in range(300)}
    assert b"" in left
    assert b"a" * 700 + b"b" * 700 in left
    assert any(0 < len(content) < 700 for content in left), "a torn first write"
    assert any(700 < len(content) < 1400 for content in left), "a torn second write"
    zeros = [content for content in left if bytes(SECTOR_BYTES) in content]
    assert zeros, "a sector that was lost, and later ones were not"


@given(st.lists(CHANGES), SEEDS)
def test_a_torn_write_stays_in_part(changes: list[Change], rng: Random) -> None:
    changes.append(Write(3000, b"the last"))
    assert can_tear(changes, 1500)
    left = torn(changes, 1500, rng)
    assert left[:-1] == changes[:-1]
    assert isinstance(left[-1], Write)
    assert b"the last".startswith(left[-1].data)
    assert 0 < len(left[-1].data) < len(b"the last")
    assert written_bytes(left) < written_bytes(changes)


def test_what_cannot_be_torn() -> None:
    assert not can_tear([], 0)
    assert not can_tear([Resize(100), Write(3, b"x"), Write(9, b"")], 0)
    assert not can_tear([Write(600, b"within a sector that is there")], 1024)
    assert not can_tear([Resize(1024), Write(600, b"within a sector that is there")], 0)


WITHIN = st.integers(0, 3 * SECTOR_BYTES).flatmap(
    lambda offset: st.builds(Write, st.just(offset), st.binary(min_size=1, max_size=4 * SECTOR_BYTES - offset))
)


@given(st.lists(WITHIN, min_size=1, max_size=6), SEEDS)
def test_a_sector_that_has_content_is_written_as_a_whole_or_not_at_all(writes: list[Write], rng: Random) -> None:
    """As disks do it, and in order: logs that lie in files of zeros rely on that."""
    content = bytes(4 * SECTOR_BYTES)
    states = [changed(content, writes[:number]) for number in range(len(writes) + 1)]
    lefts = [changed(content, survivors(writes, len(content), rng))]
    if can_tear(writes, len(content)):
        lefts.append(changed(content, torn(writes, len(content), rng)))
    for left in lefts:
        assert len(left) == len(content)
        for begin in range(0, len(content), SECTOR_BYTES):
            sector = slice(begin, begin + SECTOR_BYTES)
            assert left[sector] in {state[sector] for state in states}


def size_is_between(size: int, one: int, other: int) -> bool:
    return min(one, other) <= size <= max(one, other)


def pairs(states: list[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(states, [*states[1:], states[-1]], strict=True))
