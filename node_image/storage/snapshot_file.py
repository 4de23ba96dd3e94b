"""The snapshot file: the newest snapshot, replaced as a whole.

    magic 8 bytes | version 2 | length 8 | crc32 4 | payload: msgpack [index, term, voters, outgoing, learners, data]

It is written to another name, synced and renamed (effect `Replace`), so it is never half there: any unsound byte in it
is damage. The checksum covers version, length and payload.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

from node_image.raft.types import Configuration, Snapshot
from node_image.storage.errors import Corrupt
from node_image.storage.payloads import Malformed, pack, require_natural, unpack

SNAPSHOT_FILE: Final = "snapshot"
MAGIC: Final = b"RAFTSNAP"
VERSION: Final = 1
_HEAD: Final = struct.Struct(">8sHQI")
_COVERED: Final = struct.Struct(">HQ")


def _checksum(payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_COVERED.pack(VERSION, len(payload))))


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The file's whole contents."""
    configuration = snapshot.configuration
    sets = (configuration.voters, configuration.outgoing, configuration.learners)
    payload = pack([snapshot.index, snapshot.term, *(sorted(names) for names in sets), snapshot.data])
    return _HEAD.pack(MAGIC, VERSION, len(payload), _checksum(payload)) + payload


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot in the file's contents. Raises Corrupt for anything else."""
    if len(data) < _HEAD.size:
        raise Corrupt(SNAPSHOT_FILE, 0, "the header is cut short")
    magic, version, length, crc = _HEAD.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise Corrupt(SNAPSHOT_FILE, 0, f"the header is of {magic!r} version {version}")
    payload = data[_HEAD.size :]
    if len(payload) != length:
        raise Corrupt(SNAPSHOT_FILE, 0, f"{length} bytes were written and {len(payload)} are there")
    if _checksum(payload) != crc:
        raise Corrupt(SNAPSHOT_FILE, 0, "the checksum does not match")
    try:
        return _read(unpack(payload))
    except Malformed as error:
        raise Corrupt(SNAPSHOT_FILE, 0, str(error)) from error


def _read(fields: Any) -> Snapshot:
    if type(fields) is not list or len(fields) != 6 or type(fields[5]) is not bytes:
        raise Malformed("expected a snapshot's six fields")
    index, term, voters, outgoing, learners, data = fields
    configuration = Configuration(_names(voters), _names(outgoing), _names(learners))
    return Snapshot(require_natural(index), require_natural(term), configuration, data)


def _names(value: Any) -> frozenset[str]:
    if type(value) is not list or not all(type(name) is str for name in value):
        raise Malformed("expected names of nodes")
    return frozenset(value)
