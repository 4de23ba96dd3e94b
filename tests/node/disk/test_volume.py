"""Files, names and crashes: against a model that keeps every state that there was."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from node_image.disk.damage import cut_short, flip_bit, repair
from node_image.disk.names import Inode
from node_image.disk.volume import ROOT, Node, Volume
from tests.node.disk.memory import MemoryStore

NAMES = st.sampled_from([b"a", b"b", b"c"])
SEEDS = st.integers(0, 1 << 32)
Tree = dict[bytes, Inode]


def volume() -> Volume:
    return Volume(MemoryStore())


def make(disk: Volume, name: bytes, folder: Inode = ROOT) -> Inode:
    return disk.make(folder, name, Node(stat.S_IFREG | 0o644))


def sync(disk: Volume, inode: Inode) -> None:
    changes = disk.begin_sync(inode)
    disk.store.apply(inode, changes)
    disk.end_sync(inode, len(changes))


def durable(disk: Volume, name: bytes, content: bytes) -> Inode:
    inode = make(disk, name)
    disk.write(inode, 0, content)
    sync(disk, inode)
    disk.sync_folder(ROOT)
    return inode


def content(disk: Volume, inode: Inode) -> bytes:
    return disk.read(inode, 0, 1 << 20)


class Storm(RuleBasedStateMachine):
    """One folder. Beside the volume: what each file holds, every content that it had since its last sync, and every
    state of the folder since that was synced."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = volume()
        self.tree: Tree = {}
        self.trees: list[Tree] = [{}]
        self.contents: dict[Inode, bytes] = {}
        self.since: dict[Inode, list[bytes]] = {}

    def step(self) -> None:
        self.trees.append(dict(self.tree))

    def change(self, inode: Inode, new: bytes) -> None:
        self.contents[inode] = new
        self.since[inode].append(new)

    @rule(name=NAMES)
    def create(self, name: bytes) -> None:
        if name in self.tree:
            with pytest.raises(FileExistsError):
                make(self.disk, name)
            return
        inode = self.tree[name] = make(self.disk, name)
        self.contents[inode], self.since[inode] = b"", [b""]
        self.step()

    @precondition(lambda self: self.tree)
    @rule(data=st.data(), offset=st.integers(0, 2000), written=st.binary(min_size=1, max_size=900))
    def write(self, data: st.DataObject, offset: int, written: bytes) -> None:
        inode = data.draw(st.sampled_from(sorted(self.tree.values())))
        self.disk.write(inode, offset, written)
        self.change(
            inode,
            self.contents[inode].ljust(offset, b"\0")[:offset]
            + written
            + self.contents[inode][offset + len(written) :],
        )

    @precondition(lambda self: self.tree)
    @rule(data=st.data(), size=st.integers(0, 2000))
    def resize(self, data: st.DataObject, size: int) -> None:
        inode = data.draw(st.sampled_from(sorted(self.tree.values())))
        self.disk.resize(inode, size)
        self.change(inode, self.contents[inode][:size].ljust(size, b"\0"))

    @precondition(lambda self: self.tree)
    @rule(data=st.data(), new=NAMES)
    def rename(self, data: st.DataObject, new: bytes) -> None:
        old = data.draw(st.sampled_from(sorted(self.tree)))
        self.disk.rename(ROOT, old, ROOT, new)
        if old != new:
            self.tree[new] = self.tree.pop(old)
            self.step()

    @precondition(lambda self: self.tree)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.tree)))
        self.disk.unlink(ROOT, name)
        del self.tree[name]
        self.step()

    @precondition(lambda self: self.tree)
    @rule(data=st.data())
    def fsync(self, data: st.DataObject) -> None:
        inode = data.draw(st.sampled_from(sorted(self.tree.values())))
        sync(self.disk, inode)
        self.since[inode] = [self.contents[inode]]

    @rule()
    def fsync_folder(self) -> None:
        self.disk.sync_folder(ROOT)
        self.trees = [dict(self.tree)]

    @precondition(lambda self: self.tree)
    @rule(data=st.data())
    def failed_fsync(self, data: st.DataObject) -> None:
        inode = data.draw(st.sampled_from(sorted(self.tree.values())))
        self.disk.fail_sync(inode)
        self.contents[inode] = self.since[inode][0]
        self.since[inode] = [self.contents[inode]]

    @rule(seed=SEEDS, tear=st.booleans())
    def lose_power(self, seed: int, tear: bool) -> None:
        outage = self.disk.lose_power(Random(seed), tear=tear)
        tree = dict(self.disk.listed(ROOT))
        assert tree in self.trees, "names as they never were together"
        assert outage.names or tree == self.trees[-1], "a change of names went, and nobody said so"
        for inode in tree.values():
            left, states = content(self.disk, inode), self.since[inode]
            if len(states) == 1:
                assert left == states[0], "what was synced is not there"
            for place, byte in enumerate(left):
                assert byte in {0} | {state[place] for state in states if place < len(state)}
            self.contents[inode], self.since[inode] = left, [left]
        self.tree, self.trees = tree, [dict(tree)]

    @invariant()
    def processes_see_what_was_done(self) -> None:
        assert dict(self.disk.listed(ROOT)) == self.tree
        for inode in self.tree.values():
            assert content(self.disk, inode) == self.contents[inode]
            assert self.disk.node(inode).size == len(self.contents[inode])


def test_files_and_names_are_as_they_were_done_and_as_they_were_synced() -> None:
    run_state_machine_as_test(Storm)


@given(SEEDS, st.binary(min_size=1, max_size=3000))
def test_what_was_synced_with_its_folder_stays(seed: int, written: bytes) -> None:
    disk = volume()
    inode = durable(disk, b"a", written)
    outage = disk.lose_power(Random(seed))
    assert (outage.lost_bytes, outage.names, content(disk, inode)) == (0, [], written)


