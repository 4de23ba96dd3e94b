"""One connection to a node: the server's hello first, then requests and answers, matched by id.

Requests may be under way at the same time; answers come in any order. When the connection breaks, or says something
that makes no sense, everything under way ends with Disconnected and the link is dead for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from harness.systems.raft.errors import BROKEN, MALFORMED
from harness.world import Connection, Disconnected, Future, Unreachable, World

HELLO: Final = "raftstorm"

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode


class Link:
    """`applied`: the log index that the node had applied when it said hello."""

    def __init__(self, world: World, connection: Connection, applied: int) -> None:
        self.applied = applied
        self.alive = True
        self._world = world
        self._connection = connection
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._last_id = 0
        world.spawn(self._listen(), name="link")

    def ask(self, request: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Sends a request; its answer comes with the future, or Disconnected does. Raises Disconnected itself only if
        nothing was sent."""
        self._last_id += 1
        self._connection.send(_encode({"id": self._last_id, **request}) + b"\n")
        future: Future[dict[str, Any]] = self._world.future()
        self._waiting[self._last_id] = future
        return future

    def close(self) -> None:
        self._connection.close()
        self._die(BROKEN)

    async def _listen(self) -> None:
        why = BROKEN
        try:
            while True:
                self._answered(_decode(await self._connection.receive()))
        except Disconnected:
            pass
        except msgspec.DecodeError:
            why = MALFORMED
        self._connection.close()
        self._die(why)

    def _answered(self, answer: dict[str, Any]) -> None:
        """An answer that nobody waits for any more came too late."""
        future = self._waiting.pop(answer.get("id"), None)  # type: ignore[arg-type]
        if future is not None:
            future.set_result(answer)

    def _die(self, why: str) -> None:
        self.alive = False
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            future.set_exception(Disconnected(why))


async def dial(world: World, host: str, port: int, *, timeout_s: float) -> Link:
    """A link to a node that has said hello. Raises Unreachable: whatever goes wrong here, no request was sent. May
    take longer than `timeout_s`, which bounds connecting alone, where a server accepts and says nothing."""
    connection = await world.connect(host, port, timeout_s=timeout_s)
    try:
        hello = _decode(await connection.receive())
        if hello.get("hello") != HELLO:
            raise Unreachable(f"what listens at {host}:{port} is no node: {hello!r}")
        return Link(world, connection, int(hello.get("applied", 0)))
    except (Disconnected, msgspec.DecodeError, TypeError, ValueError) as error:
        connection.close()
        raise Unreachable(str(error)) from error
    except BaseException:
        connection.close()
        raise
