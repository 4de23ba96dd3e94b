"""What a disk has after a crash: never less than was durable, never more than was handed over, and what recovery says
of damage."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster import DiskFailure, Harm
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.disk import SECTOR_BYTES, Disk, DiskError
from harness.cluster.simulation.machine import Machine
from node_image.storage import Corrupt, recover
from tests.simulation.small import lead, pass_time, started

SEEDS = range(200)


def disk(seed: int, *, durable: bytes = b"", handed: bytes = b"", written: bytes = b"") -> Disk:
    """With a file `log` that has these parts, one after the other."""
    made = Disk(Random(seed))
    if durable:
        made.write("log", durable)
        made.synced("log", made.begin_sync("log"))
    if handed:
        made.write("log", handed)
        made.begin_sync("log")
    if written:
        made.write("log", written)
    return made


def outcomes(crash: str, **parts: bytes) -> set[bytes | None]:
    """What the file can be after it; None: gone."""
    after: set[bytes | None] = set()
    for seed in SEEDS:
        crashed = disk(seed, **parts)
        getattr(crashed, crash)()
        after.add(crashed.read().get("log"))
    return after


def test_a_kill_loses_what_was_not_handed_over_and_of_what_was_all_or_nothing() -> None:
    assert outcomes("kill", durable=b"dd", handed=b"hh", written=b"ww") == {b"dd", b"ddhh"}
    assert outcomes("kill", durable=b"dd") == {b"dd"}
    assert outcomes("kill", handed=b"hh") == {None, b"hh"}
    assert outcomes("kill", written=b"ww") == {None}


def test_what_a_process_has_found_no_later_kill_takes() -> None:
    for seed in SEEDS:
        twice = disk(seed, durable=b"dd", handed=b"hh")
        twice.kill()
        found = twice.read()
        twice.kill()
        assert twice.read() == found


def test_a_power_failure_after_a_kill_takes_what_only_the_kernel_had() -> None:
    after = set()
    for seed in SEEDS:
        twice = disk(seed, durable=b"dd", handed=b"h")
        twice.kill()
        twice.lose_power()
        after.add(twice.read()["log"])
    assert after == {b"dd", b"ddh", b"dd\0"}


def test_a_power_failure_tears_what_was_handed_over() -> None:
    after = outcomes("lose_power", durable=b"dd", handed=b"abc", written=b"ww")
    assert {b"dd", b"dda", b"ddab", b"ddabc"} < after
    assert b"dd\0\0\0" in after  # its sector was never written


def test_a_power_failure_loses_single_sectors() -> None:
    """One behind a lost one may be there: a disk writes in any order."""
    pages = b"".join(bytes([65 + number]) * SECTOR_BYTES for number in range(4))
    after = {data for data in outcomes("lose_power", handed=pages) if data is not None}
    assert any(data[:SECTOR_BYTES].count(0) == SECTOR_BYTES and data.count(b"D") for data in after)


@given(st.integers(), st.binary(max_size=1500), st.binary(max_size=1500), st.binary(max_size=20))
def test_durable_bytes_outlive_any_crash(seed: int, durable: bytes, handed: bytes, written: bytes) -> None:
    crashed = disk(seed, durable=durable, handed=handed, written=written)
    before = len(durable + handed + written)
    rng = Random(seed)
    for _ in range(3):
        rng.choice((crashed.kill, crashed.lose_power))()
        data = crashed.read().get("log", b"")
        assert data.startswith(durable)
        assert len(data) <= len(durable + handed)
        assert all(byte in (0, kept) for byte, kept in zip(data, durable + handed, strict=False))
    assert crashed.lost_bytes == before - len(data)


def test_a_full_disk_takes_nothing_new() -> None:
    full = disk(1, durable=b"dd")
    full.failing.add(DiskFailure.FULL)
    full.write("log", b"more")
    with pytest.raises(DiskError, match="log: no space left on device"):
        full.begin_sync("log")
    with pytest.raises(DiskError, match="snapshot: no space left on device"):
        full.begin_replace("snapshot", b"s")
    full.kill()
    assert full.read() == {"log": b"dd"}
    full.failing.clear()
    full.write("log", b"more")
    full.synced("log", full.begin_sync("log"))
    assert full.read() == {"log": b"ddmore"}


def test_writes_that_fail_and_reads_that_fail() -> None:
    failing = disk(1, durable=b"dd")
    failing.failing = {DiskFailure.WRITES, DiskFailure.READS}
    failing.write("log", b"more")
    with pytest.raises(DiskError, match="log: input/output error"):
        failing.begin_sync("log")
    with pytest.raises(DiskError, match="snapshot: input/output error"):
        failing.begin_replace("snapshot", b"s")
    with pytest.raises(DiskError, match="log: input/output error"):
        failing.read()
    assert Disk(Random(1)).read() == {}, "where there is nothing to read, no read fails"


def test_a_sync_that_power_tears_leaves_a_part() -> None:
    left = set()
    for seed in SEEDS:
        torn = disk(seed, durable=b"dd", handed=b"hhhh", written=b"w")
        assert torn.can_tear("log")
        torn.lose_power("log")
        left.add(torn.read()["log"])
        assert torn.tears == 1
    assert left == {b"ddh", b"ddhh", b"ddhhh"}
    assert not disk(1, durable=b"dd", handed=b"h", written=b"www").can_tear("log")
    assert not Disk(Random(1)).can_tear("log")


def test_after_a_sync_that_failed_nobody_knows() -> None:
    after = set()
    for seed in SEEDS:
        failing = disk(seed, durable=b"dd", handed=b"hh")
        failing.failing.add(DiskFailure.SYNCS)
        with pytest.raises(DiskError, match="log: input/output error"):
            failing.synced("log", 4)
        failing.kill()
        after.add(failing.read()["log"])
    assert after == {b"dd", b"ddhh"}


def test_a_replacement_has_happened_or_has_not() -> None:
    after = set()
    for seed in SEEDS:
        replacing = disk(seed)
        replacing.begin_replace("snapshot", b"old")
        replacing.replaced("snapshot", b"old")
        replacing.begin_replace("snapshot", b"new")
        Random(seed).choice((replacing.kill, replacing.lose_power))()
        after.add(replacing.read()["snapshot"])
    assert after == {b"old", b"new"}


def test_the_newest_removals_are_undone_by_a_power_failure_and_not_by_a_kill() -> None:
    after = set()
    for seed in SEEDS:
        for crash in (Disk.kill, Disk.lose_power):
            removing = Disk(Random(seed))
            for name in ("a", "b"):
                removing.write(name, b"x")
                removing.synced(name, removing.begin_sync(name))
            removing.remove("a")
            removing.remove("b")
            crash(removing)
            after.add((crash.__name__, *removing.read()))
    assert after == {("kill",), ("lose_power",), ("lose_power", "b"), ("lose_power", "a", "b")}


def test_a_sync_of_a_new_file_makes_removals_durable() -> None:
    for seed in SEEDS:
        removing = disk(seed, durable=b"x")
        removing.remove("log")
        removing.write("next", b"y")
        removing.synced("next", removing.begin_sync("next"))
        removing.lose_power()
        assert removing.read() == {"next": b"y"}


def test_a_truncated_file_is_durable_as_it_is() -> None:
    for seed in SEEDS:
        cut = disk(seed, durable=b"dd", handed=b"hh")
        cut.truncate("log", 3)
        cut.lose_power()
        assert cut.read() == {"log": b"ddh"}


def killed_with_a_log(cluster: SimulatedCluster) -> Machine:
    """The leader's, after some writes."""
    machine = lead(cluster)
    for number in range(20):
        write(machine, number)
        pass_time(cluster, 0.02)
    machine.kill()
    return machine


