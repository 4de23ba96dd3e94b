"""Damage to what is durable: a bit that is not what was written, a file that ends too soon. And its repair.

Which file is hit is drawn among all but the one that comes last by its path. Logs are kept in files with growing
numbers, and nobody can tell the end of the newest one from a write that a crash has torn, if it is damaged just there:
a system that cuts it off does what it should. So of the last file a bit is flipped only in its first half, if there is
no other, and it is never made shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from node_image.disk.changes import Change, Resize, Write
from node_image.disk.names import Inode


class Files(Protocol):
    """What can be damaged: a Volume of this file system, or files in a folder of any other."""

    def durable_files(self) -> list[tuple[str, Inode, int]]:
        """(path, inode, bytes), in the order of their paths."""

    def read(self, inode: Inode, offset: int, size: int) -> bytes: ...
    def rot(self, inode: Inode, changes: Sequence[Change]) -> None: ...


@dataclass(frozen=True)
class Damage:
    """`lost`: what was there, from byte `at` on, before `now` took its place (nothing: the file ends there)."""

    path: str
    inode: Inode
    at: int
    lost: bytes
    now: bytes

    def words(self) -> dict[str, Any]:
        if self.now:
            return {"file": self.path, "byte": self.at, "was": self.lost[0], "is": self.now[0]}
        return {"file": self.path, "size_bytes": self.at, "lost_bytes": len(self.lost)}


def flip_bit(files: Files, rng: Random) -> Damage | None:
    """None: nothing is durable that could be hit."""
    there = files.durable_files()
    places = there[:-1] or [(path, inode, size // 2) for path, inode, size in there if size > 1]
    if not places:
        return None
    path, inode, size = rng.choice(places)
    at = rng.randrange(size)
    was = files.read(inode, at, 1)
    now = bytes([was[0] ^ 1 << rng.randrange(8)])
    files.rot(inode, [Write(at, now)])
    return Damage(path, inode, at, was, now)


def cut_short(files: Files, rng: Random) -> Damage | None:
    """None: there is no file but the last."""
    there = files.durable_files()[:-1]
    if not there:
        return None
    path, inode, size = rng.choice(there)
    at = rng.randrange(size)
    lost = files.read(inode, at, size - at)
    files.rot(inode, [Resize(at)])
    return Damage(path, inode, at, lost, b"")


def repair(files: Files, damage: Damage) -> bool:
    """Whether it could be: a file that has been removed, or written to since, is left alone."""
    sizes = {inode: size for _, inode, size in files.durable_files()}
    size = sizes.get(damage.inode, 0 if damage.at == 0 else None)
    untouched = size is not None and (
        files.read(damage.inode, damage.at, 1) == damage.now if damage.now else size == damage.at
    )
    if untouched:
        files.rot(damage.inode, [Write(damage.at, damage.lost)])
    return untouched
