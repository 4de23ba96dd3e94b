"""The state machine: committed entries in, results out, the same on every node.

The state is what the keys hold, the sessions, the index applied, and a running hash: each entry's term, index, kind and
data hashed on top of the hash before. Nodes with equal `applied` must have equal hashes (state machine safety, paper
figure 3), whatever batches or snapshots brought them there; the snapshot carries the hash on.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct
from typing import Any, Final

import msgpack

from node_image.raft.types import Entry, EntryKind
from node_image.replica.command import Command, decode
from node_image.replica.operations import perform
from node_image.replica.session import Result, Sessions
from node_image.replica.state import Lease, Query, State

FORMAT: Final = 2
"""Of the snapshot's data."""

_HASH_BYTES: Final = 16
_position = Struct("<QQB").pack


class StateMachine:
    """`apply` must be given every committed entry once, in order."""

    def __init__(self, session_ttl_entries: int) -> None:
        self._ttl_entries = session_ttl_entries
        self._state = State()
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

    @property
    def leases(self) -> Mapping[str, Lease]:
        return self._state.leases

    def take_begun(self) -> list[str]:
        """The keys whose lease has begun since the last time."""
        begun = self._state.begun
        if begun:
            self._state.begun = []
        return begun

    def read(self, query: Query) -> Any:
        """None for a key that has nothing. Raises `state.Refused`."""
        return self._state.read(query)

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
            return perform(self._state, command, index)
        refused = self._sessions.refuse(command.session, command.seq, command.opened, index)
        if refused is not None:
            return refused
        result = perform(self._state, command, index)
        self._sessions.keep(command.session, command.seq, result)
        return result

    def snapshot(self) -> bytes:
        state = (FORMAT, self.applied, self._hash, self._state.dump(), self._sessions.dump())
        packed: bytes = msgpack.packb(state)
        return packed

    def restore(self, data: bytes) -> None:
        """Raises ValueError for data of another format."""
        version, applied, running_hash, state, sessions = msgpack.unpackb(data)
        if version != FORMAT:
            raise ValueError(f"snapshot of format {version}, this node reads format {FORMAT}")
        self.applied, self._hash, self._state = applied, running_hash, State.load(state)
        self._sessions = Sessions.load(self._ttl_entries, sessions)
