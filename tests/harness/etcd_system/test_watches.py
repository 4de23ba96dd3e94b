"""Watches by etcd's watch call: one node whose streams are scripted, in virtual time."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import h11
import pytest

from harness.system import Answer, Definite, Indefinite
from harness.systems.etcd.client import EtcdSession
from harness.world import Connection, Disconnected
from harness.world.virtual import VirtualWorld
from tests.harness.etcd_system.fake import HOST, PORT, VERSION, done, kvs, session, text

CREATED = {"result": {"created": True}}
ENDS = "ends"


def put(*events: tuple[int, str, int]) -> dict[str, Any]:
    pairs = [
        {"kv": {"key": text(key), "value": text(str(value)), "mod_revision": str(index)}}
        for index, key, value in events
    ]
    return {"result": {"header": {"revision": "9"}, "events": pairs}}


class FakeStreams:
    """Every connection that asks for a watch is told the next script: messages, each in two pieces, numbers to wait so
    many seconds, ENDS. What asks for a range is told `newest`."""

    def __init__(self, world: VirtualWorld, scripts: list[list[Any]], newest: Any = None) -> None:
        self.asked: list[Any] = []
        self._world = world
        self._scripts = iter(scripts)
        self._newest = newest
        world.listen(HOST, PORT, self._serve)

    async def _serve(self, connection: Connection) -> None:
        http = h11.Connection(h11.SERVER)
        with suppress(Disconnected):
            while True:
                path, body = await self._request(http, connection)
                if path != "/v3/watch":
                    self._say(http, connection, VERSION if path == "/version" else self._newest)
                    continue
                self.asked.append(json.loads(body)["create_request"])
                await self._stream(http, connection, next(self._scripts))
                return

    async def _request(self, http: h11.Connection, connection: Connection) -> tuple[str, bytes]:
        path, body = "", b""
        while not isinstance(event := http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                http.receive_data(await connection.receive_some())
            elif isinstance(event, h11.Request):
                path = event.target.decode()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
        return path, body

    def _say(self, http: h11.Connection, connection: Connection, answer: Any) -> None:
        body = json.dumps(answer).encode()
        head = h11.Response(status_code=200, headers=[("Content-Length", str(len(body)))])
        connection.send(b"".join(http.send(part) or b"" for part in (head, h11.Data(data=body), h11.EndOfMessage())))
        http.start_next_cycle()

    async def _stream(self, http: h11.Connection, connection: Connection, script: list[Any]) -> None:
        connection.send(http.send(h11.Response(status_code=200, headers=[("Transfer-Encoding", "chunked")])) or b"")
        for what in script:
            if isinstance(what, int | float):
                await self._world.sleep(what)
            elif what != ENDS:
                line = json.dumps(what).encode() + b"\n"
                for piece in (line[:20], line[20:]):
                    connection.send(http.send(h11.Data(data=piece)) or b"")
        if ENDS not in script:
            await self._world.sleep(1000)


def watch(world: VirtualWorld, *afters: int) -> list[Any]:
    """What each call, one after another in one session, answered or raised."""

    async def main() -> list[Any]:
        asking: EtcdSession = session(world)
        told: list[Any] = []
        for after in afters:
            try:
                told.append((await asking.watch("w/", after=after, seconds=0.5)).value)
            except (Definite, Indefinite) as error:
                told.append((type(error), str(error)))
        asking.close()
        return told

    return world.run(main())


def test_events_come_as_they_were_told() -> None:
    world = VirtualWorld()
    streams = FakeStreams(world, [[CREATED, put((3, "w/0", 7)), 0.01, put((4, "w/1", 8), (5, "w/0", 9))]])
    assert watch(world, 2) == [[[3, "w/0", 7], [4, "w/1", 8], [5, "w/0", 9]]]
    assert streams.asked == [{"key": text("w/"), "range_end": text("w0"), "start_revision": "3"}]


def test_a_stream_goes_on_from_call_to_call() -> None:
    world = VirtualWorld()
    streams = FakeStreams(world, [[CREATED, put((3, "w/0", 7)), 2, put((4, "w/1", 8))]])
    assert watch(world, 0, 3, 3, 3, 3, 4) == [[[3, "w/0", 7]], [], [], [], [[4, "w/1", 8]], []]
    assert len(streams.asked) == 1


def test_another_revision_is_another_stream() -> None:
    world = VirtualWorld()
    streams = FakeStreams(world, [[CREATED, put((3, "w/0", 7))], [CREATED, put((2, "w/0", 6), (3, "w/0", 7))]])
    assert watch(world, 2, 1) == [[[3, "w/0", 7]], [[2, "w/0", 6], [3, "w/0", 7]]]
    assert [asked["start_revision"] for asked in streams.asked] == ["3", "2"]


def test_what_was_told_before_a_stream_ended_is_an_answer() -> None:
    world = VirtualWorld()
    streams = FakeStreams(world, [[CREATED, put((3, "w/0", 7)), ENDS], [CREATED, ENDS], [CREATED, put((4, "w/1", 8))]])
    first, second, third = watch(world, 0, 3, 3)
    assert first == [[3, "w/0", 7]]
    assert second[0] is Definite
    assert third == [[4, "w/1", 8]]
    assert len(streams.asked) == 3


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"result": {"canceled": True, "compact_revision": "9"}}, Definite),
        ({"error": {"message": "etcdserver: no leader"}}, Indefinite),
        ({"result": {"events": [{"kv": "x"}]}}, Indefinite),
        ([], Indefinite),
    ],
)
def test_a_stream_that_says_no(message: Any, kind: type) -> None:
    world = VirtualWorld()
    FakeStreams(world, [[message], [CREATED, put((3, "w/0", 7))]])
    said, after = watch(world, 0, 0)
    assert said[0] is kind
    assert after == [[3, "w/0", 7]]


def test_nobody_there() -> None:
    assert watch(VirtualWorld(), 0) == [(Definite, "connection-refused")]


@pytest.mark.parametrize(
    ("newest", "script", "answer"),
    [
        (done(9), [CREATED], Answer(value=[])),
        (
            done(9, **kvs({"key": text("w/0"), "mod_revision": "5"})),
            [CREATED, put((3, "w/0", 7)), 1, put((5, "w/0", 8))],
            Answer(value=[[3, "w/0", 7], [5, "w/0", 8]], log_index=5),
        ),
        (done(9, **kvs({"key": text("w/0"), "mod_revision": "5"})), [CREATED, put((3, "w/0", 7))], "not-caught-up"),
    ],
)
def test_to_the_newest(newest: Any, script: list[Any], answer: Any) -> None:
    world = VirtualWorld()
    FakeStreams(world, [script], newest)

    async def main() -> Any:
        try:
            return await session(world).watch_to_newest("w/")
        except Definite as error:
            return str(error)

    assert world.run(main()) == answer
