"""Disks of local nodes: files in their folders of data that hold something else than was written, or end too soon.

There is nothing between a server and the machine's own disk here, so disks that are slow, full or fail are not offered.
Damage is done while the server is down: it must not believe what it finds. What was there is kept, and put back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random
from typing import Final

from harness.cluster import DiskFailure, Evidence, Harm, Node
from harness.cluster.over_ssh.disks import OnDisks
from harness.cluster.over_ssh.shell import Details, Trouble, evidence
from harness.system import System
from harness.world import World
from node_image.disk.changes import Change, Resize, Write
from node_image.disk.damage import Damage, cut_short, flip_bit, repair
from node_image.disk.names import Inode

_CANNOT: Final = "local nodes write to this machine's own disk, which cannot be slow or fail for one of them"


class Folder:
    """`Files` of a folder, whose server is down."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def durable_files(self) -> list[tuple[str, Inode, int]]:
        found = ((str(path.relative_to(self._path)), path.stat()) for path in self._path.rglob("*") if path.is_file())
        return sorted((name, Inode(stat.st_ino), stat.st_size) for name, stat in found if stat.st_size)

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        with self._file(inode).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def rot(self, inode: Inode, changes: Sequence[Change]) -> None:
        with self._file(inode).open("r+b") as file:
            for change in changes:
                if isinstance(change, Write):
                    file.seek(change.offset)
                    file.write(change.data)
                else:
                    assert isinstance(change, Resize)
                    file.truncate(change.size)
            os.fsync(file.fileno())

    def _file(self, inode: Inode) -> Path:
        return next(path for path in self._path.rglob("*") if path.is_file() and path.stat().st_ino == inode)


class LocalDisks(OnDisks):
    """`Disks`, as far as it goes."""

    def __init__(self, world: World, nodes: Sequence[Node], system: System) -> None:
        super().__init__(world, nodes, system)
        self._damages: dict[str, list[Damage]] = {}

    async def slow(self, names: Collection[str], sync_s: float) -> Evidence:
        return evidence({}, [_CANNOT])

    async def fail(self, names: Collection[str], failure: DiskFailure) -> Evidence:
        return evidence({}, [_CANNOT])

    async def harm(self, names: Collection[str], harm: Harm) -> Evidence:
        return await self._each(names, lambda node: self._harm(node, harm), harm)

    async def mend(self, names: Collection[str]) -> Evidence:
        return await self._then_start(await self._each(names, self._mend, "mend"), names)

    async def verify_healed(self) -> Evidence:
        damaged = {name: [damage.path for damage in damages] for name, damages in self._damages.items()}
        return evidence(damaged, [f"{name}: {', '.join(paths)} is damaged" for name, paths in damaged.items()])

    async def _harm(self, node: Node, harm: Harm) -> Details:
        killed = await self._kill(node)
        act, rng = (flip_bit if harm is Harm.BIT_FLIP else cut_short), Random(self._seed())
        damage = await asyncio.to_thread(act, _folder(node), rng)
        if damage is None:
            raise Trouble(f"{node.name}: no file there has anything that could be damaged")
        self._damages.setdefault(node.name, []).append(damage)
        return {**killed, **damage.words(), **await self._try_start(node)}

    async def _mend(self, node: Node) -> Details:
        """The last damage first, as each stands on those before it."""
        damages = self._damages.pop(node.name, [])[::-1]
        return {"repaired": [each.path for each in damages if await asyncio.to_thread(repair, _folder(node), each)]}


def _folder(node: Node) -> Folder:
    return Folder(Path(node.layout.data))
