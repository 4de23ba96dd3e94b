"""Files and names together: what processes see, what is durable, and what a power failure leaves.

Pure, but for the store that is handed in. Making changes durable takes time, so a sync has two halves: `begin_sync`
says what is to be made durable, and when the store has it `end_sync` counts it as such. Of one file only one sync is
under way at a time. Errors are OSErrors with the number that the kernel would give.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from node_image.disk.changes import Change, Resize, Write, can_tear, overlay, size_after, survivors, torn, written_bytes
from node_image.disk.names import Inode, Names, Step
from node_image.disk.store import Store

ROOT: Final[Inode] = 1


@dataclass
class Node:
    """A file or a folder. `mode` has its type; owner, mode and times are kept, and are no matter of durability."""

    mode: int
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    size: int = 0
    """With all changes."""
    changes: list[Change] = field(default_factory=list)
    """Since the last sync."""
    opened: int = 0
    """How many open files of processes it is."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Loss(NamedTuple):
    """What a power failure took of one file, and left, of what was not synced."""

    path: str
    lost_bytes: int
    kept_bytes: int


@dataclass(frozen=True)
class Outage:
    """What a power failure took: of files, and changes of names."""

    files: list[Loss]
    names: list[str]

    @property
    def lost_bytes(self) -> int:
        return sum(loss.lost_bytes for loss in self.files)


