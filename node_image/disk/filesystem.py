"""What the kernel asks of the file system, answered by the volume, and hit by the faults that are in force.

One event loop serves everything; only what the store makes durable is waited for in threads. So between two requests
nothing happens: when power fails the server is killed and the disk is off in one step, and whatever the kernel had
been asked for already is refused.

The kernel caches nothing beyond one opening of a file: what a crash or a fault has changed is seen by the next process
that looks.
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pyfuse3
import trio

from node_image.disk.names import Inode
from node_image.disk.volume import ROOT, Node, Outage, Volume

PROBE_NAME: Final = b".raftstorm-probe"
"""A file in the root that no listing shows and that nothing keeps: what is written, synced and read there meets the
same faults as everything else, so they can be proven without touching anything of a server's."""
PROBE: Final[Inode] = 1 << 62
SPREAD: Final = (0.8, 1.2)
"""How far a slow sync may be from the time that was asked for."""
BLOCK_BYTES: Final = 4096


@dataclass
class Faults:
    """In force now."""

    sync_s: float = 0.0
    """So much longer a sync takes."""
    no_space: bool = False
    write_fails: bool = False
    sync_fails: bool = False
    read_fails: bool = False
    off: bool = False
    """The machine is without power."""


@dataclass
class Fuse:
    """Power that is to fail: before the server asks for so many more changes and syncs. With `tear`: at a sync of
    something that can be torn, after so many of those."""

    pid: int
    rng: Random
    left: int
    tear: bool
    blown: trio.Event = field(default_factory=trio.Event)


@dataclass
class Syncs:
    """What servers have asked for, and how long it took, since somebody began to count."""

    count: int = 0
    failed: int = 0
    slowest_s: float = 0.0