@pytest.mark.parametrize("seed", range(12))
def test_recovery_refuses_a_flipped_bit_and_takes_the_mended_disk(seed: int) -> None:
    """Of a node that has made snapshots and of one that has not."""
    options = {"snapshot_every_entries": 5, "segment_bytes": 200} if seed % 2 else {}
    cluster = started(3, seed=seed, **options)
    machine = killed_with_a_log(cluster)
    sound = machine.disk.read()
    flip = machine.disk.harm(Harm.BIT_FLIP, Random(seed))
    assert flip is not None
    before, after = sound[flip.file], machine.disk.read()[flip.file]
    assert [at for at in range(len(before)) if before[at] != after[at]] == [flip.byte]
    assert (before[flip.byte] ^ after[flip.byte]).bit_count() == 1
    with pytest.raises(Corrupt):
        recover(machine.disk.read())
    machine.disk.repair(flip)
    assert machine.disk.read() == sound
    assert machine.start()


@pytest.mark.parametrize("seed", range(40))
def test_recovery_refuses_a_file_that_ends_too_soon(seed: int) -> None:
    """The snapshot, or a segment that is not the last."""
    cluster = started(3, seed=seed, snapshot_every_entries=5, segment_bytes=200)
    machine = killed_with_a_log(cluster)
    sound = machine.disk.read()
    cut = machine.disk.harm(Harm.TRUNCATION, Random(seed))
    assert cut is not None
    assert cut.file != max(sound)
    assert machine.disk.read()[cut.file] == sound[cut.file][: cut.byte]
    with pytest.raises(Corrupt):
        recover(machine.disk.read())
    machine.disk.repair(cut)
    assert machine.disk.read() == sound
    assert machine.start()


def write(machine: object, number: int) -> None:
    request = {"id": number, "op": "write", "key": "k", "value": number, "session": "s", "seq": number + 1, "opened": 0}
    machine.give(lambda node, clocks: node.client_line(1, request, clocks))  # type: ignore[attr-defined]


def test_where_nothing_is_durable_nothing_can_rot() -> None:
    for harm in Harm:
        assert Disk(Random(1)).harm(harm, Random(1)) is None
        assert disk(1, handed=b"h").harm(harm, Random(1)) is None
    assert disk(1, durable=b"only").harm(Harm.TRUNCATION, Random(1)) is None
