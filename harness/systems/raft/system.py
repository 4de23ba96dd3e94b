"""Install, start and inspect the bundled node.

The place has brought what is needed on a node: the sources, libfaketime, and the scripts that start a server and find
it. Everything goes over the control line, one command for each step, and wherever the node's layout says.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from checkers.checker import Checker
from checkers.logs import NodeLogs
from checkers.traces import ElectionSafety, LeaderSafety, StateMachineSafety
from harness.client import READ_MODES
from harness.cluster import Membership, Node, Processes
from harness.plugins import unknown
from harness.system import Bug, Definite, Indefinite, Status
from harness.systems.raft.client import RaftKeyValue
from harness.systems.raft.membership import RaftMembership
from harness.systems.raft.replacement import RaftReplacements
from harness.systems.raft.source import bugs_of, node_files, pack, shipped_source
from harness.systems.server import do, log_path, server_pid, start_server
from harness.world import World

CONFIG: Final = "node.json"
PACKAGE: Final = "node_image"
ENVIRONMENT: Final = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


SMALL_FILES: Final = {"segment_bytes": 32 << 10, "snapshot_every_entries": 500, "trailing_entries": 100}
"""With a few hundred operations a second there is a snapshot every few seconds, and mostly a segment that is not the
last: files are renamed and removed, and can be harmed."""


class RaftSystem:
    """A `System`. Options: `bug`, `source` (a changed node's folder), `small_files` (of nodes whose disks can fail: a
    short run is to have many of them), and `config`: fields of the node's own
    configuration, such as election_timeout_s, or `voters`: those that vote at the beginning, where not all nodes do."""

    name = "raft"
    packages: Final[Sequence[str]] = ()
    read_modes: Final[Sequence[str]] = READ_MODES
    lacks: Final[Mapping[str, str]] = {}
    sends_as_dialled: Final = True

    def checkers(self) -> Sequence[Checker]:
        return (ElectionSafety(), LeaderSafety(), StateMachineSafety(), NodeLogs())

    def check(self, options: Mapping[str, Any]) -> None:
        """What can be said of options before there is a cluster. Raises BadInput."""
        root = _root(options)
        node_files(root)
        bug = options.get("bug")
        known = bugs_of(root)
        if bug is not None and bug not in known:
            raise unknown("bug", bug, sorted(known))

    def demands(self) -> Mapping[str, str]:
        return {"python3-msgpack": "python3 -c 'import msgpack'"}

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        self.check(options)
        changed = options.get("source") is not None
        code = node_files(_root(options)) if changed else {}
        for node in nodes:
            layout = node.layout
            files = {f"{layout.code}/{PACKAGE}/{path}": data for path, data in code.items()}
            files[config_path(node)] = msgspec.json.encode(configuration(node, nodes, options))
            # Compiled files of the node's own sources must go with them: their times would not tell them apart.
            clear = f"rm -rf {shlex.quote(f'{layout.code}/{PACKAGE}')} && " if changed else ""
            archive = pack({path.lstrip("/"): data for path, data in files.items()})
            await do(node, "install the node", f"{clear}tar -x -C /", archive)

    async def start(self, node: Node) -> int:
        command = [node.layout.python, "-m", "node_image.runtime", "--config", config_path(node)]
        return await start_server(node, command, environment=ENVIRONMENT)

    async def pid(self, node: Node) -> int | None:
        return await server_pid(node)

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> RaftKeyValue:
        return RaftKeyValue(world, node, timeout_s=timeout_s, session=session)

    def membership(self, world: World, nodes: Sequence[Node]) -> RaftMembership:
        """How nodes leave and come back."""
        return RaftMembership(world, nodes)

    def replacements(
        self, world: World, nodes: Sequence[Node], processes: Processes, membership: Membership
    ) -> RaftReplacements:
        """How nodes are lost, and replaced."""
        assert isinstance(membership, RaftMembership)
        return RaftReplacements(world, nodes, self, processes, membership)

    async def wipe(self, node: Node, nodes: Sequence[Node]) -> Mapping[str, Any]:
        """Removes all that the node's disk holds, and has its server be no voter when it starts next; how many files
        there were, and which are left. Raises ControlError."""
        own = msgspec.json.decode(await node.control.read_file(config_path(node)), type=dict[str, Any])
        own["voters"] = [other.name for other in nodes if other.name != node.name]
        await node.control.write_file(config_path(node), msgspec.json.encode(own))
        data = shlex.quote(node.layout.data)
        printed = await do(
            node,
            "remove the data",
            f"find {data} -type f | wc -l && find {data} -mindepth 1 -delete && sync {data} && find {data} -mindepth 1",
        )
        files, *left = printed.split()
        return {"files": int(files), "left": left}

    async def status(self, world: World, node: Node, *, timeout_s: float) -> Status | None:
        """On a connection of its own: a status that still comes over an old one says little about a node."""
        asking = RaftKeyValue(world, node, timeout_s=timeout_s, session="")
        try:
            answer = await asking.status()
            return msgspec.convert({**answer, "id": answer.get("node")}, Status)
        except (Definite, Indefinite, msgspec.ValidationError):
            return None
        finally:
            asking.close()

    def log_files(self, node: Node) -> Mapping[str, str]:
        return {"node.log": log_path(node), "trace.jsonl": trace_path(node)}

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return bugs_of(_root(options))


def configuration(node: Node, nodes: Sequence[Node], options: Mapping[str, Any]) -> dict[str, Any]:
    """What the node's process reads (node_image/runtime/config.py)."""
    layout = node.layout
    return {
        "node": node.name,
        "members": {member.name: member.peer_address for member in nodes},
        "client": f"{layout.listen}:{layout.client_port}",
        "peer": f"{layout.listen}:{layout.peer_port}",
        "data": layout.data,
        "trace": trace_path(node),
        "bug": options.get("bug"),
        **(SMALL_FILES if options.get("small_files") else {}),
        **options.get("config", {}),
    }


def config_path(node: Node) -> str:
    return f"{node.layout.config}/{CONFIG}"


def trace_path(node: Node) -> str:
    return f"{node.layout.logs}/trace.jsonl"


def _root(options: Mapping[str, Any]) -> Path:
    source = options.get("source")
    return shipped_source() if source is None else Path(source)


SYSTEM: Final = RaftSystem()
