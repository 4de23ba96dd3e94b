"""For tests: a store in memory, and changes made one after the other in the most obvious way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node_image.disk.changes import Change, Resize
from node_image.disk.names import Inode


@dataclass
class MemoryStore:
    files: dict[Inode, bytes] = field(default_factory=dict)

    def size(self, inode: Inode) -> int:
        return len(self.files.get(inode, b""))

    def read(self, inode: Inode, offset: int, size: int) -> bytes:
        return self.files.get(inode, b"")[offset : offset + size]

    def apply(self, inode: Inode, changes: Sequence[Change]) -> None:
        self.files[inode] = changed(self.files.get(inode, b""), changes)

    def remove(self, inode: Inode) -> None:
        self.files.pop(inode, None)


def changed(content: bytes, changes: Iterable[Change]) -> bytes:
    for change in changes:
        if isinstance(change, Resize):
            content = content[: change.size].ljust(change.size, b"\0")
        elif change.data:
            content = content.ljust(change.offset, b"\0")
            content = content[: change.offset] + change.data + content[change.end :]
    return content
