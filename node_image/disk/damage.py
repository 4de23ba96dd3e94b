"""Damage to what is durable: a bit that is not what was written, a file that ends too soon. And its repair.

Which file is hit is drawn among all but the one that comes last by its path. Logs are kept in files with growing
numbers, and nobody can tell the end of the newest one from a write that a crash has torn, if it is damaged just there:
a system that cuts it off does what it should. So of the last file a bit is flipped only in its first half, if there is
no other, and it is never made shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from node_image.disk.changes import Resize, Write
from node_image.disk.names import Inode
from node_image.disk.volume import Volume


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


def flip_bit(volume: Volume, rng: Random) -> Damage | None:
    """None: nothing is durable that could be hit."""
    files = volume.durable_files()
    places = files[:-1] or [(path, inode, size // 2) for path, inode, size in files if size > 1]
    if not places:
        return None
    path, inode, size = rng.choice(places)
    at = rng.randrange(size)
    was = volume.read(inode, at, 1)
    now = bytes([was[0] ^ 1 << rng.randrange(8)])
    volume.rot(inode, [Write(at, now)])
    return Damage(path, inode, at, was, now)


def cut_short(volume: Volume, rng: Random) -> Damage | None:
    """None: there is no file but the last."""
    files = volume.durable_files()[:-1]
    if not files:
        return None
    path, inode, size = rng.choice(files)
    at = rng.randrange(size)
    lost = volume.read(inode, at, size - at)
    volume.rot(inode, [Resize(at)])
    return Damage(path, inode, at, lost, b"")


def repair(volume: Volume, damage: Damage) -> bool:
    """Whether it could be: a file that has been removed, or written to since, is left alone."""
    sizes = {inode: size for _, inode, size in volume.durable_files()}
    size = sizes.get(damage.inode, 0 if damage.at == 0 else None)
    untouched = size is not None and (
        volume.read(damage.inode, damage.at, 1) == damage.now if damage.now else size == damage.at
    )
    if untouched:
        volume.rot(damage.inode, [Write(damage.at, damage.lost)])
    return untouched
