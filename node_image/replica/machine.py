"""The state machine: committed entries in, results out, the same on every node.

The state is the map of keys, the sessions, the index applied, and a running hash: each entry's term, index, kind and
data hashed on top of the hash before. Nodes with equal `applied` must have equal hashes (state machine safety, paper
figure 3), whatever batches or snapshots brought them there; the snapshot carries the hash on.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

import msgpack

from node_image.raft.types import Entry, EntryKind
from node_image.replica.command import Command, Operation, decode, same
from node_image.replica.session import Result, Sessions

FORMAT: Final = 1
"""Of the snapshot's data."""

_HASH_BYTES: Final = 16
_position = Struct("<QQB").pack


class StateMachine:
    """`apply` must be given every committed entry once, in order."""

    def __init__(self, session_ttl_entries: int) -> None:
        self._ttl_entries = session_ttl_entries
        self._values: dict[str, Any] = {}
        self._sessions = Sessions(session_ttl_entries)
        self._hash = bytes(_HASH_BYTES)
        self.applied = 0

    @property
    def hash(self) -> str:
        """Hex, of all entries up to `applied`."""
        return self._hash.hex()

    @property
    def sessions(self) -> Sessions:
        return self._sessions

    def read(self, key: str) -> Any:
        """None for a key that was never written."""
        return self._values.get(key)

    def apply(self, entry: Entry) -> Result | None:
        """None for entries that are not commands."""
        assert entry.index == self.applied + 1, "entries are applied in order, each once"
        self.applied = entry.index
        position = _position(entry.term, entry.index, entry.kind)
        self._hash = blake2b(self._hash + position + entry.data, digest_size=_HASH_BYTES).digest()
        self._sessions.expire(entry.index)
        return self._command(decode(entry.data), entry.index) if entry.kind == EntryKind.COMMAND else None

    def _command(self, command: Command, index: int) -> Result:
        if not command.session:
            return self._perform(command, index)
        refused = self._sessions.refuse(command.session, command.seq, command.opened, index)
        if refused is not None:
            return refused
        result = self._perform(command, index)
        self._sessions.keep(command.session, command.seq, result)
        return result

    def _perform(self, command: Command, index: int) -> Result:
        return _OPERATIONS[command.operation](self._values, command, index)

    def snapshot(self) -> bytes:
        state = (FORMAT, self.applied, self._hash, self._values, self._sessions.dump())
        packed: bytes = msgpack.packb(state)
        return packed

    def restore(self, data: bytes) -> None:
        """Raises ValueError for data of another format."""
        version, applied, running_hash, values, sessions = msgpack.unpackb(data)
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this node reads format {FORMAT}")
        self.applied, self._hash, self._values = applied, running_hash, values
        self._sessions = Sessions.load(self._ttl_entries, sessions)


def _write(values: dict[str, Any], command: Command, index: int) -> Result:
    values[command.key] = command.value
    return Result(index)


def _cas(values: dict[str, Any], command: Command, index: int) -> Result:
    seen = values.get(command.key)
    if not same(seen, command.expected):
        return Result(index, matched=False, value=seen)
    values[command.key] = command.value
    return Result(index, matched=True)


_OPERATIONS: Final[dict[int, Callable[[dict[str, Any], Command, int], Result]]] = {
    Operation.WRITE: _write,
    Operation.CAS: _cas,
}
