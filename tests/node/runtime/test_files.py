"""The data folder: what is there after the process is gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from node_image.runtime.files import Files

DEADLINE_S = 10.0


class Disk:
    def __init__(self, folder: Path) -> None:
        self.tokens: SimpleQueue[int] = SimpleQueue()
        self.errors: SimpleQueue[OSError] = SimpleQueue()
        self.files = Files(folder, self.tokens.put, self.errors.put)

    def synced(self) -> int:
        return self.tokens.get(timeout=DEADLINE_S)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    yield made
    made.files.close()


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_not_synced_is_in_this_process_alone(disk: Disk, tmp_path: Path) -> None:
    disk.files.write("log", b"one ")
    disk.files.sync("log", 1)
    disk.files.write("log", b"two ")
    assert disk.synced() == 1
    assert on_disk(tmp_path) == {"log": b"one "}
    disk.files.write("log", b"three")
    disk.files.sync("log", 2)
    assert disk.synced() == 2
    assert on_disk(tmp_path) == {"log": b"one two three"}


def test_an_orderly_end_keeps_everything(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.files.write("log", b"one")
    disk.files.close()
    assert on_disk(tmp_path) == {"log": b"one"}


def test_a_file_goes_on_where_an_earlier_process_ended(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"before ")
    disk.files.write("log", b"after")
    disk.files.sync("log", 1)
    disk.synced()
    assert disk.files.read() == {"log": b"before after"}


def test_replace_leaves_the_new_contents_alone(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_bytes(b"the old and longer contents")
    disk.files.replace("snapshot", b"new", 5)
    assert disk.synced() == 5
    assert on_disk(tmp_path) == {"snapshot": b"new"}


def test_an_unfinished_replacement_is_nothing(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "snapshot").write_bytes(b"old")
    (tmp_path / "snapshot.tmp").write_bytes(b"ne")
    assert disk.files.read() == on_disk(tmp_path) == {"snapshot": b"old"}


def test_truncate_and_remove(disk: Disk, tmp_path: Path) -> None:
    for file in ("log-1", "log-2"):
        disk.files.write(file, b"0123456789")
        disk.files.sync(file, 1)
        disk.synced()
    disk.files.truncate("log-1", 4)
    disk.files.remove("log-2")
    disk.files.sync("log-1", 2)
    disk.synced()
    assert on_disk(tmp_path) == {"log-1": b"0123"}


def test_after_a_failure_nothing_more_is_done(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    disk.files.write("log", b"x")
    disk.files.sync("log", 1)
    disk.files.write("other", b"x")
    disk.files.sync("other", 2)
    assert disk.errors.get(timeout=DEADLINE_S).strerror == "No space left on device"
    assert disk.tokens.empty()
