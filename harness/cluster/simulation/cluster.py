"""A cluster of simulated machines in one virtual world: nodes, what is between them, and their client ports.

    VirtualWorld (heap, clock, seed) <- Network <- Machine (disk, clocks, node) -> client ports -> the harness's clients

Everything draws from streams of the world's seed, each part from its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from harness.cluster import Control, Finished, Node
from harness.cluster.simulation.machine import Machine, Oscillator, deliver
from harness.cluster.simulation.messages import Witness
from harness.cluster.simulation.network import Network
from harness.cluster.simulation.safety import Safety
from harness.errors import ControlError
from harness.system import Status
from harness.systems.raft import RaftSystem
from harness.world import World
from harness.world.virtual import NS, VirtualConnection, VirtualWorld
from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks
from node_image.raft import Raft, Role

CLIENT_PORT: Final = 8000
VERSION: Final = 1
"""Of the client protocol."""
STATUS_S: Final = 0.001
"""How long a status request is under way."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class NoShell(Control):
    """A simulated machine has no shell."""

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        raise ControlError("a simulated machine runs no commands")

    async def read_file(self, path: str) -> bytes:
        raise ControlError("a simulated machine has no files to fetch")

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        raise ControlError("a simulated machine takes no files")


class SimulatedCluster:
    """`configs`: one for each machine, by name. Nothing is started yet."""

    def __init__(
        self,
        world: VirtualWorld,
        configs: Mapping[str, NodeConfig],
        *,
        oscillators: Mapping[str, Oscillator] | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.world = world
        self.safety = Safety(world.now, world.halt, self._rafts)
        self.witness = witness
        self.network = Network(world, world.random("network"), self._deliver, witness)
        clocks = oscillators or {}
        self.machines = {
            name: Machine(self, config, world.random(f"machine-{name}"), clocks.get(name, Oscillator()))
            for name, config in configs.items()
        }
        self.ports = {name: ClientPort(machine) for name, machine in self.machines.items()}
        self.nodes = [Node(name, name, CLIENT_PORT, f"{name}:7000", NoShell()) for name in configs]
        for name in configs:
            world.put(name, CLIENT_PORT, self.ports[name])

    def start(self) -> None:
        for machine in self.machines.values():
            machine.start()

    @property
    def names(self) -> list[str]:
        return list(self.machines)

    @property
    def running(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.node is not None]

    @property
    def leader(self) -> Machine | None:
        """Of the highest term that has one running."""
        leaders = [m for m in self.running if m.node is not None and m.node.raft.role is Role.LEADER]
        return max(leaders, key=lambda m: m.node.raft.term if m.node else 0, default=None)

    def _deliver(self, sender: str, to: str, message: Any) -> None:
        machine = self.machines.get(to)
        if machine is not None:
            deliver(machine, sender, message)

    def _rafts(self) -> list[tuple[Raft, Clocks]]:
        return [(machine.node.raft, machine.clocks()) for machine in self.running if machine.node is not None]

    # What machines say

    def reply(self, machine: Machine, connection: int, response: dict[str, Any]) -> None:
        self.ports[machine.name].reply(connection, response)

    def ended(self, machine: Machine) -> None:
        self.ports[machine.name].hang_up()


class ClientPort:
    """A node's client port: the server's side of every connection. The kernel accepts for a process that stands still,
    and refuses for one that is gone."""

    silent = False

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._connections: dict[int, _ServerSide] = {}
        self._number = 0

    @property
    def closed(self) -> bool:
        return not self._machine.runs

    def accept(self) -> VirtualConnection:
        world = self._machine._world
        self._number += 1
        client = VirtualConnection(world)
        side = _ServerSide(self, self._number, client)
        client.peer = side
        self._connections[self._number] = side
        self._machine.give(lambda node, clocks: side.greet(node.config.node, node.replica.applied))
        return client

    def requested(self, connection: int, line: bytes) -> None:
        request = _decode(line)
        self._machine.give(lambda node, clocks: node.client_line(connection, request, clocks))

    def closed_by_client(self, connection: int) -> None:
        if self._connections.pop(connection, None) is not None:
            self._machine.give(lambda node, clocks: node.client_closed(connection))

    def reply(self, connection: int, response: dict[str, Any]) -> None:
        side = self._connections.get(connection)
        if side is not None:
            side.send(response)

    def hang_up(self) -> None:
        """The process is gone: its connections break."""
        connections, self._connections = self._connections, {}
        for side in connections.values():
            side.hang_up()


class _ServerSide:
    def __init__(self, port: ClientPort, number: int, client: VirtualConnection) -> None:
        self._port = port
        self._number = number
        self._client = client
        self._world = port._machine._world

    def arrive(self, line: bytes) -> None:
        if self._number in self._port._connections:
            self._port.requested(self._number, line)

    def broken(self, why: str) -> None:
        self._port.closed_by_client(self._number)

    def greet(self, name: str, applied: int) -> list[Any]:
        self.send({"hello": "raftstorm", "node": name, "version": VERSION, "applied": applied})
        return []

    def send(self, response: Mapping[str, Any]) -> None:
        line = _encode(response)
        client = self._client
        self._world.call_later(lambda: client.arrive(line))

    def hang_up(self) -> None:
        client = self._client
        self._world.call_later(lambda: client.broken("the server is gone"))


@dataclass(frozen=True)
class SimulatedSystem(RaftSystem):
    """The bundled node, where it is simulated: sessions as ever; what goes over a control line elsewhere is asked of
    the machine."""

    cluster: SimulatedCluster

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        machine = self.cluster.machines[node.name]
        asked: list[Status] = []
        await world.sleep(STATUS_S)

        def look(node: Any, clocks: Any) -> list[Any]:
            asked.append(_status(node, clocks))
            return []

        machine.give(look)
        if not asked:  # it is down, or stands still: what it would say later is too late
            await world.sleep(timeout_s - STATUS_S)
            return None
        await world.sleep(STATUS_S)
        return asked[0]

    async def start(self, node: Node) -> int:
        machine = self.cluster.machines[node.name]
        machine.start()
        return machine.pid

    async def pid(self, node: Node) -> int | None:
        machine = self.cluster.machines[node.name]
        return machine.pid if machine.runs else None

    async def wipe(self, node: Node, nodes: Sequence[Node]) -> Mapping[str, Any]:
        machine = self.cluster.machines[node.name]
        files = machine.wipe(frozenset(other.name for other in nodes if other.name != node.name))
        return {"files": files, "left": sorted(machine.disk.read())}


def _status(node: Any, clocks: Any) -> Status:
    raft = node.raft
    return Status(
        id=raft.id,
        term=raft.term,
        role=raft.role.value,
        leader=raft.leader,
        commit=raft.commit,
        applied=node.replica.applied,
        wall=int(clocks.wall * NS),
        mono=int(clocks.monotonic * NS),
    )
