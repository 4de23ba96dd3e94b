"""Recovery, as properties: whatever was synced comes back, a tear is cut, damage is refused, and never anything else.

`Disk` keeps what a node's effects made of its files, and the length of each that was durable."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_image.raft.types import Configuration, Entry, EntryKind, HardState, Snapshot
from node_image.storage import SNAPSHOT_FILE, Corrupt, Storage, encode_snapshot, recover
from node_image.storage.records import SECTOR_BYTES
from node_image.storage.segment import HEADER_BYTES, segment_name

VOTERS = Configuration(frozenset({"n1", "n2", "n3"}))
FIRST = segment_name(1)


@dataclass(frozen=True)
class State:
    hard_state: HardState = field(default_factory=HardState)
    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()


class Log:
    """A storage, its disk, and beside it what the log should say after each batch and each gathered step."""

    def __init__(self, segment_bytes: int = 1 << 20) -> None:
        self.files: dict[str, bytes] = {}
        self.durable: dict[str, int] = {}
        self.removed: list[tuple[str, bytes]] = []
        """Since the folder was last synced: a crash may bring the newest of them back."""
        self.segment_bytes = segment_bytes
        self.state = State()
        self.steps = [State()]
        """Every state between the last synced one and now: recovery may find any of them."""
        self.restart()

    def restart(self) -> None:
        recovered = recover(self.files)
        for cut in recovered.effects:
            self.files[cut.file] = self.files[cut.file][: cut.size]
            self.durable[cut.file] = min(self.durable.get(cut.file, 0), cut.size)
        self.state = State(recovered.hard_state, recovered.snapshot, tuple(recovered.entries))
        assert self.state in self.steps, "recovery found a state that never was"
        self.storage = Storage(recovered, segment_bytes=self.segment_bytes)
        self.flush()
        self.sync()

    def append(self, hard_state: HardState | None, entries: tuple[Entry, ...]) -> None:
        self.storage.append(hard_state, entries)
        if hard_state is not None:
            self._step(State(hard_state, self.state.snapshot, self.state.entries))
        if entries:
            kept = tuple(entry for entry in self.state.entries if entry.index < entries[0].index)
            self._step(State(self.state.hard_state, self.state.snapshot, kept + entries))

    def snapshot(self, position: int) -> None:
        """Make the entries up to `position` of the log into a snapshot."""
        last, rest = self.state.entries[position], self.state.entries[position + 1 :]
        self.install(Snapshot(last.index, last.term, VOTERS, b"state" * last.index), rest)

    def install(self, snapshot: Snapshot, rest: tuple[Entry, ...] = ()) -> None:
        """A snapshot becomes durable; `rest` is what of the log still stands. Written and synced on its own."""
        self.flush()
        self.sync()
        self.files[SNAPSHOT_FILE] = encode_snapshot(snapshot)
        self.removed.clear()
        self.durable[SNAPSHOT_FILE] = len(self.files[SNAPSHOT_FILE])
        hard_state = self.state.hard_state
        if hard_state.term < snapshot.term:
            hard_state = HardState(snapshot.term)
            self.storage.append(hard_state, ())
        self.state = State(hard_state, snapshot, rest)
        self.steps = [self.state]
        self.storage.mark_snapshot(snapshot.index, snapshot.term)

    def _step(self, state: State) -> None:
        self.state = state
        self.steps.append(state)

    def flush(self) -> None:
        if self.storage.gathered:
            write = self.storage.write()
            self.files[write.file] = self.files.get(write.file, b"") + write.data

    def sync(self) -> None:
        for removed in self.storage.synced():
            self.removed.append((removed.file, self.files.pop(removed.file)))
            del self.durable[removed.file]
        self.durable[self.storage.file] = len(self.files[self.storage.file])
        self.steps = [self.state]

    @property
    def last_file(self) -> str:
        return self.storage.file

    def state_of(self, files: dict[str, bytes]) -> State:
        recovered = recover(files)
        return State(recovered.hard_state, recovered.snapshot, tuple(recovered.entries))


def entries(first: int, *terms: int, data: bytes = b"x") -> tuple[Entry, ...]:
    return tuple(Entry(term, index, EntryKind.COMMAND, data) for index, term in enumerate(terms, first))


# --- any history, any crash ---------------------------------------------------------------------------------------

payloads = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([600, 1300]).map(lambda size: b"z" * size),
    st.sampled_from([600, 1300]).map(bytes),
    st.sampled_from([20, 600]).map(lambda size: b"\xa7\x5c\x01" + b"\xff" * size),
)


def append_some(log: Log, data: st.DataObject) -> None:
    last = log.state.entries[-1].index if log.state.entries else (log.state.snapshot.index if log.state.snapshot else 0)
    floor = log.state.snapshot.index if log.state.snapshot else 0
    first = data.draw(st.integers(max(floor, last - 3) + 1, last + 1), label="first")
    term = data.draw(st.integers(0, 2), label="term ahead") + log.state.hard_state.term
    hard_state = HardState(term, data.draw(st.sampled_from([None, "n1", "n2"]))) if data.draw(st.booleans()) else None
    run = data.draw(st.lists(payloads, max_size=4), label="entries")
    log.append(hard_state, tuple(Entry(term, i, EntryKind.COMMAND, body) for i, body in enumerate(run, first)))


def flush_some(log: Log, data: st.DataObject) -> None:
    log.flush()
    if data.draw(st.booleans(), label="sync"):
        log.sync()


def snapshot_some(log: Log, data: st.DataObject) -> None:
    if log.state.entries:
        log.snapshot(data.draw(st.integers(0, len(log.state.entries) - 1), label="snapshot at"))


def install_some(log: Log, data: st.DataObject) -> None:
    floor = log.state.snapshot.index if log.state.snapshot else 0
    index = data.draw(st.integers(floor + 1, next_index(log) + 5), label="index")
    held = [entry for entry in log.state.entries if entry.index >= index]
    term = log.state.hard_state.term + data.draw(st.integers(0, 2), label="term ahead")
    if held and held[0].index == index and data.draw(st.booleans(), label="of this log"):
        term = held[0].term
    void = not held or held[0].index != index or held[0].term != term
    log.install(Snapshot(index, term, VOTERS, b"far"), () if void else tuple(held[1:]))


def crash_some(log: Log, data: st.DataObject) -> None:
    """Keep any beginning of what was not synced, of that lose any sectors; bring removed segments back."""
    file = log.last_file
    whole, durable = log.files[file], log.durable.get(file, 0)
    kept = bytearray(whole[: data.draw(st.integers(durable, len(whole)), label="kept")])
    for sector in range(durable // SECTOR_BYTES, len(kept) // SECTOR_BYTES + 1):
        begin, end = max(durable, sector * SECTOR_BYTES), min(len(kept), (sector + 1) * SECTOR_BYTES)
        if begin < end and data.draw(st.booleans(), label="lose"):
            kept[begin:end] = bytes(end - begin)
    log.files[file] = bytes(kept)
    if not kept and data.draw(st.booleans(), label="gone"):
        del log.files[file]
    back = data.draw(st.integers(0, len(log.removed)), label="back")
    for name, content in log.removed[len(log.removed) - back :]:
        log.files[name], log.durable[name] = content, len(content)
    log.removed.clear()
    log.restart()


ACTIONS: list[Callable[[Log, st.DataObject], None]] = [
    append_some, append_some, append_some, flush_some, flush_some, flush_some, snapshot_some, install_some, crash_some,
]  # fmt: skip


@given(st.data())
def test_any_history_with_crashes_recovers_to_a_state_between_the_synced_one_and_the_last(data: st.DataObject) -> None:
    log = Log(segment_bytes=data.draw(st.sampled_from([1, 200, 3000, 1 << 20]), label="segment bytes"))
    for action in data.draw(st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=25), label="actions"):
        action(log, data)
    for _ in range(3):
        append_some(log, data)
    log.flush()
    crash_some(log, data)


@given(st.data())
def test_a_flipped_byte_in_what_was_synced_is_refused_or_cuts_the_very_last_record(data: st.DataObject) -> None:
    log = Log(segment_bytes=data.draw(st.sampled_from([200, 1 << 20]), label="segment bytes"))
    for action in data.draw(st.lists(st.sampled_from(ACTIONS[:-1]), max_size=12), label="actions"):
        action(log, data)
    log.flush()
    log.sync()
    for _ in range(data.draw(st.integers(1, 3), label="records")):
        log.append(None, entries(next_index(log), 9))
    before = log.steps[-2]
    log.flush()
    log.sync()
    after = log.state
    file = data.draw(st.sampled_from(sorted(log.files)), label="file")
    at = data.draw(st.integers(0, len(log.files[file]) - 1), label="at")
    flip = data.draw(st.integers(1, 255), label="flip")
    damaged = bytearray(log.files[file])
    damaged[at] ^= flip
    found = recovered_or_refused({**log.files, file: bytes(damaged)})
    if isinstance(found, Corrupt):
        assert found.file == file
        assert found.offset <= at
    else:
        assert found == before != after
        assert file == log.last_file


def recovered_or_refused(files: dict[str, bytes]) -> State | Corrupt:
    try:
        recovered = recover(files)
    except Corrupt as error:
        return error
    return State(recovered.hard_state, recovered.snapshot, tuple(recovered.entries))


def next_index(log: Log) -> int:
    if log.state.entries:
        return log.state.entries[-1].index + 1
    return (log.state.snapshot.index if log.state.snapshot else 0) + 1


# --- by hand: each rule of the module's theory --------------------------------------------------------------------


def a_log() -> Log:
    """Two synced batches; entry 1 in the first, 2 to 4 in records of their own in the second."""
    log = Log()
    log.append(HardState(1, "n2"), entries(1, 1))
    log.flush()
    log.sync()
    for index in (2, 3, 4):
        log.append(None, entries(index, 1, data=b"y" * 700))
    log.flush()
    return log


def test_an_empty_folder_is_a_first_start() -> None:
    recovered = recover({})
    assert (recovered.hard_state, recovered.snapshot, recovered.entries) == (HardState(), None, [])


def test_what_was_written_comes_back() -> None:
    log = a_log()
    assert log.state_of(log.files) == State(HardState(1, "n2"), None, log.state.entries)
    assert [entry.index for entry in log.state.entries] == [1, 2, 3, 4]


@pytest.mark.parametrize("lost", [1, 10, 700, 1500])
def test_a_short_last_batch_is_a_tear(lost: int) -> None:
    log = a_log()
    files = {FIRST: log.files[FIRST][:-lost]}
    recovered = recover(files)
    assert [entry.index for entry in recovered.entries] == [1, 2, 3, 4][: 4 - 1 - lost // 711]
    assert [effect.file for effect in recovered.effects] == [FIRST]
    assert recover({FIRST: files[FIRST][: recovered.effects[0].size]}).effects == []


def test_a_lost_sector_of_the_last_batch_is_a_tear_though_sound_records_follow() -> None:
    log = a_log()
    data = bytearray(log.files[FIRST])
    begin = (log.durable[FIRST] // SECTOR_BYTES + 1) * SECTOR_BYTES
    data[begin : begin + SECTOR_BYTES] = bytes(SECTOR_BYTES)
    assert [entry.index for entry in recover({FIRST: bytes(data)}).entries] == [1]


def test_a_lost_sector_is_damage_once_a_later_batch_says_it_was_durable() -> None:
    log = a_log()
    log.sync()
    log.append(HardState(2), ())
    log.flush()
    data = bytearray(log.files[FIRST])
    data[SECTOR_BYTES : 2 * SECTOR_BYTES] = bytes(SECTOR_BYTES)
    with pytest.raises(Corrupt, match="were durable when a later batch was written") as caught:
        recover({FIRST: bytes(data)})
    assert caught.value.file == FIRST
    assert caught.value.offset < SECTOR_BYTES


def test_garbage_before_a_sound_record_is_damage() -> None:
    log = a_log()
    data = bytearray(log.files[FIRST])
    data[log.durable[FIRST] + 40] ^= 1
    with pytest.raises(Corrupt, match="no lost write between"):
        recover({FIRST: bytes(data)})


def test_a_header_that_never_reached_the_disk_is_a_segment_that_never_began() -> None:
    log = a_log()
    log.sync()
    assert recover({**log.files, segment_name(2): b"RAFT"}).segments[-1].size == 0
    assert recover({**log.files, segment_name(2): b""}).effects == []


def rotated() -> Log:
    log = Log(segment_bytes=1)
    for index in (1, 2, 3):
        log.append(HardState(7, "n2") if index == 1 else None, entries(index, index))
        log.flush()
        log.sync()
    assert sorted(log.files) == [segment_name(n) for n in (1, 2, 3, 4)]
    return log


@pytest.mark.parametrize("cut", [1, 20, 40, 10_000])
def test_a_short_segment_before_the_last_is_damage(cut: int) -> None:
    files = rotated().files
    with pytest.raises(Corrupt, match=r"not the last segment|when the next segment began"):
        recover({**files, segment_name(3): files[segment_name(3)][:-cut]})


@pytest.mark.parametrize(("gone", "why"), [(1, "first segment is missing"), (2, "before wal-0000000003 is missing")])
def test_a_missing_segment_is_damage(gone: int, why: str) -> None:
    files = rotated().files
    del files[segment_name(gone)]
    with pytest.raises(Corrupt, match=why):
        recover(files)


def test_segments_go_when_a_durable_snapshot_covers_them() -> None:
    log = rotated()
    log.snapshot(1)
    log.flush()
    log.sync()
    assert sorted(log.files) == [SNAPSHOT_FILE, *(segment_name(n) for n in (4, 5))]
    assert log.state_of(log.files) == log.state
    assert [entry.index for entry in log.state.entries] == [3]


@pytest.mark.parametrize("content", [None, b"", b"RAFTSNAP", "older"])
def test_a_snapshot_that_the_log_needs_must_be_there_and_whole(content: bytes | str | None) -> None:
    log = rotated()
    log.snapshot(1)
    log.flush()
    log.sync()
    if isinstance(content, str):
        content = encode_snapshot(Snapshot(1, 1, VOTERS, b""))
    files = {name: data for name, data in log.files.items() if name != SNAPSHOT_FILE}
    with pytest.raises(Corrupt):
        recover(files if content is None else {**files, SNAPSHOT_FILE: content})


def test_a_snapshot_without_any_log_is_refused() -> None:
    with pytest.raises(Corrupt, match="no log"):
        recover({SNAPSHOT_FILE: encode_snapshot(Snapshot(3, 1, VOTERS, b""))})


def test_a_snapshot_ahead_of_the_log_voids_it_and_new_entries_follow() -> None:
    """The crash came between the snapshot and its marker in the log."""
    log = Log()
    log.append(HardState(1), entries(1, 1, 1, 1))
    log.flush()
    log.sync()
    log.files[SNAPSHOT_FILE] = encode_snapshot(Snapshot(2, 2, VOTERS, b"other"))
    log.steps = [State(HardState(2), Snapshot(2, 2, VOTERS, b"other"))]
    log.restart()
    log.append(None, entries(3, 2))
    log.flush()
    log.sync()
    assert log.state_of(log.files).entries == entries(3, 2)


def test_a_newer_version_is_named_not_guessed_at() -> None:
    log = a_log()
    header = bytearray(log.files[FIRST][:HEADER_BYTES])
    header[9] = 2
    header[-4:] = zlib.crc32(bytes(header[:-4])).to_bytes(4, "big")
    with pytest.raises(Corrupt, match="version 2"):
        recover({FIRST: bytes(header) + log.files[FIRST][HEADER_BYTES:]})


def test_other_files_are_left_alone() -> None:
    log = a_log()
    assert log.state_of({**log.files, "snapshot.new": b"half", "lost+found": b""}) == log.state
