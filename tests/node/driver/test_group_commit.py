"""Which writes and syncs go out when, and which Readys are settled by them: conversations with the disk."""

from __future__ import annotations

from node_image.driver.effects import Effect, Replace, Sync, Write
from node_image.driver.group_commit import GroupCommit
from node_image.raft import Configuration, Entry, EntryKind, HardState, Ready, Snapshot
from node_image.storage import Storage, recover
from node_image.variants import variant

VOTERS = Configuration(frozenset({"n1"}))


def ready(number: int, *, entry: int = 0, snapshot: int = 0, term: int = 0) -> Ready:
    return Ready(
        number,
        HardState(term) if term else None,
        (Entry(1, entry, EntryKind.NOOP, b""),) if entry else (),
        Snapshot(snapshot, 1, VOTERS, b"") if snapshot else None,
        (),
        (),
        (),
        (),
        False,
    )


def kinds(effects: list[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def token(effects: list[Effect]) -> int:
    [last] = [effect.token for effect in effects if isinstance(effect, Sync | Replace)]
    return last


class Disk:
    """Carries out effects, and remembers the files."""

    def __init__(self, *bugs: str) -> None:
        self.files: dict[str, bytes] = {}
        self.log = variant(GroupCommit, frozenset(bugs))(Storage(recover({})))
        self.finish(self.keep(self.log.start()))

    def keep(self, effects: list[Effect]) -> list[Effect]:
        for effect in effects:
            if isinstance(effect, Write):
                self.files[effect.file] = self.files.get(effect.file, b"") + effect.data
            elif isinstance(effect, Replace):
                self.files[effect.file] = effect.data
        return effects

    def flush(self, now: float = 0.0) -> list[Effect]:
        return self.keep(self.log.flush(now))

    def finish(self, effects: list[Effect]) -> Snapshot | None:
        return self.log.synced(token(effects))[1]

    def settled(self) -> list[int]:
        return [done.number for done in self.log.settled()]

    def stored(self) -> list[int]:
        return [entry.index for entry in recover(self.files).entries]


def test_a_ready_is_settled_by_its_sync_and_not_before() -> None:
    disk = Disk()
    disk.log.submit(ready(1, entry=1))
    effects = disk.flush()
    assert kinds(effects) == ["Write", "Sync"]
    assert disk.settled() == []
    disk.finish(effects)
    assert disk.settled() == [1]


def test_what_gathers_while_a_sync_runs_shares_the_next_one() -> None:
    disk = Disk()
    disk.log.submit(ready(1, entry=1))
    first = disk.flush()
    for number in (2, 3, 4):
        disk.log.submit(ready(number, entry=number))
        assert disk.flush() == []
    disk.finish(first)
    assert disk.settled() == [1]
    second = disk.flush()
    assert kinds(second) == ["Write", "Sync"]
    disk.finish(second)
    assert disk.settled() == [2, 3, 4]
    assert disk.stored() == [1, 2, 3, 4]


def test_a_ready_that_stores_nothing_is_settled_at_once_when_all_before_it_is_durable() -> None:
    disk = Disk()
    disk.log.submit(ready(1))
    assert disk.flush() == []
    assert disk.settled() == [1]
    disk.log.submit(ready(2, term=3))
    effects = disk.flush()
    disk.log.submit(ready(3))
    assert disk.flush() == []
    assert disk.settled() == []
    disk.finish(effects)
    disk.flush()
    assert disk.settled() == [2, 3]


def test_a_received_snapshot_is_durable_before_anything_behind_it_is_written() -> None:
    disk = Disk()
    disk.log.submit(ready(1, entry=1))
    disk.log.submit(ready(2, snapshot=7, term=2))
    disk.log.submit(ready(3, entry=8))
    before = disk.flush()
    assert kinds(before) == ["Write", "Sync"]
    disk.finish(before)
    install = disk.flush()
    assert kinds(install) == ["Replace"]
    assert disk.settled() == [1]
    assert disk.flush() == []
    assert disk.finish(install) is None
    behind = disk.flush()
    assert kinds(behind) == ["Write", "Sync"]
    disk.finish(behind)
    assert disk.settled() == [2, 3]
    recovered = recover(disk.files)
    assert (recovered.snapshot and recovered.snapshot.index, disk.stored(), recovered.hard_state.term) == (7, [8], 2)


def test_an_own_snapshot_goes_beside_the_syncs() -> None:
    disk = Disk()
    disk.log.submit(ready(1, entry=1))
    sync = disk.flush()
    own = Snapshot(1, 1, VOTERS, b"state")
    replace = disk.keep(disk.log.save(own))
    assert disk.log.busy_with_snapshot
    disk.log.submit(ready(2, entry=2))
    disk.finish(sync)
    later = disk.flush()
    assert kinds(later) == ["Write", "Sync"]
    assert disk.finish(replace) is own
    assert not disk.log.busy_with_snapshot
    disk.finish(later)
    assert disk.settled() == [1, 2]
    marker = disk.flush()
    assert kinds(marker) == ["Write", "Sync"]
    assert disk.stored() == [2]


def test_a_received_snapshot_waits_for_an_own_one_and_its_marker_stands() -> None:
    disk = Disk()
    disk.log.submit(ready(1, entry=1))
    disk.finish(disk.flush())
    own = disk.keep(disk.log.save(Snapshot(1, 1, VOTERS, b"")))
    disk.log.submit(ready(2, snapshot=9))
    assert disk.flush() == []
    disk.finish(own)
    install = disk.flush()
    assert kinds(install) == ["Replace"]
    disk.finish(install)
    disk.log.submit(ready(3, entry=10))
    disk.finish(disk.flush())
    recovered = recover(disk.files)
    assert (recovered.snapshot and recovered.snapshot.index, recovered.marked_index, disk.stored()) == (9, 9, [10])


def test_with_the_bug_readys_settle_at_once_and_syncs_come_late() -> None:
    disk = Disk("ack-before-sync")
    disk.log.submit(ready(1, entry=1))
    assert kinds(disk.flush(10.0)) == ["Write"]
    assert disk.settled() == [1]
    assert disk.log.deadline() == 12.0
    disk.log.submit(ready(2, entry=2))
    assert kinds(disk.flush(11.9)) == ["Write"]
    assert disk.settled() == [2]
    assert kinds(disk.flush(12.0)) == ["Sync"]
    assert disk.log.deadline() == float("inf")
