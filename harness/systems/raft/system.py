"""Install, start and inspect the bundled node.

The node image has what is needed on a node: the sources, libfaketime, and the scripts node-start and node-pid, which
keep to one rule: the pid that they print is the server's own. Everything goes over the control line, one command for
each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from harness.cluster import Finished, Node
from harness.cluster.ports import CLIENT_PORT, PEER_PORT
from harness.errors import ControlError
from harness.plugins import unknown
from harness.system import Bug, Definite, Indefinite, Status
from harness.systems.raft.client import RaftKeyValue
from harness.systems.raft.membership import RaftMembership
from harness.systems.raft.source import bugs_of, node_files, pack, shipped_source
from harness.world import World

CONFIG: Final = "etc/raftstorm/node.json"
CODE: Final = "opt/raftstorm/node_image"
DATA: Final = "/var/lib/raftstorm"
LOGS: Final = {
    "node.log": "/var/log/raftstorm/node.log",
    "trace.jsonl": "/var/log/raftstorm/trace.jsonl",
}
START_TIMEOUT_S: Final = 20.0


class RaftSystem:
    """A `System`. Options: `bug`, `source` (a changed node's folder), and `config`: fields of the node's own
    configuration, such as election_timeout_s, or `voters`: those that vote at the beginning, where not all nodes do."""

    name = "raft"

    def check(self, options: Mapping[str, Any]) -> None:
        """What can be said of options before there is a cluster. Raises BadInput."""
        root = _root(options)
        node_files(root)
        bug = options.get("bug")
        known = bugs_of(root)
        if bug is not None and bug not in known:
            raise unknown("bug", bug, sorted(known))

    async def install(self, nodes: Sequence[Node], options: Mapping[str, Any]) -> None:
        self.check(options)
        changed = options.get("source") is not None
        code = {f"{CODE}/{path}": data for path, data in node_files(_root(options)).items()} if changed else {}
        for node in nodes:
            config = msgspec.json.encode(configuration(node, nodes, options))
            # Compiled files of the image's own sources must go with them: their times would not tell them apart.
            clear = f"rm -rf /{CODE} && " if changed else ""
            await _do(node, "install the node", f"{clear}tar -x -C /", pack({CONFIG: config, **code}))

    async def start(self, node: Node) -> int:
        started = await node.control.run(f"node-start {CLIENT_PORT}", timeout_s=START_TIMEOUT_S)
        if started.exit_code != 0 or not started.stdout.strip().isdecimal():
            raise ControlError(f"Node {node.name} ended as soon as it was started: {_last_words(started)}")
        return int(started.stdout)

    async def pid(self, node: Node) -> int | None:
        printed = await _do(node, "find the server process", "node-pid")
        return int(printed) if printed.strip() else None

    def connect(self, world: World, node: Node, *, timeout_s: float, session: str) -> RaftKeyValue:
        return RaftKeyValue(world, node, timeout_s=timeout_s, session=session)

    def membership(self, world: World, nodes: Sequence[Node]) -> RaftMembership:
        """How nodes leave and come back."""
        return RaftMembership(world, nodes)

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
        return LOGS

    def bugs(self, options: Mapping[str, Any]) -> Mapping[str, Bug]:
        return bugs_of(_root(options))


def configuration(node: Node, nodes: Sequence[Node], options: Mapping[str, Any]) -> dict[str, Any]:
    """What the node's process reads (node_image/runtime/config.py)."""
    return {
        "node": node.name,
        "members": {member.name: member.peer_address for member in nodes},
        "client": f"0.0.0.0:{CLIENT_PORT}",
        "peer": f"0.0.0.0:{node.peer_address.rpartition(':')[2] or PEER_PORT}",
        "data": DATA,
        "trace": LOGS["trace.jsonl"],
        "bug": options.get("bug"),
        **options.get("config", {}),
    }


def _root(options: Mapping[str, Any]) -> Path:
    source = options.get("source")
    return shipped_source() if source is None else Path(source)


async def _do(node: Node, doing: str, command: str, data: bytes = b"") -> str:
    """The command's stdout. Raises ControlError where it fails."""
    finished = await node.control.run(command, input=data, timeout_s=START_TIMEOUT_S)
    if finished.exit_code != 0:
        raise ControlError(f"Could not {doing} on {node.name}: {_last_words(finished)}")
    return finished.stdout


def _last_words(finished: Finished) -> str:
    return " / ".join(finished.stderr.split("\n")).strip(" /") or f"exit code {finished.exit_code}, and no word."


SYSTEM: Final = RaftSystem()
