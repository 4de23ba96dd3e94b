"""What nodes sent each other and their clients, kept with the run: tcpdump on each node, from the servers' start to the
run's end.

tcpdump writes a ring of a few files, so a long run keeps its last part; at the end they become one, which any reader of
pcap files takes. Incoming packets are seen as they come off the wire, before cuts and hindrances on the receiving node
have done anything to them; outgoing ones as they leave.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.cluster import Node
from harness.errors import CannotRun, RaftstormError

log = logging.getLogger("raftstorm")

TRAFFIC: Final = "traffic.pcap"
FILES: Final = 4
FILE_MB: Final = 16
"""Of 1,000,000 bytes. All together they bound what a node keeps."""
_PCAP_HEADER_BYTES: Final = 24
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 30.0


class Traffic:
    """On all nodes of a cluster."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        self._pids: dict[str, int] = {}

    async def keep(self) -> None:
        """From now on. Raises CannotRun where a node cannot."""
        await asyncio.gather(*(self._start(node) for node in self._nodes))

    async def collect(self, node: Node, folder: Path) -> None:
        """Ends keeping it on a node, and brings here what it kept. A node that cannot is warned of."""
        try:
            printed = await _run(node, _ending(node, self._pids.pop(node.name)), _STOP_TIMEOUT_S)
            (folder / TRAFFIC).write_bytes(await node.control.read_file(_path(node)))
        except (RaftstormError, OSError) as error:
            log.warning("%s of %s was not collected: %s", TRAFFIC, node.name, error)
        else:
            log.info("%s of %s: %s", TRAFFIC, node.name, " ".join(printed.split()))

    async def _start(self, node: Node) -> None:
        self._pids[node.name] = int(await _run(node, _beginning(node), _START_TIMEOUT_S))


def _beginning(node: Node) -> str:
    """Prints tcpdump's pid once it listens. It must not become another user: the folder is root's."""
    ports = f"tcp port {node.layout.peer_port} or tcp port {node.layout.client_port}"
    ring = f"-C {FILE_MB} -W {FILES} -w {shlex.quote(_path(node))}"
    said = shlex.quote(_said(node))
    return (
        "command -v tcpdump > /dev/null || { echo 'there is no tcpdump' >&2; exit 1; }; "
        f"setsid tcpdump -i any -n -U -Z root {ring} '{ports}' < /dev/null > /dev/null 2> {said} & pid=$!; "
        f"for _ in $(seq 100); do grep -q 'listening on' {said} && {{ echo $pid; exit 0; }}; "
        f"kill -0 $pid 2> /dev/null || break; sleep 0.05; done; kill $pid 2> /dev/null; tail -n 1 {said} >&2; exit 1"
    )


def _ending(node: Node, pid: int) -> str:
    """Makes the ring one file, oldest part first, and prints what tcpdump says that it saw and missed."""
    path, said = shlex.quote(_path(node)), shlex.quote(_said(node))
    return (
        f"kill -INT {pid} 2> /dev/null; for _ in $(seq 200); do kill -0 {pid} 2> /dev/null || break; sleep 0.05; done; "
        f"first=yes; for part in $(ls -tr {path}?); do "
        f'[ "$first" ] && cat "$part" || tail -c +{_PCAP_HEADER_BYTES + 1} "$part"; first=; rm -f "$part"; '
        f"done > {path}; grep packets {said}; true"
    )


async def _run(node: Node, command: str, timeout_s: float) -> str:
    """Raises CannotRun."""
    ran = await node.control.run(command, timeout_s=timeout_s)
    if ran.exit_code != 0:
        raise CannotRun(f"The traffic of {node.name} cannot be kept: {(ran.stderr or ran.stdout).strip()}.")
    return ran.stdout


def _path(node: Node) -> str:
    return f"{node.layout.logs}/{TRAFFIC}"


def _said(node: Node) -> str:
    """What tcpdump prints."""
    return f"{node.layout.logs}/tcpdump.log"
