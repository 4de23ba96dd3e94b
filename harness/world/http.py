"""HTTP/1.1 over a world's connections, for systems that speak it. The protocol itself is h11's.

One request at a time, and nothing behind the caller's back: no redirect is followed, nothing is sent twice, no
connection is opened again. So the caller knows what has been sent, which is what tells definite errors from others.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import h11

from harness.world import Connection, Disconnected, World

CLOSED: Final = "connection-broken"
MALFORMED: Final = "malformed-answer"


class Reply(NamedTuple):
    status: int
    body: bytes


class HttpConnection:
    """After a request its reply is to be received, whole or in parts, before the next one is sent. `alive`: whether
    another request can be sent, as far as is known."""

    def __init__(self, connection: Connection, host: str) -> None:
        self._connection = connection
        self._host = host
        self._protocol = h11.Connection(h11.CLIENT)
        self.alive = True

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Raises Disconnected only if nothing was sent."""
        headers = [("Host", self._host), ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        parts = (h11.Request(method=method, target=path, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        self._connection.send(b"".join(self._protocol.send(part) or b"" for part in parts))

    async def receive(self) -> Reply:
        """The whole reply. Raises Disconnected."""
        status = await self.receive_status()
        parts = []
        while part := await self.receive_part():
            parts.append(part)
        return Reply(status, b"".join(parts))

    async def receive_status(self) -> int:
        """Of the reply, whose body follows in parts. Raises Disconnected."""
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise self._broken(MALFORMED)
        return event.status_code

    async def receive_part(self) -> bytes:
        """What comes next of the body, b"" at its end. Raises Disconnected."""
        event = await self._next()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise self._broken(MALFORMED)
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        else:
            self.close()
        return b""

    def close(self) -> None:
        self.alive = False
        self._connection.close()

    async def _next(self) -> object:
        try:
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                self._protocol.receive_data(await self._connection.receive_some())
        except h11.RemoteProtocolError:
            raise self._broken(MALFORMED) from None
        except Disconnected:
            raise self._broken(CLOSED) from None
        return event

    def _broken(self, why: str) -> Disconnected:
        self.close()
        return Disconnected(why)


async def connect_http(world: World, host: str, port: int, *, timeout_s: float) -> HttpConnection:
    """Raises Unreachable."""
    return HttpConnection(await world.connect(host, port, timeout_s=timeout_s), f"{host}:{port}")
