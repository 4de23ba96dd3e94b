"""Writing to connections that were closed a moment ago, with a transport that behaves as uvloop's does."""

from __future__ import annotations

import asyncio

import pytest

from node_image.runtime.transports import write


class Handle(asyncio.WriteTransport):
    """`closed`: the handle is gone. `told`: the transport knows."""

    def __init__(self, closed: bool, told: bool) -> None:
        super().__init__()
        self._closed = closed
        self._told = told
        self.written = b""

    def is_closing(self) -> bool:
        return self._told

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closed:
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
        self.written += bytes(data)


@pytest.mark.parametrize(
    ("closed", "told", "written"), [(False, False, b"x"), (False, True, b""), (True, True, b""), (True, False, b"")]
)
def test_what_is_written_to_a_closed_connection_is_dropped(closed: bool, told: bool, written: bytes) -> None:
    handle = Handle(closed, told)
    write(handle, b"x")
    assert handle.written == written
