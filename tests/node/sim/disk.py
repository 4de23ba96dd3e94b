"""A disk that keeps what was synced, and after a power failure any part of the rest.

Writes are in the kernel's memory until a sync of their file. A killed process loses nothing of that; a power failure
loses, of what was not synced: any end of a file, any sectors of what is left of it (they read as zeros), files that
were never synced as a whole, and the newest removals (a journal keeps the order of changes to the folder). A
replacement that was on its way has happened or has not.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from node_image.storage.records import SECTOR_BYTES


@dataclass
class _File:
    data: bytearray = field(default_factory=bytearray)
    durable: int = 0


class Disk:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._files: dict[str, _File] = {}
        self._removed: list[tuple[str, _File]] = []
        self._replacing: list[tuple[str, bytes]] = []
        self.tears = 0
        """Power failures that left part of what was not synced."""

    def read(self) -> dict[str, bytes]:
        return {name: bytes(file.data) for name, file in self._files.items()}

    def write(self, name: str, data: bytes) -> None:
        self._files.setdefault(name, _File()).data += data

    def size(self, name: str) -> int:
        return len(self._files[name].data)

    def synced(self, name: str, size: int) -> None:
        """A sync that was begun when the file had this size is done."""
        file = self._files.get(name)
        if file is not None:
            if file.durable == 0:
                self._removed.clear()
            file.durable = max(file.durable, size)

    def truncate(self, name: str, size: int) -> None:
        file = self._files[name]
        del file.data[size:]
        file.durable = min(file.durable, size)

    def remove(self, name: str) -> None:
        self._removed.append((name, self._files.pop(name)))

    def begin_replace(self, name: str, data: bytes) -> None:
        self._replacing.append((name, data))

    def replaced(self, name: str, data: bytes) -> None:
        self._replacing.remove((name, data))
        self._files[name] = _File(bytearray(data), len(data))
        self._removed.clear()

    def kill(self) -> None:
        """The process is gone, what it handed to the kernel is not."""
        for name, data in list(self._replacing):
            if self._rng.random() < 0.5:
                self.replaced(name, data)
        self._replacing.clear()

    def lose_power(self) -> None:
        self.kill()
        for name, file in self._removed[self._rng.randint(0, len(self._removed)) :]:
            self._files[name] = file
        self._removed.clear()
        for name, file in list(self._files.items()):
            if file.durable == 0 and self._rng.random() < 0.5:
                del self._files[name]
            else:
                self._tear(file)

    def _tear(self, file: _File) -> None:
        kept = self._rng.randint(file.durable, len(file.data))
        self.tears += file.durable < kept
        del file.data[kept:]
        if self._rng.random() < 0.3:
            self._lose_sectors(file)
        file.durable = len(file.data)

    def _lose_sectors(self, file: _File) -> None:
        for sector in range(file.durable // SECTOR_BYTES, len(file.data) // SECTOR_BYTES + 1):
            begin, end = max(file.durable, sector * SECTOR_BYTES), min(len(file.data), (sector + 1) * SECTOR_BYTES)
            if begin < end and self._rng.random() < 0.4:
                file.data[begin:end] = bytes(end - begin)