class FileSystem(pyfuse3.Operations):  # type: ignore[misc]
    """The methods that the kernel's requests come to are pyfuse3's, with its names."""

    def __init__(self, volume: Volume, store_path: str) -> None:
        super().__init__()
        self.volume = volume
        self.faults = Faults()
        self.syncs = Syncs()
        self.fuse: Fuse | None = None
        self.outage: Outage | None = None
        """The last one."""
        self._store_path = store_path
        self._rng = Random()
        self._handles: dict[int, Inode] = {}
        """What servers have open."""
        self._last_handle = 0
        self._probe = b""
        self._locks: dict[Inode, trio.Lock] = {}
        self._storing = 0
        self._stored = trio.Condition()

    async def lose_power(self, pid: int, rng: Random, *, tear: bool = False) -> Outage:
        """Kills the server and takes what was not synced. The disk is off from now on."""
        os.kill(pid, signal.SIGKILL)
        self.faults.off = True
        fuse, self.fuse = self.fuse, None
        async with self._stored:
            while self._storing:
                await self._stored.wait()
        self._handles.clear()
        self.outage = self.volume.lose_power(rng, tear=tear)
        if fuse is not None:
            fuse.blown.set()
        return self.outage

    # Names

    async def lookup(self, parent_inode: Inode, name: bytes, ctx: Any = None) -> Any:
        with self._errors():
            if (parent_inode, name) == (ROOT, PROBE_NAME):
                return self._attributes(PROBE)
            return self._attributes(self.volume.lookup(parent_inode, name))

    async def getattr(self, inode: Inode, ctx: Any = None) -> Any:
        with self._errors():
            return self._attributes(inode)

    async def create(self, parent_inode: Inode, name: bytes, mode: int, flags: int, ctx: Any) -> tuple[Any, Any]:
        with self._errors():
            await self._before_change()
            inode = self.volume.make(parent_inode, name, self._node(mode, ctx))
            return self._opened(inode), self._attributes(inode)

    async def mknod(self, parent_inode: Inode, name: bytes, mode: int, rdev: int, ctx: Any) -> Any:
        if not stat.S_ISREG(mode):
            raise pyfuse3.FUSEError(errno.EPERM)
        return await self._make(parent_inode, name, mode, ctx)

    async def mkdir(self, parent_inode: Inode, name: bytes, mode: int, ctx: Any) -> Any:
        return await self._make(parent_inode, name, mode | stat.S_IFDIR, ctx)

    async def _make(self, folder: Inode, name: bytes, mode: int, ctx: Any) -> Any:
        with self._errors():
            await self._before_change()
            return self._attributes(self.volume.make(folder, name, self._node(mode, ctx)))

    async def link(self, inode: Inode, new_parent_inode: Inode, new_name: bytes, ctx: Any) -> Any:
        with self._errors():
            await self._before_change()
            self.volume.link(inode, new_parent_inode, new_name)
            return self._attributes(inode)

    async def unlink(self, parent_inode: Inode, name: bytes, ctx: Any) -> None:
        with self._errors():
            await self._before_change(grows=False)
            self.volume.unlink(parent_inode, name)

    async def rmdir(self, parent_inode: Inode, name: bytes, ctx: Any) -> None:
        with self._errors():
            await self._before_change(grows=False)
            self.volume.rmdir(parent_inode, name)

    async def rename(
        self, parent_inode_old: Inode, name_old: bytes, parent_inode_new: Inode, name_new: bytes, flags: int, ctx: Any
    ) -> None:
        if flags:  # not to replace, or to exchange: rare, and refused by many file systems
            raise pyfuse3.FUSEError(errno.EINVAL)
        with self._errors():
            await self._before_change(grows=False)
            self.volume.rename(parent_inode_old, name_old, parent_inode_new, name_new)

    async def opendir(self, inode: Inode, ctx: Any) -> int:
        return inode

    async def readdir(self, fh: int, start_id: int, token: Any) -> None:
        """The id of an entry is its inode: what comes after it is the same, whatever has come or gone meanwhile."""
        with self._errors():
            for name, inode in self.volume.listed(fh):
                if inode > start_id and not pyfuse3.readdir_reply(token, name, self._attributes(inode), inode):
                    return

    # Content

    async def open(self, inode: Inode, flags: int, ctx: Any) -> Any:
        with self._errors():
            if flags & os.O_TRUNC and inode != PROBE:
                await self._before_change(grows=False)
                self.volume.resize(inode, 0)
            return self._opened(inode)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        with self._errors():
            self._check(self.faults.read_fails, errno.EIO)
            inode = self._inode(fh)
            return self._probe[off : off + size] if inode == PROBE else self.volume.read(inode, off, size)

    async def write(self, fh: int, off: int, buf: bytes) -> int:
        with self._errors():
            inode = self._inode(fh)
            await self._before_change(proving=inode == PROBE)
            if inode == PROBE:
                self._probe = buf
            else:
                self.volume.write(inode, off, buf)
                self.volume.node(inode).mtime_ns = time.time_ns()
            return len(buf)

    async def setattr(self, inode: Inode, attr: Any, fields: Any, fh: int | None, ctx: Any) -> Any:
        with self._errors():
            if fields.update_size and inode != PROBE:
                await self._before_change(grows=attr.st_size > self.volume.node(inode).size)
                self.volume.resize(inode, attr.st_size)
            if inode != PROBE:
                self._take_attributes(self.volume.node(inode), attr, fields)
            return self._attributes(inode)

    async def flush(self, fh: int) -> None:
        """Closing a file makes nothing durable."""

    async def release(self, fh: int) -> None:
        inode = self._handles.pop(fh, None)
        if inode is not None and inode != PROBE:
            self.volume.closed(inode)

    async def statfs(self, ctx: Any) -> Any:
        real, told = os.statvfs(self._store_path), pyfuse3.StatvfsData()
        for name in ("f_bsize", "f_frsize", "f_blocks", "f_files", "f_ffree", "f_favail", "f_namemax"):
            setattr(told, name, getattr(real, name))
        told.f_bfree = 0 if self.faults.no_space else real.f_bfree
        told.f_bavail = 0 if self.faults.no_space else real.f_bavail
        return told

    # Durability

    async def fsync(self, fh: int, datasync: bool) -> None:
        with self._errors():
            inode = self._inode(fh)
            await self._sync(inode, proving=inode == PROBE)

    async def fsyncdir(self, fh: int, datasync: bool) -> None:
        with self._errors():
            await self._sync(fh, proving=False)

    async def _sync(self, inode: Inode, *, proving: bool) -> None:
        """Makes a file or a folder durable."""
        began = time.monotonic()
        await self._before_sync(proving)
        if self.faults.sync_s:
            await trio.sleep(self.faults.sync_s * self._rng.uniform(*SPREAD))
            self._check(self.faults.off, errno.EIO)
        if self.faults.sync_fails:
            self._fail_sync(inode, proving)
        if not proving:
            await self._make_durable(inode)
            self.syncs.count += 1
            self.syncs.slowest_s = max(self.syncs.slowest_s, time.monotonic() - began)

    def _fail_sync(self, inode: Inode, proving: bool) -> None:
        if not proving:
            self.syncs.failed += 1
            self.volume.fail_sync(inode)
        raise pyfuse3.FUSEError(errno.EIO)

    async def _make_durable(self, inode: Inode) -> None:
        if self.volume.node(inode).is_folder:
            self.volume.sync_folder(inode)
            return
        async with self._locks.setdefault(inode, trio.Lock()):
            self._check(self.faults.off, errno.EIO)
            changes = self.volume.begin_sync(inode)
            self._storing += 1
            try:
                await trio.to_thread.run_sync(self.volume.store.apply, inode, changes)
            finally:
                await self._end_storing()
            self.volume.end_sync(inode, len(changes))

    async def _end_storing(self) -> None:
        self._storing -= 1
        async with self._stored:
            self._stored.notify_all()

    # What may come in the way

    async def _before_change(self, *, grows: bool = True, proving: bool = False) -> None:
        if not proving:
            await self._burn(syncing=False)
        self._check(self.faults.off or self.faults.write_fails, errno.EIO)
        self._check(grows and self.faults.no_space, errno.ENOSPC)

    async def _before_sync(self, proving: bool) -> None:
        if not proving:
            await self._burn(syncing=True)
        self._check(self.faults.off, errno.EIO)

    async def _burn(self, *, syncing: bool) -> None:
        """The power fails if it is to fail now."""
        fuse = self.fuse
        if fuse is None or (fuse.tear and not (syncing and self.volume.can_tear())):
            return
        if fuse.left == 0:
            await self.lose_power(fuse.pid, fuse.rng, tear=fuse.tear)
        fuse.left -= 1

    def _check(self, fails: bool, number: int) -> None:
        if fails:
            raise pyfuse3.FUSEError(number)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The volume's and the store's, as the kernel takes them."""
        try:
            yield
        except OSError as error:
            raise pyfuse3.FUSEError(error.errno or errno.EIO) from error

    # Handles and attributes

    def _opened(self, inode: Inode) -> Any:
        if inode != PROBE:
            self.volume.opened(inode)
        self._last_handle += 1
        self._handles[self._last_handle] = inode
        return pyfuse3.FileInfo(fh=self._last_handle, keep_cache=False)

    def _inode(self, handle: int) -> Inode:
        """Of something that is open. What was opened before the power failed is not any more."""
        self._check(handle not in self._handles, errno.EIO)
        return self._handles[handle]

    def _node(self, mode: int, ctx: Any) -> Node:
        return Node(mode, ctx.uid, ctx.gid, time.time_ns())

    def _take_attributes(self, node: Node, attr: Any, fields: Any) -> None:
        if fields.update_mode:
            node.mode = attr.st_mode
        if fields.update_uid:
            node.uid = attr.st_uid
        if fields.update_gid:
            node.gid = attr.st_gid
        if fields.update_mtime:
            node.mtime_ns = attr.st_mtime_ns

    def _attributes(self, inode: Inode) -> Any:
        told = pyfuse3.EntryAttributes()
        told.st_ino, told.entry_timeout, told.attr_timeout = inode, 0, 0
        node = Node(stat.S_IFREG | 0o600, size=len(self._probe)) if inode == PROBE else self.volume.node(inode)
        told.st_mode, told.st_uid, told.st_gid, told.st_size = node.mode, node.uid, node.gid, node.size
        told.st_mtime_ns = told.st_ctime_ns = told.st_atime_ns = node.mtime_ns
        told.st_nlink = 1 if inode == PROBE else self.volume.links(inode)
        told.st_blksize, told.st_blocks = BLOCK_BYTES, -(-node.size // 512)
        return told
