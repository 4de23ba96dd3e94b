"""Names of files and folders: as processes see them, as they are durable, and the changes between the two.

A name is (folder, name) and stands for an inode. Changes are kept in one journal, in their order, as file systems do:
syncing a folder makes durable every change up to the last one that touches the folder, and a power failure keeps the
first so many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

Inode = int
Name = tuple[Inode, bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """One change, whole or not at all: names, and what each stands for afterwards (None: nothing). A rename has two."""

    names: tuple[tuple[Name, Inode | None], ...]

    def touches(self, folder: Inode) -> bool:
        return any(parent == folder for (parent, _), _ in self.names)


@dataclass
class Names:
    current: dict[Name, Inode] = field(default_factory=dict)
    durable: dict[Name, Inode] = field(default_factory=dict)
    journal: list[Step] = field(default_factory=list)
    """`durable` with these steps is `current`."""

    def change(self, *names: tuple[Name, Inode | None]) -> None:
        step = Step(names)
        _take(self.current, step)
        self.journal.append(step)

    def listed(self, folder: Inode) -> dict[bytes, Inode]:
        return {name: inode for (parent, name), inode in self.current.items() if parent == folder}

    def waiting(self, folder: Inode) -> int:
        """How many steps a sync of this folder makes durable."""
        return max((number for number, step in enumerate(self.journal, 1) if step.touches(folder)), default=0)

    def sync(self, steps: int) -> None:
        """Makes the first so many steps durable."""
        for step in self.journal[:steps]:
            _take(self.durable, step)
        del self.journal[:steps]

    def lose_power(self, rng: Random) -> list[Step]:
        """Those that are gone."""
        self.sync(rng.randint(0, len(self.journal)))
        lost, self.journal = self.journal, []
        self.current = dict(self.durable)
        return lost

    def forget(self, steps: int) -> None:
        """The first so many steps are lost, as after a sync that failed; and with them all later ones, which stood on
        them."""
        if steps:
            self.journal.clear()
            self.current = dict(self.durable)

    def drop(self, folder: Inode) -> None:
        """The folder is no more, nor is what was named in it."""
        for names in (self.current, self.durable):
            for name in [name for name in names if name[0] == folder]:
                del names[name]

    def used(self) -> set[Inode]:
        """Inodes that have a name, or may have one again."""
        coming = {inode for step in self.journal for _, inode in step.names if inode is not None}
        return {*self.current.values(), *self.durable.values(), *coming}


def _take(names: dict[Name, Inode], step: Step) -> None:
    for name, inode in step.names:
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode
