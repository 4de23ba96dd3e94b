"""What the records of the log say, as msgpack.

| type | name       | payload                                   | meaning |
|------|------------|-------------------------------------------|---------|
| 1    | BATCH      | durable                                   | a batch begins; so many bytes of this file were known to be durable when it was written |
| 2    | HARD_STATE | [term, vote or nil]                       | replaces the one before |
| 3    | ENTRIES    | [first index, [[term, kind, data], ...]]  | entries from that index on; what was stored from there on is cut |
| 4    | SNAPSHOT   | [index, term]                             | a snapshot up to there is durable; a log that has not this entry is void |

Readers give plain values and raise `Malformed` for a payload that does not have this shape: with a sound checksum that
is a newer version's or a program's mistake, and never repaired.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgpack

from node_image.raft.configurations import decode_configuration
from node_image.raft.types import Entry, EntryKind, HardState


class RecordType(IntEnum):
    BATCH = 1
    HARD_STATE = 2
    ENTRIES = 3
    SNAPSHOT = 4


class Malformed(ValueError):
    """A payload without the shape that its type promises."""


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def unpack(payload: bytes) -> Any:
    try:
        return msgpack.unpackb(payload)
    except (ValueError, msgpack.UnpackException) as error:
        raise Malformed(f"not msgpack: {error}") from error


def require_natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise Malformed(f"expected a natural number, found {value!r}")
    return value


def _require_list(value: Any, length: int) -> list[Any]:
    if type(value) is not list or len(value) != length:
        raise Malformed(f"expected a list of {length}, found {type(value).__name__}")
    return value


def batch(durable: int) -> bytes:
    return pack(durable)


def read_batch(payload: bytes) -> int:
    return require_natural(unpack(payload))


def hard_state(state: HardState) -> bytes:
    return pack([state.term, state.vote])


def read_hard_state(payload: bytes) -> HardState:
    term, vote = _require_list(unpack(payload), 2)
    if vote is not None and type(vote) is not str:
        raise Malformed(f"expected a node's name, found {vote!r}")
    return HardState(require_natural(term), vote)


def entries(run: Sequence[Entry]) -> bytes:
    """`run` is not empty and its indexes follow each other."""
    return pack([run[0].index, [(entry.term, entry.kind, entry.data) for entry in run]])


def read_entries(payload: bytes) -> list[Entry]:
    first, run = _require_list(unpack(payload), 2)
    if require_natural(first) < 1 or type(run) is not list or not run:
        raise Malformed("expected entries")
    return [_read_entry(index, fields) for index, fields in enumerate(run, first)]


def _read_entry(index: int, fields: Any) -> Entry:
    term, kind, data = _require_list(fields, 3)
    if type(data) is not bytes or type(kind) is not int or kind not in EntryKind._value2member_map_:
        raise Malformed(f"entry {index} is neither of a known kind nor bytes")
    if kind == EntryKind.CONFIGURATION:
        _require_configuration(data)
    return Entry(require_natural(term), index, EntryKind(kind), data)


def _require_configuration(data: bytes) -> None:
    try:
        decode_configuration(data)
    except ValueError as error:
        raise Malformed(str(error)) from error


def snapshot(index: int, term: int) -> bytes:
    return pack([index, term])


def read_snapshot(payload: bytes) -> tuple[int, int]:
    index, term = _require_list(unpack(payload), 2)
    return require_natural(index), require_natural(term)
