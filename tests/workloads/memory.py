"""A key-value system in memory, for a virtual world: servers that speak lines, one log behind them all.

The log stands where consensus would: every write is appended to it at once, and each node applies it a while later, in
order. So the nodes lag behind each other as followers do, and nothing else can go wrong but what a test asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from harness.capabilities import Number
from harness.cluster import Finished, Node
from harness.system import Answer, Bug, Definite, Indefinite, Refused, Status
from harness.systems.raft.client import Numbered
from harness.systems.raft.operations import RaftOperations
from harness.world import Connection, Disconnected, Unreachable, World
from harness.world.virtual import Server, VirtualWorld
from tests.workloads.objects import Objects

PORT = 8000


class NoControl:
    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        raise AssertionError("nobody controls a node in memory")

    async def read_file(self, path: str) -> bytes:
        raise AssertionError("nobody reads a node's files in memory")

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        raise AssertionError("nobody writes a node's files in memory")


def make_nodes(count: int) -> list[Node]:
    names = [f"n{number}" for number in range(1, count + 1)]
    return [Node(name, name, PORT, f"{name}:7000", NoControl()) for name in names]


@dataclass
class Replica:
    """One node: what it has applied."""

    name: str
    lag_s: float
    applied: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class MemorySystem:
    """`bug`: "ignores-index" (a node does not wait for the client's index), "stale-reads" (linearizable reads from the
    node's own state), or one of those in `objects`."""

    name = "memory"

    def __init__(self, world: VirtualWorld, nodes: Sequence[Node], *, bug: str | None = None) -> None:
        self.log: list[dict[str, Any]] = []
        """What each command left in the keys that it changed."""
        self.requests: list[dict[str, Any]] = []
        self._world = world
        self._bug = bug
        self._objects = Objects(bug)
        self._replicas = {node.name: Replica(node.name, 0.02 * number) for number, node in enumerate(nodes)}
        self._servers: dict[str, Server] = {}
        self._changed = world.future()
        for node in nodes:
            self.listen(node.name)

    def listen(self, name: str) -> None:
        self._servers[name] = self._world.listen(name, PORT, lambda connection: self._serve(name, connection))

    def crash(self, name: str) -> None:
        self._servers[name].close()

    # The servers' side.

    async def _serve(self, name: str, connection: Connection) -> None:
        connection.send(b'{"hello":"memory"}\n')
        with suppress(Disconnected):
            while True:
                request = msgspec.json.decode(await connection.receive())
                self.requests.append({"node": name, **request})
                answer = await self._answer(self._replicas[name], request)
                connection.send(msgspec.json.encode(answer) + b"\n")

    async def _answer(self, replica: Replica, request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "read":
            return await self._read(replica, request)
        if request["op"] == "watch":
            return await self._watch(replica, request)
        before = dict(self._objects.state)
        answer = self._objects.perform(request)
        if self._objects.commands > len(self.log):
            state = self._objects.state
            self._append({key: value for key, value in state.items() if before.get(key) != value})
        return answer

    def _append(self, changed: dict[str, Any]) -> None:
        self.log.append(changed)
        for replica in self._replicas.values():
            self._world.spawn(self._apply_later(replica), name=f"apply {replica.name}")

    async def _apply_later(self, replica: Replica) -> None:
        await self._world.sleep(replica.lag_s)
        replica.state |= self.log[replica.applied]
        replica.applied += 1
        self._changed.set_result(None)
        self._changed = self._world.future()

    async def _read(self, replica: Replica, request: dict[str, Any]) -> dict[str, Any]:
        if request["mode"] == "linearizable" and self._bug != "stale-reads":
            return {"value": _read(self._objects.state, request), "index": len(self.log)}
        while replica.applied < request["min_index"] and self._bug != "ignores-index":
            await self._changed
        return {"value": _read(replica.state, request), "index": replica.applied}

    async def _watch(self, replica: Replica, request: dict[str, Any]) -> dict[str, Any]:
        """As long as it was said, until something is there to tell."""
        wanted = len(self.log) if request["newest"] else request["after"] + 1
        ends = self._world.now() + int(request["seconds"] * 1e9)
        while replica.applied < wanted and self._world.now() < ends:
            await self._world.sleep(0.01)
        events = [
            [index, key, value]
            for index, changed in enumerate(self.log[: replica.applied], 1)
            for key, value in changed.items()
            if index > request["after"] and key.startswith(request["prefix"])
        ]
        return {"value": spoil(events, self._bug), "index": replica.applied}

    # The System protocol.

    def check(self, options: Mapping[str, Any]) -> None: ...

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None: ...

    async def start(self, node: Node) -> int:
        return 1

    async def pid(self, node: Node) -> int | None:
        return 1

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> MemorySession:
        return MemorySession(world, node, timeout_s, session, self._objects)

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        return None

    def log_files(self, node: Node) -> Mapping[str, str]:
        return {}

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return {}


def spoil(events: list[Any], bug: str | None) -> list[Any]:
    """What a watcher is told, in a system with this bug."""
    if bug == "drops-events":
        return [event for event in events if event[0] % 10 or event is events[-1]]
    if bug == "repeats-events" and len(events) > 2:
        return [*events[:2], *events[1:]]
    return events[::-1] if bug == "tells-backwards" else events


def _read(state: dict[str, Any], request: dict[str, Any]) -> Any:
    if "keys" in request:
        return [state.get(key) for key in request["keys"]]
    value = state.get(request["key"])
    return request["contains"] in (value or []) if "contains" in request else value


class MemorySession(RaftOperations):
    """One request at a time; a new connection after one that broke or did not answer."""

    def __init__(self, world: World, node: Node, timeout_s: float, session: str, objects: Objects) -> None:
        self.session = session
        self._world = world
        self._node = node
        self._timeout_s = timeout_s
        self._connection: Connection | None = None
        self._sequence = 0
        self._objects = objects
        self._kept: dict[str, int] = {}

    async def acquire_kept(self, key: str, seconds: float) -> Answer:
        answer = await self.acquire(key)
        self._kept[key] = answer.value
        return answer

    async def watch(self, prefix: str, *, after: int, seconds: float) -> Answer:
        return await self._watched(prefix, after, seconds, newest=False)

    async def watch_to_newest(self, prefix: str) -> Answer:
        return await self._watched(prefix, 0, self._timeout_s, newest=True)

    async def _watched(self, prefix: str, after: int, seconds: float, *, newest: bool) -> Answer:
        asked = {"op": "watch", "prefix": prefix, "after": after, "seconds": seconds, "newest": newest}
        answer = await self._call(asked)
        return Answer(value=answer["value"], log_index=answer["index"])

    async def next_number(self, session: str | None = None) -> Number:
        await self._connected()
        return self._next() if session is None else Number(session, 1)

    def numbered(self, number: Number) -> Numbered:
        return Numbered(self, number)  # type: ignore[arg-type]

    def close(self) -> None:
        """What was kept alive ends."""
        for key, token in self._kept.items():
            self._objects.end_lock(key, token)
        self._kept.clear()
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _next(self) -> Number:
        self._sequence += 1
        return Number(self.session, self._sequence)

    async def _read(self, request: Mapping[str, Any], mode: str, min_index: int) -> dict[str, Any]:
        return await self._call({"op": "read", "mode": mode, "min_index": min_index, **request})

    async def _command(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call({**request, **msgspec.structs.asdict(self._next())})

    async def _call(self, request: Mapping[str, Any]) -> dict[str, Any]:
        connection = await self._connected()
        try:
            async with self._world.timeout(self._timeout_s):
                connection.send(msgspec.json.encode(request) + b"\n")
                answer: dict[str, Any] = msgspec.json.decode(await connection.receive())
        except Disconnected as error:
            self._drop()
            raise Indefinite("disconnected") from error
        except TimeoutError as error:
            self._drop()
            raise Indefinite("timeout") from error
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    async def _connected(self) -> Connection:
        if self._connection is None:
            try:
                connection = await self._world.connect(self._node.host, self._node.port, timeout_s=self._timeout_s)
                await connection.receive()
            except (Unreachable, Disconnected) as error:
                raise Definite("unreachable") from error
            self._connection = connection
        return self._connection
