"""PySyncObj as a system under test: how it is installed, started and spoken to.

server.py, which runs on the nodes, keeps registers in a PySyncObj object and speaks lines of JSON on the client port.
It and PySyncObj itself are Python alone, so they are brought to the nodes as files, wherever these are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from checkers.checker import Checker
from checkers.logs import NodeLogs
from harness.cluster import Node
from harness.system import Answer, Bug, Definite, Indefinite, Status
from harness.systems.raft.source import pack
from harness.systems.server import do, log_path, server_pid, start_server
from harness.world import Connection, Disconnected, Unreachable, World

DEFINITE = {"QUEUE_FULL", "MISSING_LEADER", "NOT_LEADER", "DISCARDED", "REQUEST_DENIED"}
"""What PySyncObj says of a command that is in no log, or was overwritten there. LEADER_CHANGED and UNKNOWN_OUTCOME say
that nobody knows."""


class Session:
    """A `KeyValue`: one request at a time."""

    def __init__(self, world: World, node: Node, timeout_s: float, session: str) -> None:
        self.session = session
        self._world, self._node, self._timeout_s = world, node, timeout_s
        self._connection: Connection | None = None

    async def read(self, key: str, *, mode: str, min_index: int = 0) -> Answer:
        """Linearizable reads go through the log; stale ones are what the node holds."""
        return Answer(value=await self.ask("read" if mode == "linearizable" else "look", key))

    async def write(self, key: str, value: Any) -> Answer:
        await self.ask("write", key, value)
        return Answer(value=value)

    async def cas(self, key: str, expected: Any, new: Any) -> Answer:
        matched, seen = await self.ask("cas", key, expected, new)
        return Answer(value=seen, matched=matched)

    async def ask(self, *request: Any) -> Any:
        """The result. Raises Definite, Indefinite."""
        sent = False
        try:
            async with self._world.timeout(self._timeout_s):
                connection = await self._connected()
                connection.send(json.dumps(request).encode() + b"\n")
                sent = True
                answer = json.loads(await connection.receive())
        except (Unreachable, Disconnected, TimeoutError, ValueError) as error:
            self.close()
            raise (Indefinite if sent else Definite)(type(error).__name__.lower()) from error
        except BaseException:
            self.close()
            raise
        if "error" in answer:
            raise (Definite if answer["error"] in DEFINITE else Indefinite)(answer["error"].lower().replace("_", "-"))
        return answer["result"]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _connected(self) -> Connection:
        """The server speaks first, so nothing was sent to one that is dead."""
        if self._connection is None:
            self._connection = await self._world.connect(self._node.host, self._node.port, timeout_s=self._timeout_s)
            await self._connection.receive()
        return self._connection


class PySyncObjSystem:
    name = "pysyncobj"
    packages: Sequence[str] = ()
    read_modes: Sequence[str] = ("linearizable", "stale")
    lacks: Mapping[str, str] = {}

    def check(self, options: Mapping[str, Any]) -> None: ...

    def checkers(self) -> Sequence[Checker]:
        return (NodeLogs(),)

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return {}

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        for node in nodes:
            others = [other.peer_address for other in nodes if other is not node]
            code = node.layout.code.lstrip("/")
            files = {f"{code}/{path}": content for path, content in shipped().items()}
            files[f"{code}/peers.json"] = json.dumps({"self": node.peer_address, "others": others}).encode()
            await do(node, "install PySyncObj", "tar -x -C /", pack(files))

    async def start(self, node: Node) -> int:
        layout = node.layout
        listens = [layout.listen, str(layout.client_port), str(layout.peer_port)]
        return await start_server(node, [layout.python, "server.py", layout.data, *listens])

    async def pid(self, node: Node) -> int | None:
        return await server_pid(node)

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> Session:
        return Session(world, node, timeout_s, session)

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        session = Session(world, node, timeout_s, "")
        try:
            return Status(id=node.name, **await session.ask("status", ""))
        except (Definite, Indefinite, TypeError):
            return None
        finally:
            session.close()

    def log_files(self, node: Node) -> Mapping[str, str]:
        return {"node.log": log_path(node)}


def shipped() -> dict[str, bytes]:
    """The installed PySyncObj and the server, by path below the folder of code."""
    spec = find_spec("pysyncobj")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else Path()
    library = {f"pysyncobj/{path.name}": path.read_bytes() for path in folder.glob("*.py")}
    assert library, "PySyncObj is a dependency of this package"
    return {**library, "server.py": (Path(__file__).parent / "server.py").read_bytes()}


SYSTEM = PySyncObjSystem()
