"""Install, start and inspect etcd.

A node is given its options in a file. Every member is told of all others from the start, and which of them leads is
theirs to find out.

Clock faults are not for etcd: Go asks the kernel for the time, not the C library, so libfaketime does not reach it; and
the time that etcd tells (the date of its HTTP answers) is in whole seconds, so it could not be proven either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from checkers.checker import Checker
from checkers.logs import NodeLogs
from harness.cluster import Node
from harness.errors import BadInput
from harness.plugins import unknown
from harness.system import Bug, Definite, Indefinite, Status
from harness.systems.etcd import wire
from harness.systems.etcd.calls import Calls
from harness.systems.etcd.client import EtcdSession
from harness.systems.etcd.keys import READ_MODES
from harness.systems.server import log_path, server_pid, start_server
from harness.world import World

TOKEN: Final = "raftstorm"
STATUS: Final = "/v3/maintenance/status"
MEMBERS: Final = "/v3/cluster/member/list"
NOBODY: Final = 0


class EtcdSystem:
    """A `System`. It has no options."""

    name = "etcd"
    packages: Final[Sequence[str]] = ("etcd-server",)
    read_modes: Final[Sequence[str]] = READ_MODES
    lacks: Final[Mapping[str, str]] = {
        "clocks": "etcd is a Go program, which asks the kernel for the time, where libfaketime does not reach it",
        "disks": "etcd panics where a disk fails, which cannot be told from a panic over a mistake of its own",
    }

    def checkers(self) -> Sequence[Checker]:
        return (NodeLogs(),)

    def check(self, options: Mapping[str, Any]) -> None:
        if options.get("source") is not None:
            raise BadInput("--node-source brings a changed node of the system raft: --system etcd takes none.")
        if options.get("bug") is not None:
            raise unknown("bug of etcd", options["bug"], ["none"])

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        self.check(options)
        for node in nodes:
            await node.control.write_file(config_path(node), msgspec.json.encode(configuration(node, nodes)))

    async def start(self, node: Node) -> int:
        return await start_server(node, ["etcd", "--config-file", config_path(node)])

    async def pid(self, node: Node) -> int | None:
        return await server_pid(node)

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> EtcdSession:
        return EtcdSession(world, node, timeout_s=timeout_s, session=session)

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        """On a connection of its own: a status that still comes over an old one says little about a node."""
        calls = Calls(world, node, timeout_s=timeout_s)
        try:
            told = await calls.call(STATUS, {})
            members = await calls.call(MEMBERS, {})
            return _status(node.name, told, {wire.whole(one, "ID"): one.get("name") for one in _members(members)})
        except (Definite, Indefinite):
            return None
        finally:
            calls.close()

    def log_files(self, node: Node) -> Mapping[str, str]:
        return {"node.log": log_path(node)}

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return {}


def config_path(node: Node) -> str:
    return f"{node.layout.config}/etcd.json"


def configuration(node: Node, nodes: Sequence[Node]) -> dict[str, Any]:
    """What etcd reads: its options (JSON is YAML too)."""
    layout = node.layout
    host = node.peer_address.rpartition(":")[0]
    return {
        "name": node.name,
        "data-dir": f"{layout.data}/etcd",
        "listen-client-urls": f"http://{layout.listen}:{layout.client_port}",
        "advertise-client-urls": f"http://{host}:{layout.client_port}",
        "listen-peer-urls": f"http://{layout.listen}:{layout.peer_port}",
        "initial-advertise-peer-urls": f"http://{node.peer_address}",
        "initial-cluster": ",".join(f"{member.name}=http://{member.peer_address}" for member in nodes),
        "initial-cluster-token": TOKEN,
        "enable-grpc-gateway": True,  # off by default where options come in a file, on where they do not
        "logger": "zap",
        "log-outputs": ["stderr"],
    }


def _members(answer: Mapping[str, Any]) -> list[wire.Message]:
    return wire.several(answer, "members")


def _status(name: str, told: Mapping[str, Any], names: Mapping[int, Any]) -> Status:
    """etcd's `raftIndex` is what it knows to be committed. Raises Indefinite."""
    leader = wire.whole(told, "leader")
    leads = leader == wire.whole(wire.part(told, "header"), "member_id")
    known = names.get(leader) if leader != NOBODY else None
    return Status(
        id=name,
        term=wire.whole(told, "raftTerm"),
        role="leader" if leads else "follower",
        leader=known if isinstance(known, str) else None,
        commit=wire.whole(told, "raftIndex"),
        applied=wire.whole(told, "raftAppliedIndex"),
    )


SYSTEM: Final = EtcdSystem()
