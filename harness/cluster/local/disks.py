"""Disks of local nodes: files in their folders of data that hold something else than was written, or end too soon.

There is nothing between a server and the machine's own disk here, so disks that are slow, full or fail are not offered.
Damage is done while the server is down: it must not believe what it finds. What was there is kept, and put back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from harness.cluster import DiskFailure, Evidence, Harm, Node
from harness.cluster.over_ssh.disks import OnDisks
from harness.cluster.over_ssh.shell import Details, Trouble, evidence
from harness.system import System
from harness.world import World

_CANNOT: Final = "local nodes write to this machine's own disk, which cannot be slow or fail for one of them"


@dataclass(frozen=True)
class Damage:
    """`lost`: what was there, from byte `at` on, before `now` took its place (nothing: the file ends there)."""

    path: Path
    at: int
    lost: bytes
    now: bytes

    def words(self) -> Details:
        if self.now:
            return {"file": self.path.name, "byte": self.at, "was": self.lost[0], "is": self.now[0]}
        return {"file": self.path.name, "size_bytes": self.at, "lost_bytes": len(self.lost)}

    def put(self, data: bytes) -> None:
        """From `at` to the end, or in the place of one byte."""
        with self.path.open("r+b") as file:
            file.seek(self.at)
            file.write(data)
            if not self.now:
                file.truncate()
            os.fsync(file.fileno())


def damage(folder: Path, harm: Harm, rng: Random) -> Damage | None:
    """What it did; None: there is nothing to do it to. As in node_image/disk/damage.py the last file is spared: nobody
    could tell the damaged end of a log from a write that a crash has torn."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if len(files) > 1:
        path = rng.choice(files[:-1])
        most = path.stat().st_size
    elif files and harm is Harm.BIT_FLIP and files[0].stat().st_size > 1:
        path = files[0]
        most = path.stat().st_size // 2
    else:
        return None
    content, at = path.read_bytes(), rng.randrange(most)
    if harm is Harm.BIT_FLIP:
        done = Damage(path, at, content[at : at + 1], bytes([content[at] ^ 1 << rng.randrange(8)]))
    else:
        done = Damage(path, at, content[at:], b"")
    done.put(done.now)
    return done


def repair(done: Damage) -> bool:
    """Whether it could be: a file that has been removed, or written to since, is left alone."""
    if not done.path.exists():
        return False
    content = done.path.read_bytes()
    untouched = content[done.at : done.at + 1] == done.now if done.now else len(content) == done.at
    if untouched:
        done.put(done.lost)
    return untouched


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
        damaged = {name: [done.path.name for done in damages] for name, damages in self._damages.items()}
        return evidence(damaged, [f"{name}: {', '.join(paths)} is damaged" for name, paths in damaged.items()])

    async def _harm(self, node: Node, harm: Harm) -> Details:
        killed = await self._kill(node)
        done = await asyncio.to_thread(damage, Path(node.layout.data), harm, Random(self._seed()))
        if done is None:
            raise Trouble(f"{node.name}: no file there has anything that could be damaged")
        self._damages.setdefault(node.name, []).append(done)
        return {**killed, **done.words(), **await self._try_start(node)}

    async def _mend(self, node: Node) -> Details:
        """The last damage first, as each stands on those before it."""
        damages, repaired = self._damages.get(node.name, []), []
        while damages:
            try:
                if await asyncio.to_thread(repair, damages[-1]):
                    repaired.append(damages[-1].path.name)
            except OSError as error:
                raise Trouble(f"{node.name}: {damages[-1].path} could not be repaired: {error}") from error
            damages.pop()
        self._damages.pop(node.name, None)
        return {"repaired": repaired}