def outcomes(doing: Callable[[Volume], object], seeds: int = 40) -> set[tuple[tuple[bytes, bytes], ...]]:
    """What power failures leave after the same things were done: names with contents."""
    found = set()
    for seed in range(seeds):
        disk = volume()
        doing(disk)
        disk.lose_power(Random(seed))
        found.add(tuple((name, content(disk, inode)) for name, inode in disk.listed(ROOT)))
    return found


def test_a_file_that_was_synced_in_a_folder_that_was_not_may_be_gone() -> None:
    def create(disk: Volume) -> None:
        inode = make(disk, b"a")
        disk.write(inode, 0, b"x")
        sync(disk, inode)

    assert outcomes(create) == {(), ((b"a", b"x"),)}


def test_a_rename_has_happened_or_not_and_never_half() -> None:
    def replace(disk: Volume) -> None:
        durable(disk, b"a", b"old")
        disk.rename(ROOT, b"tmp", ROOT, b"a") if durable(disk, b"tmp", b"new") else None

    assert outcomes(replace) == {((b"a", b"old"), (b"tmp", b"new")), ((b"a", b"new"),)}


def test_a_rename_of_what_was_not_synced_may_leave_an_empty_file() -> None:
    def replace(disk: Volume) -> None:
        durable(disk, b"a", b"old")
        disk.write(make(disk, b"tmp"), 0, b"new")
        disk.rename(ROOT, b"tmp", ROOT, b"a")
        disk.sync_folder(ROOT)

    assert ((b"a", b""),) in outcomes(replace)


def test_a_removed_file_may_be_back() -> None:
    def remove(disk: Volume) -> None:
        durable(disk, b"a", b"x")
        disk.unlink(ROOT, b"a")

    assert outcomes(remove) == {(), ((b"a", b"x"),)}


def test_after_a_sync_that_failed_the_next_one_has_nothing_to_do() -> None:
    disk = volume()
    inode = durable(disk, b"a", b"old")
    disk.write(inode, 0, b"new")
    disk.fail_sync(inode)
    assert disk.begin_sync(inode) == []
    assert content(disk, inode) == b"old"


def test_a_folder_whose_sync_failed_is_as_it_was() -> None:
    disk = volume()
    durable(disk, b"a", b"x")
    disk.rename(ROOT, b"a", ROOT, b"b")
    disk.fail_sync(ROOT)
    assert [name for name, _ in disk.listed(ROOT)] == [b"a"]


def test_an_open_file_without_a_name_is_there_until_it_is_closed() -> None:
    disk = volume()
    inode = durable(disk, b"a", b"x")
    disk.opened(inode)
    disk.unlink(ROOT, b"a")
    disk.sync_folder(ROOT)
    assert content(disk, inode) == b"x"
    disk.closed(inode)
    with pytest.raises(OSError, match="Stale") as raised:
        disk.node(inode)
    assert raised.value.errno == errno.ESTALE
    assert isinstance(disk.store, MemoryStore)
    assert disk.store.files == {}


def test_folders_go_with_what_is_in_them() -> None:
    disk = volume()
    folder = disk.make(ROOT, b"d", Node(stat.S_IFDIR | 0o755))
    make(disk, b"f", folder)
    disk.sync_folder(folder)
    with pytest.raises(OSError, match="not empty"):
        disk.rmdir(ROOT, b"d")
    assert sorted(disk.paths().values()) == ["d", "d/f"]
    disk.unlink(folder, b"f")
    disk.rmdir(ROOT, b"d")
    disk.sync_folder(ROOT)
    with pytest.raises(OSError, match="Stale"):
        disk.node(folder)


@given(SEEDS)
def test_a_flipped_bit_is_one_bit_and_can_be_put_back(seed: int) -> None:
    disk = volume()
    first, last = durable(disk, b"1", b"first" * 50), durable(disk, b"2", b"last" * 50)
    damage = flip_bit(disk, Random(seed))
    assert damage is not None
    assert damage.inode == first, "the last file is spared"
    differing = [place for place, byte in enumerate(content(disk, first)) if byte != (b"first" * 50)[place]]
    assert differing == [damage.at]
    assert (damage.lost[0] ^ damage.now[0]).bit_count() == 1
    assert repair(disk, damage)
    assert (content(disk, first), content(disk, last)) == (b"first" * 50, b"last" * 50)


@given(SEEDS)
def test_a_file_that_ends_too_soon_is_never_the_last(seed: int) -> None:
    disk = volume()
    durable(disk, b"2", b"last" * 50)
    assert cut_short(disk, Random(seed)) is None
    first = durable(disk, b"1", b"first" * 50)
    damage = cut_short(disk, Random(seed))
    assert damage is not None
    assert content(disk, first) == (b"first" * 50)[: damage.at]
    assert damage.words() == {"file": "1", "size_bytes": damage.at, "lost_bytes": 250 - damage.at}
    assert repair(disk, damage)
    assert content(disk, first) == b"first" * 50


def test_of_the_only_file_a_bit_in_the_first_half_is_flipped() -> None:
    assert flip_bit(volume(), Random(1)) is None
    for seed in range(20):
        disk = volume()
        durable(disk, b"1", b"x" * 100)
        damage = flip_bit(disk, Random(seed))
        assert damage is not None
        assert damage.at < 50


def test_what_was_written_since_is_not_repaired() -> None:
    disk = volume()
    inode = durable(disk, b"1", b"x" * 100)
    damage = flip_bit(disk, Random(1))
    assert damage is not None
    disk.write(inode, 0, b"y" * 100)
    sync(disk, inode)
    assert not repair(disk, damage)
    assert content(disk, inode) == b"y" * 100
