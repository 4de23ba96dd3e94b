"""A cluster of processes on this machine."""

from __future__ import annotations

import asyncio
import compileall
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.cluster import Capabilities, Node
from harness.cluster.layout import Layout, under
from harness.cluster.local import folders
from harness.cluster.local.disks import LocalDisks
from harness.cluster.local.line import RelayLine, start_relay
from harness.cluster.local.marks import NODE, RUN
from harness.cluster.local.network import RelayBarrier
from harness.cluster.local.packets import LocalPackets
from harness.cluster.local.ports import HOST, Ports
from harness.cluster.local.relay.commands import Begin, Seat
from harness.cluster.local.resets import LocalResets
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.network import ShellNetwork
from harness.control.local import LocalControl
from harness.errors import CannotRun
from harness.faketime import faketime_path
from harness.system import System
from harness.systems.raft.source import shipped_source
from harness.systems.server import PID_FILE
from harness.world import World

_PROBES: Final = "127.83.0"
_MEASURES: Final = "127.83.1"
"""Loopback has sixteen million addresses; servers dial from the first."""


class LocalCluster:
    """A `Cluster`. `keep`: it is to outlive the run, so the next run does not take it for a leftover."""

    def __init__(self, name: str, node_names: Sequence[str], *, keep: bool = False) -> None:
        self._name = name
        self._node_names = tuple(node_names)
        self._keep = keep
        self._probe_addresses, self._measuring_addresses = (
            {name: f"{net}.{number}" for number, name in enumerate(node_names, start=1)} for net in (_PROBES, _MEASURES)
        )
        self._folder: Path | None = None
        self._ports = Ports()
        self._relay: RelayLine | None = None
        self._nodes: tuple[Node, ...] = ()

    @property
    def nodes(self) -> Sequence[Node]:
        return self._nodes

    @property
    def engine(self) -> str:
        return f"local processes, {platform.system()} {platform.release()}, Python {platform.python_version()}"

    def able(self, world: World, system: System) -> Capabilities:
        assert self._relay is not None, "the cluster has not been brought up"
        reached = capabilities(world, self._nodes, system)
        return Capabilities(
            network=ShellNetwork(world, self._nodes, RelayBarrier(self._relay, self._probe_addresses)),
            processes=reached.processes,
            clocks=reached.clocks,
            membership=reached.membership,
            replacements=reached.replacements,
            disks=LocalDisks(world, self._nodes, system),
            resets=LocalResets(world, self._relay),
            packets=LocalPackets(world, self._nodes, self._relay, self._measuring_addresses),
        )

    async def up(self) -> None:
        check_processes()
        try:
            await self._up()
        except BaseException:
            await self.down()
            raise

    async def down(self) -> None:
        """What still runs for the run is found by its mark."""
        self._ports.close()
        self._nodes = ()
        relay, self._relay = self._relay, None
        folder, self._folder = self._folder, None
        if relay is not None:
            await relay.end()
        if folder is not None:
            await asyncio.to_thread(folders.remove, folder)

    def leave(self) -> None:
        """What is to be done where the cluster stays up."""
        self._ports.close()
        if self._relay is not None:
            self._relay.let_go()

    def shell_command(self, node: Node) -> str:
        return f"cd {shlex.quote(str(Path(node.layout.data).parent))} && $SHELL"

    async def _up(self) -> None:
        self._folder = folder = folders.claim(self._name, keep=self._keep)
        source = shipped_source()
        layouts = {name: self._layout(folder, name, source) for name in self._node_names}
        seats = {name: self._seat(name, layout) for name, layout in layouts.items()}
        begin = Begin(str(folder), seats, stay=self._keep)
        starting = asyncio.ensure_future(start_relay(begin, {**os.environ, RUN: str(folder)}))
        try:
            await asyncio.to_thread(_make_folders, list(layouts.values()), source)
        finally:
            self._relay, ports = await starting
        self._nodes = tuple(
            Node(
                name=name,
                host=HOST,
                port=layout.client_port,
                peer_address=f"{HOST}:{ports[name]}",
                control=LocalControl(name, layout.environment),
                layout=layout,
            )
            for name, layout in layouts.items()
        )

    def _seat(self, name: str, layout: Layout) -> Seat:
        return Seat(
            peer_port=layout.peer_port,
            pid_file=f"{layout.state}/{PID_FILE}",
            probe_address=self._probe_addresses[name],
            measuring_address=self._measuring_addresses[name],
        )

    def _layout(self, folder: Path, name: str, source: Path) -> Layout:
        return under(
            str(folder / name),
            tools=str(source / "bin"),
            python=sys.executable,
            faketime=str(faketime_path()),
            listen=HOST,
            client_port=self._ports.take(),
            peer_port=self._ports.take(),
            environment={RUN: str(folder), NODE: name},
        )


def check_processes() -> None:
    """Raises CannotRun where processes cannot be told and hit as faults need it."""
    if platform.system() != "Linux" or not Path("/proc/self/environ").exists():
        raise CannotRun("Nodes as local processes need Linux, with /proc: give --cluster docker.")
    faketime_path()


def _make_folders(layouts: Sequence[Layout], source: Path) -> None:
    """The node's code is not copied but linked to, and compiled once: five servers that start at the same time would
    each do it for themselves."""
    compileall.compile_dir(source, quiet=2)
    for layout in layouts:
        for folder in layout.folders:
            Path(folder).mkdir(parents=True)
        (Path(layout.code) / source.name).symlink_to(source)
