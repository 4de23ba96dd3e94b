"""One interface over both worlds, so that one suite runs against each: run a coroutine, start a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from harness.world import Connection, World
from harness.world.real import LineConnection, RealWorld
from harness.world.virtual import VirtualWorld

T = TypeVar("T")
Handler = Callable[[Connection], Coroutine[Any, Any, None]]


class Place(Protocol):
    """`tick`: seconds that are short here, but long enough to tell an order by."""

    tick: float

    @property
    def world(self) -> World: ...

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T: ...

    async def listen(self, handler: Handler) -> tuple[str, int, Callable[[], None]]:
        """Host and port of a new server, and what makes it die."""

    def free_port(self) -> int:
        """Where nobody listens."""


class Real:
    tick = 0.02

    def __init__(self, seed: int) -> None:
        self.world = RealWorld(seed)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(coroutine)

    async def listen(self, handler: Handler) -> tuple[str, int, Callable[[], None]]:
        served: list[LineConnection] = []
        tasks: set[asyncio.Task[None]] = set()

        class Served(LineConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                served.append(self)
                task = asyncio.ensure_future(self.serve())
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            async def serve(self) -> None:
                try:
                    await handler(self)
                finally:
                    self.close()

        server = await asyncio.get_running_loop().create_server(Served, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()

        def die() -> None:
            server.close()
            for connection in served:
                connection.close()

        return host, port, die

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])


class Virtual:
    tick = 1.0

    def __init__(self, seed: int) -> None:
        self.world = VirtualWorld(seed)
        self._ports = 7000

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.world.run(coroutine)

    async def listen(self, handler: Handler) -> tuple[str, int, Callable[[], None]]:
        port = self.free_port()
        return "127.0.0.1", port, self.world.listen("127.0.0.1", port, handler).close

    def free_port(self) -> int:
        self._ports += 1
        return self._ports


PLACES: dict[str, Callable[[int], Place]] = {"real": Real, "virtual": Virtual}
