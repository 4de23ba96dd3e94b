"""What the node is measured against: a JSON-lines server without Raft, fsync on, in two arrangements.

    relayed       clients speak to five relays, spread over them as over five nodes; a relay passes bytes on to the one
                  server, and its answers back
    replicating   clients speak to the one server, which sends every line to four echoes as well, and answers when a
                  majority of the five has it

What has come to the server together is one batch: its writes are appended to a file and synced (in a thread), and one
batch is on its way at a time, as in the node. Replicating is the least that a replicated store could do, with no hop
between the client and the server; relayed has the node's hops and no replication.

    python -m benchmarks.bare_server echo
    python -m benchmarks.bare_server server FILE ECHO_HOST:PORT...
    python -m benchmarks.bare_server relay SERVER_HOST:PORT

Each prints the port it listens on: any free one of 127.0.0.1, or the HOST:PORT in the environment's BARE_LISTEN.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any


class Pipe(asyncio.Protocol):
    """One half of a relayed connection: what comes here goes out at the other half."""

    def __init__(self) -> None:
        self.other: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early.append(data)
        else:
            self.other.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.close()

    def join(self, other: asyncio.Transport) -> None:
        self.other = other
        other.writelines(self._early)


class Relay(Pipe):
    """A client's half; dials the server's."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._address = host, port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._dialling = asyncio.ensure_future(self._dial())

    async def _dial(self) -> None:
        _, pipe = await asyncio.get_running_loop().create_connection(Pipe, *self._address)
        pipe.join(self.transport)
        self.join(pipe.transport)


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            if line.endswith(b"}"):
                json.loads(line)
        self._transport.write(data)


class ToEcho(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self.awaited = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.awaited -= len(data)
        if self.awaited == 0:
            self._server.voted()


class ToClient(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(b'{"hello": "bare"}\n')

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._server.add(self, line)


class Server:
    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._values: dict[str, Any] = {}
        self._waiting: list[tuple[ToClient, bytes]] = []
        self._batch: list[tuple[ToClient, dict[str, Any]]] = []
        self._votes = 0
        self.echoes: list[ToEcho] = []

    def add(self, client: ToClient, line: bytes) -> None:
        self._waiting.append((client, line))
        if len(self._waiting) == 1 and not self._batch:
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._batch = [(client, json.loads(line)) for client, line in waiting]
        lines = b"\n".join(line for _, line in waiting) + b"\n"
        self._votes = 0
        for echo in self.echoes:
            echo.awaited += len(lines)
            echo.transport.write(lines)
        writes = b"\n".join(
            line for (_, line), (_, request) in zip(waiting, self._batch, strict=True) if request["op"] == "write"
        )
        if writes:
            syncing = asyncio.get_running_loop().run_in_executor(None, self._sync, writes + b"\n")
            syncing.add_done_callback(lambda _: self.voted())
        else:
            self.voted()

    def _sync(self, data: bytes) -> None:
        os.write(self._descriptor, data)
        os.fdatasync(self._descriptor)

    def voted(self) -> None:
        """Everybody has to have answered before the next batch, so no vote needs a number."""
        self._votes += 1
        if self._votes == (len(self.echoes) + 1) // 2 + 1:
            for client, request in self._batch:
                client.transport.write(json.dumps(self._answer(request)).encode() + b"\n")
        if self._votes == len(self.echoes) + 1:
            self._batch = []
            if self._waiting:
                self._begin()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "write":
            self._values[request["key"]] = request["value"]
            return {"id": request["id"], "ok": True}
        return {"id": request["id"], "ok": True, "value": self._values.get(request["key"])}


async def main(role: str, *arguments: str) -> None:
    loop = asyncio.get_running_loop()
    factory: Callable[[], asyncio.Protocol]
    if role == "echo":
        factory = Echo
    elif role == "relay":
        host, port = _address(arguments[0])
        factory = partial(Relay, host, port)
    else:
        path, *echoes = arguments
        server = Server(path)
        for echo in echoes:
            _, protocol = await loop.create_connection(partial(ToEcho, server), *_address(echo))
            server.echoes.append(protocol)
        factory = partial(ToClient, server)
    listener = await loop.create_server(factory, *_address(os.environ.get("BARE_LISTEN", "127.0.0.1:0")))
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