class Volume:
    def __init__(self, store: Store) -> None:
        self.store = store
        self._names = Names()
        self._nodes: dict[Inode, Node] = {ROOT: Node(stat.S_IFDIR | 0o755)}
        self._last: Inode = ROOT

    # Names

    def node(self, inode: Inode) -> Node:
        """Raises OSError ESTALE for one that is no more."""
        node = self._nodes.get(inode)
        if node is None:
            raise _error(errno.ESTALE)
        return node

    def lookup(self, folder: Inode, name: bytes) -> Inode:
        if name in (b".", b".."):
            return folder if name == b"." else self._parent(folder)
        inode = self._names.current.get((folder, name))
        if inode is None:
            raise _error(errno.ENOENT)
        return inode

    def listed(self, folder: Inode) -> list[tuple[bytes, Inode]]:
        """In an order that does not change while names come and go."""
        return sorted(self._names.listed(folder).items(), key=lambda entry: (entry[1], entry[0]))

    def links(self, inode: Inode) -> int:
        if self.node(inode).is_folder:
            return 2
        return sum(1 for named in self._names.current.values() if named == inode)

    def make(self, folder: Inode, name: bytes, node: Node) -> Inode:
        """A new file or folder."""
        self._check_free(folder, name)
        self._last += 1
        self._nodes[self._last] = node
        self._names.change(((folder, name), self._last))
        return self._last

    def link(self, inode: Inode, folder: Inode, name: bytes) -> None:
        self._check_free(folder, name)
        if self.node(inode).is_folder:
            raise _error(errno.EPERM)
        self._names.change(((folder, name), inode))

    def unlink(self, folder: Inode, name: bytes) -> None:
        if self.node(self.lookup(folder, name)).is_folder:
            raise _error(errno.EISDIR)
        self._names.change(((folder, name), None))

    def rmdir(self, folder: Inode, name: bytes) -> None:
        inode = self.lookup(folder, name)
        if not self.node(inode).is_folder:
            raise _error(errno.ENOTDIR)
        if self._names.listed(inode):
            raise _error(errno.ENOTEMPTY)
        self._names.change(((folder, name), None))

    def rename(self, folder: Inode, name: bytes, to_folder: Inode, to_name: bytes) -> None:
        """One step: after a crash there is the old name or the new one, never both, never none."""
        inode = self.lookup(folder, name)
        there = self._names.current.get((to_folder, to_name))
        if there == inode:
            return
        if there is not None:
            self._check_replaceable(self.node(inode), there)
        self._names.change(((folder, name), None), ((to_folder, to_name), inode))

    def _check_free(self, folder: Inode, name: bytes) -> None:
        if not self.node(folder).is_folder:
            raise _error(errno.ENOTDIR)
        if (folder, name) in self._names.current:
            raise _error(errno.EEXIST)

    def _check_replaceable(self, node: Node, there: Inode) -> None:
        if self.node(there).is_folder != node.is_folder:
            raise _error(errno.EISDIR if self.node(there).is_folder else errno.ENOTDIR)
        if self._names.listed(there):
            raise _error(errno.ENOTEMPTY)

    def _parent(self, folder: Inode) -> Inode:
        return next((parent for (parent, _), inode in self._names.current.items() if inode == folder), ROOT)

    # Content

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        node = self.node(inode)
        content = bytearray(max(0, min(size, node.size - offset)))
        durable = self.store.read(inode, offset, len(content))
        content[: len(durable)] = durable
        overlay(content, offset, node.changes)
        return bytes(content)

    def write(self, inode: Inode, offset: int, data: bytes) -> None:
        self._change(inode, Write(offset, data))

    def resize(self, inode: Inode, size: int) -> None:
        self._change(inode, Resize(size))

    def _change(self, inode: Inode, change: Change) -> None:
        node = self.node(inode)
        node.changes.append(change)
        node.size = size_after(node.size, [change])

    # Durability

    def begin_sync(self, inode: Inode) -> list[Change]:
        """What has to be made durable now."""
        return list(self.node(inode).changes)

    def end_sync(self, inode: Inode, synced: int) -> None:
        """The store has the first so many changes. Nothing to do for a file that went with a power failure."""
        if (node := self._nodes.get(inode)) is not None:
            del node.changes[:synced]

    def sync_folder(self, folder: Inode) -> None:
        self._names.sync(self._names.waiting(folder))
        self.collect()

    def fail_sync(self, inode: Inode) -> None:
        """What was not synced is gone, for processes too; the next sync has nothing to do and will be a success."""
        node = self.node(inode)
        if node.is_folder:
            self._names.forget(self._names.waiting(inode))
            self.collect()
        else:
            node.changes.clear()
            node.size = self.store.size(inode)

    def can_tear(self) -> bool:
        """Whether a write is not synced that has two parts."""
        return any(
            node.changes and can_tear(node.changes, self.store.size(inode)) for inode, node in self._nodes.items()
        )

    def lose_power(self, rng: Random, *, tear: bool = False) -> Outage:
        """`tear`: a part of the last write stays, of each file where that can be; otherwise any part of all."""
        paths = self.paths()
        losses = [
            self._lose(inode, node, paths.get(inode, f"inode {inode}"), rng, tear)
            for inode, node in self._nodes.items()
            if node.changes
        ]
        names = [_words(step, paths) for step in self._names.lose_power(rng)]
        for node in self._nodes.values():
            node.opened = 0
        self.collect()
        return Outage([loss for loss in losses if loss.lost_bytes or loss.kept_bytes], names)

    def _lose(self, inode: Inode, node: Node, path: str, rng: Random, tear: bool) -> Loss:
        left: Sequence[Change]
        size = self.store.size(inode)
        if tear and can_tear(node.changes, size):
            left = torn(node.changes, size, rng)
        else:
            left = survivors(node.changes, size, rng)
        self.store.apply(inode, left)
        written, kept = written_bytes(node.changes), written_bytes(left)
        node.changes.clear()
        node.size = self.store.size(inode)
        return Loss(path, written - kept, kept)

    # What there is

    def paths(self) -> dict[Inode, str]:
        """Of everything that has a name. Something with several has the last of them."""
        return {inode: path.decode(errors="replace") for inode, path in self._walk(ROOT, b"")}

    def _walk(self, folder: Inode, above: bytes) -> Iterator[tuple[Inode, bytes]]:
        for name, inode in sorted(self._names.listed(folder).items()):
            yield inode, above + name
            if self._nodes[inode].is_folder:
                yield from self._walk(inode, above + name + b"/")

    def durable_files(self) -> list[tuple[str, Inode, int]]:
        """(path, inode, bytes that are durable) of every file that has any and is not about to be changed, in the order
        of their paths."""
        paths = self.paths()
        sizes = {
            inode: self.store.size(inode)
            for inode, node in self._nodes.items()
            if inode in paths and not node.is_folder and not node.changes
        }
        return sorted((paths[inode], inode, size) for inode, size in sizes.items() if size)

    def rot(self, inode: Inode, changes: Sequence[Change]) -> None:
        """Changes what is durable, as a disk that fails does."""
        self.store.apply(inode, changes)
        self.node(inode).size = self.store.size(inode)

    def opened(self, inode: Inode) -> None:
        self.node(inode).opened += 1

    def closed(self, inode: Inode) -> None:
        """No word about a file that went with a power failure."""
        if (node := self._nodes.get(inode)) is not None and node.opened:
            node.opened -= 1
            if not node.opened:
                self.collect()

    def collect(self) -> None:
        """Lets go of what has no name, is not open, and can have no name again."""
        while unused := self._unused():
            for inode in unused:
                if self._nodes.pop(inode).is_folder:
                    self._names.drop(inode)
                else:
                    self.store.remove(inode)

    def _unused(self) -> list[Inode]:
        used = self._names.used() | {ROOT}
        return [inode for inode, node in self._nodes.items() if inode not in used and not node.opened]


def _words(step: Step, paths: dict[Inode, str]) -> str:
    """A change of names, as one that did not last is told."""
    gone = [_name(name, paths) for name, inode in step.names if inode is None]
    new = [_name(name, paths) for name, inode in step.names if inode is not None]
    if gone and new:
        return f"renaming {gone[0]} to {new[0]}"
    return f"removing {gone[0]}" if gone else f"creating {new[0]}"


def _name(name: tuple[Inode, bytes], paths: dict[Inode, str]) -> str:
    folder, last = name
    above = f"{paths.get(folder, folder)}/" if folder != ROOT else ""
    return above + last.decode(errors="replace")


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
