"""Bytes between nodes: frames of a four-byte length and that many bytes. The first frame on a connection says, in JSON,
who dialled; every other one is a message (`driver.wire`)."""

from __future__ import annotations

import json
from struct import Struct
from typing import Final

MAX_FRAME_BYTES: Final = 64 << 20
VERSION: Final = 2
"""2: changes of the membership and transfers of the leadership (a vote request says whether it is one)."""

_LENGTH: Final = Struct(">I")


class FrameError(Exception):
    """The other side does not speak this protocol."""


def frame(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def greeting(node: str) -> bytes:
    return frame(json.dumps({"raftstorm": VERSION, "node": node}).encode())


def greeted(data: bytes) -> str:
    """The name of the node that dialled. Raises FrameError."""
    try:
        said = json.loads(data)
        version, node = said["raftstorm"], said["node"]
    except (ValueError, KeyError, TypeError):
        raise FrameError("not a greeting") from None
    if version != VERSION:
        raise FrameError(f"peer protocol version {version}, this node speaks {VERSION}")
    return str(node)


class FrameReader:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now. Raises FrameError for one that is too large."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > MAX_FRAME_BYTES:
                raise FrameError(f"a frame of {length} bytes")
            end = start + _LENGTH.size + length
            if end > len(buffer):
                break
            frames.append(buffer[start + _LENGTH.size : end])
            start = end
        self._buffer = buffer[start:]
        return frames
