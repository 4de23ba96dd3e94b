"""Watches, by etcd's watch call: a stream of events from a revision on.

A stream stays open between calls, and the next call goes on where it is; one that broke, or is asked for another
revision than the next, is opened anew. What was told before a stream broke is an answer.
"""

from __future__ import annotations

from typing import Any, Final

from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite
from harness.systems.etcd import wire
from harness.systems.etcd.calls import Session
from harness.systems.etcd.errors import MALFORMED, NO_HELLO, NOT_CAUGHT_UP, REFUSED, refusal
from harness.systems.etcd.keys import RANGE
from harness.systems.etcd.link import OK, Link, decode, dial
from harness.world import Disconnected, Unreachable, World

WATCH: Final = "/v3/watch"
LINGER_S: Final = 0.05
"""After an event, for those that come right behind it."""
MOST_EVENTS: Final = 100
"""In an answer, about."""
DELETED: Final = "DELETE"

Told = tuple[int, str, Any]
"""Index, key, value."""


class Stream:
    """`last`: the index of the last event that was taken, or after which it began."""

    def __init__(self, link: Link, after: int) -> None:
        self.last = after
        self._link = link
        self._rest = b""
        self._waiting: list[Told] = []

    @property
    def alive(self) -> bool:
        return self._link.alive

    def close(self) -> None:
        self._link.close()

    def take(self) -> list[Told]:
        """What has come. Afterwards `last` is that of the last of them."""
        taken, self._waiting = self._waiting, []
        if taken:
            self.last = taken[-1][0]
        return taken

    async def more(self) -> int:
        """Waits for something to come; how many events are waiting to be taken. Raises Disconnected, Definite,
        Indefinite. May be cancelled and called again."""
        part = await self._link.receive_part()
        if not part:
            self.close()
            raise Disconnected("the stream ended")
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            self._waiting += _events(decode(line))
        return len(self._waiting)


class Watches(Session):
    def __init__(self, world: World, node: Node, *, timeout_s: float, session: str) -> None:
        super().__init__(world, node, timeout_s=timeout_s, session=session)
        self._streams: dict[str, Stream] = {}
        """By prefix."""

    async def watch(self, prefix: str, *, after: int, seconds: float) -> Answer:
        stream = await self._stream(prefix, after)
        told: list[Told] = []
        try:
            async with self._world.timeout(seconds):
                await stream.more()
                while len(told) < MOST_EVENTS:
                    told += stream.take()
                    async with self._world.timeout(LINGER_S):
                        await stream.more()
        except TimeoutError:
            pass
        except Disconnected as error:
            self._drop(prefix)
            if not told:
                raise Definite(str(error)) from None
        except BaseException:
            self._drop(prefix)
            raise
        return Answer(value=[list(event) for event in (*told, *stream.take())], log_index=stream.last or None)

    async def watch_to_newest(self, prefix: str) -> Answer:
        newest = await self._newest(prefix)
        told: list[Told] = []
        try:
            async with self._world.timeout(self._timeout_s):
                stream = await self._open(prefix, 0)
                try:
                    while stream.last < newest:
                        await stream.more()
                        told += stream.take()
                finally:
                    stream.close()
        except TimeoutError:
            raise Definite(NOT_CAUGHT_UP) from None
        except (Disconnected, Unreachable) as error:
            raise Definite(str(error)) from None
        return Answer(value=[list(event) for event in told], log_index=newest or None)

    def close(self) -> None:
        for prefix in tuple(self._streams):
            self._drop(prefix)
        super().close()

    def _drop(self, prefix: str) -> None:
        self._streams.pop(prefix).close()

    async def _newest(self, prefix: str) -> int:
        """The index of the last write to any key with this prefix, 0 if there is none."""
        last = {"sort_order": "DESCEND", "sort_target": "MOD", "limit": "1", "keys_only": True}
        pairs = wire.several(await self._calls.call(RANGE, {**wire.prefix(prefix), **last}), "kvs")
        return wire.whole(pairs[0], "mod_revision") if pairs else 0

    async def _stream(self, prefix: str, after: int) -> Stream:
        """Raises Definite: a watch changes nothing."""
        stream = self._streams.get(prefix)
        if stream is not None and stream.alive and stream.last == after:
            return stream
        if stream is not None:
            self._drop(prefix)
        try:
            async with self._world.timeout(self._timeout_s):
                self._streams[prefix] = await self._open(prefix, after)
        except TimeoutError:
            raise Definite(NO_HELLO) from None
        except (Disconnected, Unreachable):
            raise Definite(REFUSED) from None
        return self._streams[prefix]

    async def _open(self, prefix: str, after: int) -> Stream:
        link = await dial(self._world, self._node.host, self._node.port, timeout_s=self._timeout_s)
        try:
            # A revision of 0 would mean: from now on.
            create = {**wire.prefix(prefix), "start_revision": str(after + 1)}
            link.send(WATCH, {"create_request": create})
            if await link.receive_status() != OK:
                raise Definite(REFUSED)
            return Stream(link, after)
        except BaseException:
            link.close()
            raise


def _events(message: Any) -> list[Told]:
    """Raises Definite, Indefinite for what is no answer to a watch, or its end."""
    if not isinstance(message, dict):
        raise Indefinite(MALFORMED)
    if "error" in message:
        raise refusal(message["error"])
    result = wire.part(message, "result")
    if result.get("canceled"):
        raise Definite("watch-cancelled")
    return [_event(event) for event in wire.several(result, "events")]


def _event(event: wire.Message) -> Told:
    pair = wire.part(event, "kv")
    value = None if event.get("type") == DELETED else wire.value_of(pair)
    return wire.whole(pair, "mod_revision"), wire.key_of(pair), value
