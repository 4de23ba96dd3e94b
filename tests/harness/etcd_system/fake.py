"""An etcd that is one script: says its version, then answers each request with the next thing that it was told."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

import h11

from harness.cluster import Node
from harness.system import Answer, Definite, Indefinite
from harness.systems.etcd.client import EtcdSession
from harness.world import Connection, Disconnected
from harness.world.virtual import VirtualWorld

CLOSE, SILENCE = "close", "silence"
VERSION = {"etcdserver": "3.4.23", "etcdcluster": "3.4.0"}
HOST, PORT = "127.0.0.1", 8000


Call = Callable[[EtcdSession], Coroutine[Any, Any, Answer]]


class Request(NamedTuple):
    path: str
    body: Any


class Error(NamedTuple):
    """etcd says no, in these words."""

    message: str
    status: int = 503


class FakeEtcd:
    """An answer is a dict (status 200), an Error, bytes (a body as it stands), CLOSE or SILENCE. The script goes on
    over all connections; every connection is greeted the same."""

    def __init__(self, world: VirtualWorld, answers: list[Any], greeting: Any = VERSION) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.greeting = greeting
        self._answers = iter(answers)
        self._world = world
        self.server = world.listen(HOST, PORT, self._serve)

    async def _serve(self, connection: Connection) -> None:
        self.connections += 1
        http = h11.Connection(h11.SERVER)
        with suppress(Disconnected):
            while (request := await self._request(http, connection)) is not None:
                greets = request.path == "/version"
                if not greets:
                    self.requests.append(request)
                if not await self._say(http, connection, self.greeting if greets else next(self._answers)):
                    return

    async def _request(self, http: h11.Connection, connection: Connection) -> Request | None:
        path, body = "", b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await connection.receive_some())
            elif isinstance(event, h11.Request):
                path = event.target.decode()
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return Request(path, json.loads(body) if body else None)
            else:
                return None

    async def _say(self, http: h11.Connection, connection: Connection, what: Any) -> bool:
        if what == CLOSE:
            return False
        if what == SILENCE:
            await self._world.sleep(1000)
            return False
        status = what.status if isinstance(what, Error) else 200
        told = {"error": what.message, "message": what.message, "code": 14} if isinstance(what, Error) else what
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        parts = (
            h11.Response(status_code=status, headers=[("Content-Length", str(len(body)))]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        connection.send(b"".join(http.send(part) or b"" for part in parts))
        http.start_next_cycle()
        return True


def node() -> Node:
    return Node(name="n1", host=HOST, port=PORT, peer_address="10.0.0.1:7000", control=None)  # type: ignore[arg-type]


def session(world: VirtualWorld, timeout_s: float = 2.0) -> EtcdSession:
    return EtcdSession(world, node(), timeout_s=timeout_s, session="c-1")


def ask(world: VirtualWorld, *calls: Call) -> list[Any]:
    """What each call, one after another in one session, answered or raised."""

    async def main() -> list[Any]:
        asking = session(world)
        outcomes: list[Any] = []
        for call in calls:
            try:
                outcomes.append(await call(asking))
            except (Definite, Indefinite) as error:
                outcomes.append((type(error), str(error)))
        asking.close()
        return outcomes

    return world.run(main())


def text(thing: str) -> str:
    return b64encode(thing.encode()).decode()


def done(revision: int, **more: Any) -> dict[str, Any]:
    return {"header": {"revision": str(revision), "raft_term": "2"}, **more}


def pair(key: str, value: str, revision: int = 4) -> dict[str, Any]:
    return {"key": text(key), "value": text(value), "mod_revision": str(revision), "version": "1"}


def kvs(*pairs: dict[str, Any]) -> dict[str, Any]:
    return {"kvs": list(pairs), "count": str(len(pairs))} if pairs else {}


def ranges(revision: int, *found: dict[str, Any]) -> dict[str, Any]:
    return done(revision, succeeded=True, responses=[{"response_range": one} for one in found])
