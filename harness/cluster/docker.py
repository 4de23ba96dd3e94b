"""Nodes in Docker containers.

A cluster is a network and a container for each node, on this machine's engine. Containers run an SSH daemon under a
small init that reaps; the server under test is started over SSH. SSH and the client port are published on 127.0.0.1 at
ports that the kernel picks, so nothing depends on reaching containers directly (with Docker Desktop nothing can).

Everything is made and removed in parallel: each step costs the engine tenths of a second. Keys are fresh for each run
and handed in as environment variables, so a container is ready when its daemon is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

import docker
import docker.errors
import paramiko
from docker.types import Mount

from harness.cluster import Capabilities, Node
from harness.cluster.cleanup import remove_run
from harness.cluster.engine import KEEP_LABEL, NODE_LABEL, OWNER_LABEL, RUN_LABEL, connect, told
from harness.cluster.fuse import DEVICE
from harness.cluster.layout import CLIENT_PORT, IMAGE, PEER_PORT
from harness.cluster.limits import ContainerLimits
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.disks import wait_for_disk
from harness.cluster.owner import owner
from harness.cluster.together import all_of, to_the_end
from harness.control.keys import generate, private_text, public_text
from harness.control.ssh import Endpoint, SshControl
from harness.errors import CannotRun, ControlError
from harness.image import require
from harness.system import System
from harness.world import World

SSH_PORT: Final = 22
STORE: Final = "/var/lib/raftstorm-store"
"""Where the volume is, and what is durable, where a disk that can fail lies over the data folder."""

T = TypeVar("T")

CAPABILITIES: Final = ("NET_ADMIN", "NET_RAW", "SETUID", "SETGID", "SYS_CHROOT")
"""Packet filters, pings and copies of packets, and what sshd needs to separate its privileges. Killing and stopping
need none: everything runs as root in there. The clock cannot be set (no SYS_TIME)."""

MOUNTING: Final = "SYS_ADMIN"
"""What a file system in user space needs: given to nodes that are to have one, and to no others."""

_TRY_S: Final = 2.0
_TRIES: Final = 15
"""A daemon answers within half a second; on a machine that is very busy it may take many times that."""


class DockerCluster:
    """A `Cluster`. `keep`: it is to outlive the run, so the next run does not take it for a leftover. `frail_disks`:
    the nodes' data lie on disks that can lose power and fail (node_image/disk)."""

    def __init__(
        self,
        name: str,
        node_names: Sequence[str],
        *,
        image: str,
        keep: bool = False,
        frail_disks: bool = False,
    ) -> None:
        self._name = name
        self._node_names = tuple(node_names)
        self._image = image
        self._frail_disks = frail_disks
        self._labels = {RUN_LABEL: name, OWNER_LABEL: owner()} | ({KEEP_LABEL: "true"} if keep else {})
        self._client: docker.DockerClient | None = None
        self._nodes: tuple[Node, ...] = ()
        self._controls: dict[str, SshControl] = {}
        self._made = False

    @property
    def nodes(self) -> Sequence[Node]:
        return self._nodes

    @property
    def engine(self) -> str:
        """The engine's version, for the record. Known once the cluster is up."""
        assert self._client is not None, "the cluster has not been brought up"
        with told("tell its version"):
            return f"Docker {self._client.version()['Version']}"

    async def up(self) -> None:
        try:
            await self._up()
        except BaseException:
            await self.down()
            raise

    async def down(self) -> None:
        await asyncio.gather(*(control.close() for control in self._controls.values()))
        self._controls, self._nodes = {}, ()
        if self._client is not None:
            client, self._client = self._client, None
            await asyncio.to_thread(self._remove, client)

    def _remove(self, client: docker.DockerClient) -> None:
        with closing(client):
            if self._made:
                remove_run(client, self._name)
                self._made = False

    def leave(self) -> None:
        """Containers stay by themselves."""

    def able(self, world: World, system: System) -> Capabilities:
        reached = capabilities(world, self._nodes, system, frail_disks=self._frail_disks)
        assert reached.processes is not None
        return replace(reached, limits=ContainerLimits(world, self._nodes, system, reached.processes, self._update))

    async def _update(self, node: Node, **limits: Any) -> None:
        """Raises CannotRun."""
        await _in_thread(partial(self._limit, node, **limits))

    def _limit(self, node: Node, **limits: Any) -> None:
        assert self._client is not None, "the cluster has not been brought up"
        with told(f"limit node {node.name}"):
            self._client.api.update_container(self._container(node.name), **limits)

    def shell_command(self, node: Node) -> str:
        return f"docker exec -it {self._container(node.name)} bash"

    async def _up(self) -> None:
        self._client = client = await _in_thread(connect)
        await _in_thread(require, self._image, client)
        network = await _in_thread(self._make_network, client)
        client_key = generate()
        made = [_in_thread(self._make_node, client, network, name, client_key) for name in self._node_names]
        self._nodes = tuple(await all_of(made))
        await all_of([self._connect(client, node) for node in self._nodes])
        if self._frail_disks:
            await all_of([wait_for_disk(node) for node in self._nodes])

    async def _connect(self, client: docker.DockerClient, node: Node) -> None:
        """Until the node's daemon answers, or its container is no more."""
        control = self._controls[node.name]
        for last in (False,) * (_TRIES - 1) + (True,):
            try:
                await control.connect(timeout_s=_TRY_S)
                return
            except ControlError:
                await _in_thread(self._check_runs, client, node.name)
                if last:
                    raise

    def _check_runs(self, client: docker.DockerClient, name: str) -> None:
        with told(f"look at the container of node {name}"):
            facts = client.api.inspect_container(self._container(name))
        if not facts["State"]["Running"]:
            raise CannotRun(f"The container of node {name} ended as soon as it began: {_last_words(client, facts)}.")

    def _make_network(self, client: docker.DockerClient) -> str:
        """Its name. Making it first settles who owns the run's name: after this, all that carries it is ours."""
        name = self._container("net")
        try:
            with told(f"make the network {name}"):
                client.networks.create(name, driver="bridge", labels=self._labels, check_duplicate=True)
        except CannotRun as error:
            if isinstance(error.__cause__, docker.errors.APIError) and error.__cause__.status_code == 409:
                raise CannotRun(
                    f"There is a cluster of a run named {self._name!r} already: choose another --name, or remove that "
                    "one with `raftstorm clean`."
                ) from error
            raise
        self._made = True
        return name

    def _make_node(
        self,
        client: docker.DockerClient,
        network: str,
        name: str,
        client_key: paramiko.PKey,
    ) -> Node:
        labels, host_key = self._labels | {NODE_LABEL: name}, generate()
        with told(f"start the container of node {name}"):
            container = client.api.create_container(
                self._image,
                name=self._container(name),
                hostname=name,
                labels=labels,
                environment={
                    "RAFTSTORM_HOST_KEY": private_text(host_key),
                    "RAFTSTORM_CLIENT_KEY": public_text(client_key),
                    **({"RAFTSTORM_STORE": STORE} if self._frail_disks else {}),
                },
                ports=[SSH_PORT, CLIENT_PORT],
                host_config=self._host_config(client, labels),
                networking_config={"EndpointsConfig": {network: {"Aliases": [name]}}},
            )
            client.api.start(container["Id"])
            facts = client.api.inspect_container(container["Id"])
        return self._node(client, facts, name, host_key, client_key)

    def _host_config(self, client: docker.DockerClient, labels: dict[str, str]) -> dict[str, Any]:
        """Data and logs live on anonymous volumes: they go with the container, and writing and syncing them does not
        go through the storage driver of images. The clock's control file, which the server reads whenever it looks
        at the wall clock, lies in memory: some storage drivers make that a thousand times dearer."""
        data = STORE if self._frail_disks else IMAGE.data
        config: dict[str, Any] = client.api.create_host_config(
            init=True,
            port_bindings=dict.fromkeys((SSH_PORT, CLIENT_PORT), ("127.0.0.1", None)),
            mounts=[Mount(target=target, source=None, type="volume", labels=labels) for target in (data, IMAGE.logs)],
            tmpfs={IMAGE.state: "size=1m,mode=0755"},
            **privileges(client, mounting=self._frail_disks),
        )
        return config

    def _node(
        self,
        client: docker.DockerClient,
        facts: dict[str, Any],
        name: str,
        host_key: paramiko.PKey,
        client_key: paramiko.PKey,
    ) -> Node:
        ports = facts["NetworkSettings"]["Ports"]
        [network] = facts["NetworkSettings"]["Networks"].values()
        if not network["IPAddress"] or not ports:
            raise CannotRun(f"The container of node {name} ended as soon as it began: {_last_words(client, facts)}.")
        control = SshControl(Endpoint(name, "127.0.0.1", _port(ports, SSH_PORT), (host_key,), (client_key,)))
        self._controls[name] = control
        return Node(
            name=name,
            host="127.0.0.1",
            port=_port(ports, CLIENT_PORT),
            peer_address=f"{network['IPAddress']}:{PEER_PORT}",
            control=control,
        )

    def _container(self, part: str) -> str:
        """Docker takes fewer letters in names than folders do."""
        return f"raftstorm-{re.sub(r'[^a-zA-Z0-9_.-]', '-', self._name)}-{part}"


def privileges(client: docker.DockerClient, *, mounting: bool) -> dict[str, Any]:
    """What a node may do, as options of its container. `mounting`: also bring up file systems in user space."""
    security = ["no-new-privileges:true"]
    if mounting and any("name=apparmor" in option for option in client.info().get("SecurityOptions") or ()):
        security.append("apparmor=unconfined")  # Docker's own profile forbids every mount
    return {
        "cap_drop": ["ALL"],
        "cap_add": [*CAPABILITIES, *([MOUNTING] if mounting else [])],
        "devices": [f"{DEVICE}:{DEVICE}:rwm"] if mounting else [],
        "security_opt": security,
    }


def _port(ports: dict[str, Any], port: int) -> int:
    return int(ports[f"{port}/tcp"][0]["HostPort"])


def _last_words(client: docker.DockerClient, facts: dict[str, Any]) -> str:
    with suppress(docker.errors.DockerException):
        said: bytes = client.api.logs(facts["Id"], tail=3)
        return said.decode(errors="replace").strip() or "it said nothing"
    return "its log cannot be read"


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Waits for the work's end also when cancelled: what it makes must be there to be removed."""
    return await to_the_end(asyncio.get_running_loop().run_in_executor(None, work, *arguments))
