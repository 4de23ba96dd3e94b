"""A disk that keeps what was synced, and after a crash any part of the rest.

As in node_image/runtime/files.py, what is written stays in the process's memory until a sync hands it to the kernel:

    written (the process's memory) -> handed (a sync has begun) -> durable (the sync is done)

A killed process loses what was not handed over; of what was, all is there, for the kernel has it, or nothing, for the
thread had not come to it. A power failure loses, of what was handed over and not durable: any end of a file, any
sectors of what is left of it (they read as zeros), files that were never synced as a whole, and the newest removals (a
journal keeps the order of changes to the folder). A replacement that was on its way has happened or has not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from harness.cluster import DiskFailure, Harm

SECTOR_BYTES: Final = 512


@dataclass
class _File:
    """durable <= kernel <= handed <= len(data)."""

    data: bytearray = field(default_factory=bytearray)
    handed: int = 0
    kernel: int = 0
    """So much of it a process has found after a crash: no later kill takes that."""
    durable: int = 0

    @classmethod
    def sound(cls, data: bytes | bytearray) -> _File:
        """All of it durable."""
        return cls(bytearray(data), len(data), len(data), len(data))


@dataclass(frozen=True)
class Damage:
    """What was durable, and is not there any more, from this byte of a file on. A bit was flipped, or the file ends
    there."""

    file: str
    byte: int
    lost: bytes
    harm: Harm


class DiskError(OSError):
    """A write or a sync failed."""


class Disk:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._files: dict[str, _File] = {}
        self._removed: list[tuple[str, _File]] = []
        self._replacing: list[tuple[str, bytes]] = []
        self.failing: set[DiskFailure] = set()
        self.tears = 0
        """Power failures that left part of what was not synced."""
        self.lost_bytes = 0
        """What was written and not there after a crash."""

    def read(self) -> dict[str, bytes]:
        """Raises DiskError."""
        if self._files and DiskFailure.READS in self.failing:
            raise DiskError(f"{min(self._files)}: input/output error")
        return {name: bytes(file.data) for name, file in self._files.items()}

    def write(self, name: str, data: bytes) -> None:
        self._files.setdefault(name, _File()).data += data

    def begin_sync(self, name: str) -> int:
        """Hands over what the file has, and returns its size. Raises DiskError."""
        file = self._files[name]
        if file.handed < len(file.data):
            self._check_writable(name)
        file.handed = len(file.data)
        return file.handed

    def synced(self, name: str, size: int) -> None:
        """A sync that was begun when the file had this size is done. Raises DiskError: then nobody knows what of it is
        durable, and the kernel may have dropped it."""
        file = self._files.get(name)
        if file is None:
            return
        if DiskFailure.SYNCS in self.failing:
            raise DiskError(f"{name}: input/output error")
        if file.durable == 0:
            self._removed.clear()
        file.durable = max(file.durable, size)
        file.kernel = max(file.kernel, size)

    def truncate(self, name: str, size: int) -> None:
        """What is left is durable: the file is synced at once."""
        data = self._files[name].data
        self._files[name] = _File.sound(data[:size])

    def remove(self, name: str) -> None:
        self._removed.append((name, self._files.pop(name)))

    def begin_replace(self, name: str, data: bytes) -> None:
        """Raises DiskError."""
        self._check_writable(name)
        self._replacing.append((name, data))

    def replaced(self, name: str, data: bytes) -> None:
        """Raises DiskError."""
        if DiskFailure.SYNCS in self.failing:
            raise DiskError(f"{name}: input/output error")
        self._replacing.remove((name, data))
        self._files[name] = _File.sound(data)
        self._removed.clear()

    def can_tear(self, name: str) -> bool:
        """Whether a sync of this file is under way that a power failure can leave half done."""
        file = self._files.get(name)
        return file is not None and file.handed - file.durable > 1

    def _check_writable(self, name: str) -> None:
        if DiskFailure.FULL in self.failing:
            raise DiskError(f"{name}: no space left on device")
        if DiskFailure.WRITES in self.failing:
            raise DiskError(f"{name}: input/output error")

    # Crashes

    def wipe(self) -> None:
        """It is another disk, which is empty."""
        self._files.clear()
        self._removed.clear()
        self._replacing.clear()

    def kill(self) -> None:
        """The process is gone, what it had handed to the kernel is not."""
        self._end_replacements()
        for name, file in list(self._files.items()):
            self._keep(name, file, file.handed if self._rng.random() < 0.5 else file.kernel)

    def lose_power(self, tear: str | None = None) -> None:
        """`tear`: a file whose sync is under way (`can_tear`): a part of what it was to make durable stays."""
        self._end_replacements()
        if tear is not None:
            self._tear_in_two(tear, self._files[tear])
        for name, file in self._removed[self._rng.randint(0, len(self._removed)) :]:
            self._files[name] = file
        self._removed.clear()
        for name, file in list(self._files.items()):
            self._tear(name, file)

    def _end_replacements(self) -> None:
        for name, data in self._replacing:
            if self._rng.random() < 0.5:
                self._files[name] = _File.sound(data)
        self._replacing.clear()

    def _tear_in_two(self, name: str, file: _File) -> None:
        self.tears += 1
        self._keep(name, file, self._rng.randint(file.durable + 1, file.handed - 1))
        file.durable = file.kernel

    def _tear(self, name: str, file: _File) -> None:
        if file.durable == file.handed:
            self._keep(name, file, file.durable)
            return
        kept = 0 if file.durable == 0 and self._rng.random() < 0.5 else self._rng.randint(file.durable, file.handed)
        self.tears += file.durable < kept
        self._keep(name, file, kept)
        if self._rng.random() < 0.3:
            self._lose_sectors(file)
        file.durable = file.kernel = file.handed = len(file.data)

    def _keep(self, name: str, file: _File, size: int) -> None:
        self.lost_bytes += len(file.data) - size
        if size == 0 and file.durable == 0:
            del self._files[name]
            return
        del file.data[size:]
        file.handed = file.kernel = size

    def _lose_sectors(self, file: _File) -> None:
        for sector in range(file.durable // SECTOR_BYTES, len(file.data) // SECTOR_BYTES + 1):
            begin, end = max(file.durable, sector * SECTOR_BYTES), min(len(file.data), (sector + 1) * SECTOR_BYTES)
            if begin < end and self._rng.random() < 0.4:
                file.data[begin:end] = bytes(end - begin)

    # Rot

    def harm(self, harm: Harm, rng: Random) -> Damage | None:
        """Of what is durable. None: nothing is. (The very last record of the log, damaged, would look like a torn tail,
        which recovery cuts: so not the newest segment's end.)"""
        durable = [(name, file.durable) for name, file in sorted(self._files.items()) if file.durable]
        places = durable[:-1]
        if harm is Harm.BIT_FLIP and not places:
            places = [(name, size // 2) for name, size in durable if size > 1]
        if not places:
            return None
        name, size = rng.choice(places)
        byte = rng.randrange(size)
        if harm is Harm.BIT_FLIP:
            return self._flip(name, byte, rng.randrange(8))
        return self._cut_short(name, byte)

    def _flip(self, name: str, byte: int, bit: int) -> Damage:
        data = self._files[name].data
        damage = Damage(name, byte, bytes(data[byte : byte + 1]), Harm.BIT_FLIP)
        data[byte] ^= 1 << bit
        return damage

    def _cut_short(self, name: str, byte: int) -> Damage:
        data = self._files[name].data
        self._files[name] = _File.sound(data[:byte])
        return Damage(name, byte, bytes(data[byte:]), Harm.TRUNCATION)

    def repair(self, damage: Damage) -> None:
        """From where it was kept twice. Nothing, where the file is gone."""
        file = self._files.get(damage.file)
        if file is None:
            return
        if damage.harm is Harm.BIT_FLIP and damage.byte < len(file.data):
            file.data[damage.byte : damage.byte + 1] = damage.lost
        elif damage.harm is Harm.TRUNCATION and damage.byte == len(file.data):
            self._files[damage.file] = _File.sound(file.data + damage.lost)
