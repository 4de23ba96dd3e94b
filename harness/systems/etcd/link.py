"""One connection to etcd's client port, whose gateway turns JSON over HTTP/1.1 into etcd's own calls, one for one.

A published port accepts connections for a dead node. So a new connection is first asked for etcd's version, which
every node that runs answers from its own knowledge; what comes after that answer counts as sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from harness.system import Indefinite
from harness.systems.etcd.errors import MALFORMED, refusal
from harness.systems.etcd.wire import Message
from harness.world import Disconnected, Unreachable, World
from harness.world.http import HttpConnection, connect_http

VERSION: Final = "/version"
OK: Final = 200


def decode(body: bytes) -> Any:
    """Raises Indefinite."""
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise Indefinite(MALFORMED) from None


class Link:
    def __init__(self, http: HttpConnection) -> None:
        self._http = http

    @property
    def alive(self) -> bool:
        return self._http.alive

    def send(self, path: str, request: Mapping[str, Any]) -> None:
        """Raises Disconnected only if nothing was sent."""
        self._http.send("POST", path, msgspec.json.encode(request))

    async def receive(self) -> Message:
        """The answer to what was sent. Raises Disconnected, Definite, Indefinite."""
        reply = await self._http.receive()
        answer = decode(reply.body)
        if reply.status != OK:
            raise refusal(answer)
        if not isinstance(answer, dict):
            raise Indefinite(MALFORMED)
        return answer

    async def receive_status(self) -> int:
        """Of an answer that comes in parts. Raises Disconnected."""
        return await self._http.receive_status()

    async def receive_part(self) -> bytes:
        """Raises Disconnected."""
        return await self._http.receive_part()

    def close(self) -> None:
        self._http.close()


async def dial(world: World, host: str, port: int, *, timeout_s: float) -> Link:
    """A link to a server that has told its version. Raises Unreachable: whatever goes wrong here, no request was sent.
    May take longer than `timeout_s`, which bounds connecting alone, where a server accepts and says nothing."""
    http = await connect_http(world, host, port, timeout_s=timeout_s)
    try:
        http.send("GET", VERSION)
        reply = await http.receive()
        told = decode(reply.body)
        if reply.status != OK or not isinstance(told, dict) or "etcdserver" not in told:
            raise Unreachable(f"what listens at {host}:{port} is no etcd: {told!r}")
        return Link(http)
    except (Disconnected, Indefinite) as error:
        http.close()
        raise Unreachable(str(error)) from error
    except BaseException:
        http.close()
        raise
