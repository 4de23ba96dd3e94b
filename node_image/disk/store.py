"""Where what is durable lies: one file for each inode, in a real folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from node_image.disk.changes import Change, Resize
from node_image.disk.names import Inode


class Store(Protocol):
    """What is durable of every file. An inode that was never heard of is an empty file."""

    def size(self, inode: Inode) -> int: ...

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        """Less than `size` bytes where the file ends."""

    def apply(self, inode: Inode, changes: Sequence[Change]) -> None:
        """Returns when they are durable. Other files may be changed meanwhile, by other threads."""

    def remove(self, inode: Inode) -> None: ...


class FolderStore:
    """A `Store`. Raises OSError where the real disk fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Inode, int] = {}
        """Descriptors."""

    def size(self, inode: Inode) -> int:
        return os.fstat(self._file(inode)).st_size

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        return os.pread(self._file(inode), size, offset)

    def apply(self, inode: Inode, changes: Sequence[Change]) -> None:
        file = self._file(inode)
        for change in changes:
            if isinstance(change, Resize):
                os.ftruncate(file, change.size)
            else:
                _write_all(file, change.data, change.offset)
        os.fdatasync(file)

    def remove(self, inode: Inode) -> None:
        file = self._files.pop(inode, None)
        if file is not None:
            os.close(file)
            self._path(inode).unlink()

    def _file(self, inode: Inode) -> int:
        file = self._files.get(inode)
        if file is None:
            file = self._files[inode] = os.open(self._path(inode), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return file

    def _path(self, inode: Inode) -> Path:
        return self._folder / str(inode)


def _write_all(file: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        done = os.pwrite(file, left, offset)
        left, offset = left[done:], offset + done
