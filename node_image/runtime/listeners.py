"""The listening ports: peers' messages and clients' lines, read as they come and handed on at once; what they bring
gathers in the process until its turn."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, cast

from node_image.driver.wire import WireError, decode
from node_image.runtime.frames import FrameError, FrameReader, greeted
from node_image.runtime.transports import write

MAX_LINE_BYTES: Final = 1 << 20
KEEPALIVE_IDLE_S: Final = 5
"""Finds out that the other side has vanished without a word."""

log = logging.getLogger("peers")

Request = dict[str, Any]


class PeerConnection(asyncio.Protocol):
    """What one peer sends here. Nothing goes back on this connection."""

    def __init__(self, peers: dict[str, PeerConnection | None], received: Callable[[str, Any], None]) -> None:
        """`peers`: every peer's connection; a new one takes the old one's place."""
        self._peers = peers
        self._received = received
        self._reader = FrameReader()
        self._peer: str | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        keep_alive(transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if self._peer is None:
                    self._greet(greeted(frame))
                else:
                    self._received(self._peer, decode(frame))
        except (FrameError, WireError) as error:
            log.warning("connection from %s closed: %s", self._peer or "a stranger", error)
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._peer is not None and self._peers.get(self._peer) is self:
            self._peers[self._peer] = None
            log.info("connection from %s is gone: %s", self._peer, error or "closed by the peer")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _greet(self, peer: str) -> None:
        if peer not in self._peers:
            raise FrameError(f"{peer!r} is not a member")
        before, self._peers[peer], self._peer = self._peers[peer], self, peer
        if before is not None:
            before.close()
        log.info("connection from %s", peer)


class ClientConnection(asyncio.Protocol):
    """One client: lines in, lines out."""

    def __init__(self, hub: ClientHub) -> None:
        self._hub = hub
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast(asyncio.Transport, transport)
        keep_alive(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._number = self._hub.opened(self)

    def data_received(self, data: bytes) -> None:
        *lines, rest = (self._buffer + data).split(b"\n") if self._buffer else data.split(b"\n")
        self._buffer = rest
        for line in lines:
            if line and not line.isspace():
                self._line(line)
        if len(rest) > MAX_LINE_BYTES:
            self._refuse(f"a line may have at most {MAX_LINE_BYTES} bytes")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._hub.closed(self._number)

    def pause_writing(self) -> None:
        """The client does not read its answers: hear no more of its requests until it does."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, responses: Sequence[Request]) -> None:
        if self._transport is not None:
            write(self._transport, ("\n".join(map(_encode, responses)) + "\n").encode())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _line(self, line: bytes) -> None:
        try:
            request = _decode(line.decode())
        except (ValueError, RecursionError) as error:
            self._refuse(f"not JSON: {error}")
            return
        if isinstance(request, dict):
            self._hub.requested(self._number, request)
        else:
            self._refuse("a request must be a JSON object")

    def _refuse(self, detail: str) -> None:
        answer = {"id": None, "ok": False, "error": "bad-request", "definite": True, "leader": None, "detail": detail}
        self.send([answer])


class ClientHub:
    """All clients, by a number that is never used twice."""

    def __init__(
        self,
        hello: Callable[[], Request],
        requested: Callable[[int, Request], None],
        closed: Callable[[int], None],
    ) -> None:
        self._hello = hello
        self.requested = requested
        self._closed = closed
        self._clients: dict[int, ClientConnection] = {}
        self._last_number = 0

    def connection(self) -> ClientConnection:
        return ClientConnection(self)

    def opened(self, client: ClientConnection) -> int:
        self._last_number += 1
        self._clients[self._last_number] = client
        client.send([self._hello()])
        return self._last_number

    def closed(self, number: int) -> None:
        self._clients.pop(number, None)
        self._closed(number)

    def send(self, number: int, responses: Sequence[Request]) -> None:
        """Nothing, where the client has gone."""
        client = self._clients.get(number)
        if client is not None:
            client.send(responses)

    def close(self) -> None:
        for client in [*self._clients.values()]:
            client.close()


def keep_alive(transport: asyncio.Transport) -> None:
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_IDLE_S)


def _no_constants(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode: Final = json.JSONDecoder(parse_constant=_no_constants).decode
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
