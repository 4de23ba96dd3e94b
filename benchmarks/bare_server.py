"""What the node is measured against: a JSON-lines server with relays, no Raft, fsync on.

The server takes requests of many clients. What has come together is one batch: its writes are appended to a file and
synced (in a thread), all its lines go to four relays, which echo them; when a majority of the five has the batch, each
request is answered. One batch is on its way at a time, as in the node. That is the least that a replicated store could
do.

    python -m benchmarks.bare_server relay
    python -m benchmarks.bare_server server FILE HOST:PORT...

Each prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any


class Relay(asyncio.Protocol):
    """Echoes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            if line.endswith(b"}"):
                json.loads(line)
        self._transport.write(data)


class ToRelay(asyncio.Protocol):
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
        self.relays: list[ToRelay] = []

    def add(self, client: ToClient, line: bytes) -> None:
        self._waiting.append((client, line))
        if len(self._waiting) == 1 and not self._batch:
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._batch = [(client, json.loads(line)) for client, line in waiting]
        lines = b"\n".join(line for _, line in waiting) + b"\n"
        self._votes = 0
        for relay in self.relays:
            relay.awaited += len(lines)
            relay.transport.write(lines)
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
        if self._votes == (len(self.relays) + 1) // 2 + 1:
            for client, request in self._batch:
                client.transport.write(json.dumps(self._answer(request)).encode() + b"\n")
        if self._votes == len(self.relays) + 1:
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
    if role == "relay":
        listener = await loop.create_server(Relay, "127.0.0.1", 0)
    else:
        path, *relays = arguments
        server = Server(path)
        for relay in relays:
            host, _, port = relay.rpartition(":")
            _, protocol = await loop.create_connection(lambda: ToRelay(server), host, int(port))
            server.relays.append(protocol)
        listener = await loop.create_server(lambda: ToClient(server), "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
