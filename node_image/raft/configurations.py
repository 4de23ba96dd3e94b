"""The configuration follows the log (paper, section 6; dissertation 4.1): the latest one in the log is in force from
when it is appended, committed or not, on leaders and followers alike. Where the entry is cut, the one before it is back
in force; after a restart the stored snapshot and log give the same answer.

A configuration entry's data is msgpack: [voters, outgoing, learners], names sorted.
"""

from __future__ import annotations

from typing import Any

import msgpack

from node_image.raft.types import Configuration, Entry


def encode_configuration(configuration: Configuration) -> bytes:
    sets = (configuration.voters, configuration.outgoing, configuration.learners)
    packed: bytes = msgpack.packb([sorted(names) for names in sets])
    return packed


def decode_configuration(data: bytes) -> Configuration:
    """Raises ValueError for data that `encode_configuration` does not make."""
    try:
        voters, outgoing, learners = msgpack.unpackb(data)
        return Configuration(_names(voters), _names(outgoing), _names(learners))
    except (TypeError, ValueError, msgpack.UnpackException) as error:
        raise ValueError(f"not a configuration: {error}") from error


def _names(value: Any) -> frozenset[str]:
    if type(value) is not list or not all(type(name) is str for name in value):
        raise TypeError("expected names of nodes")
    return frozenset(value)


class Configurations:
    """Those that the log holds, oldest first, each with its entry's index; before them the one that a snapshot, or the
    very beginning, gives. Indexes increase."""

    __slots__ = ("_history",)

    def __init__(self, index: int, configuration: Configuration) -> None:
        self._history = [(index, configuration)]

    @property
    def index(self) -> int:
        """Of the entry whose configuration is in force; it is committed if this is."""
        return self._history[-1][0]

    @property
    def in_force(self) -> Configuration:
        return self._history[-1][1]

    @property
    def before(self) -> Configuration | None:
        """The one that is back in force if the latest entry is cut."""
        return self._history[-2][1] if len(self._history) > 1 else None

    def at(self, index: int) -> Configuration:
        """As of the state after this entry, which must not lie before what `compact` has let go."""
        return next(configuration for at, configuration in reversed(self._history) if at <= index)

    def appended(self, entry: Entry) -> bool:
        """A configuration entry that is in the log now, perhaps for long. True if its configuration was not in force
        before."""
        if entry.index <= self.index:
            return False
        self._history.append((entry.index, decode_configuration(entry.data)))
        return True

    def cut(self, index: int) -> bool:
        """Entries from `index` on are gone. True if another configuration is in force."""
        last = self.index
        while len(self._history) > 1 and self.index >= index:
            self._history.pop()
        return self.index < last

    def compact(self, index: int) -> None:
        """A snapshot ends at `index`: nothing before it will be asked for."""
        while len(self._history) > 1 and self._history[1][0] <= index:
            del self._history[0]
