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
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import docker
import docker.errors
import paramiko
from docker.types import Mount

from harness.cluster import Node
from harness.cluster.cleanup import remove_run
from harness.cluster.engine import KEEP_LABEL, NODE_LABEL, OWNER_LABEL, RUN_LABEL, connect, told
from harness.cluster.owner import owner
from harness.cluster.ports import CLIENT_PORT, PEER_PORT, SSH_PORT
from harness.control.keys import generate, private_text, public_text
from harness.control.ssh import Endpoint, SshControl
from harness.errors import CannotRun
from harness.image import require

DATA: Final = "/var/lib/raftstorm"

CAPABILITIES: Final = ("NET_ADMIN", "SETUID", "SETGID", "SYS_CHROOT")
"""Packet filters, and what sshd needs to separate its privileges. Killing and stopping needs none: everything runs as
root in there. The clock cannot be set (no SYS_TIME)."""

_READY_S: Final = 20.0


class DockerCluster:
    """A `Cluster`. `keep`: it is to outlive the run, so the next run does not take it for a leftover."""

    def __init__(self, name: str, node_names: Sequence[str], *, image: str, keep: bool = False) -> None:
        self._name = name
        self._node_names = tuple(node_names)
        self._image = image
        self._labels = {RUN_LABEL: name, OWNER_LABEL: owner()} | ({KEEP_LABEL: "true"} if keep else {})
        self._client: docker.DockerClient | None = None
        self._nodes: tuple[Node, ...] = ()
        self._controls: list[SshControl] = []
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
        await asyncio.gather(*(control.close() for control in self._controls))
        self._controls, self._nodes = [], ()
        if self._made:
            assert self._client is not None
            await asyncio.to_thread(remove_run, self._client, self._name)
            self._made = False

    def shell_command(self, node: Node) -> str:
        return f"docker exec -it {self._container(node.name)} bash"

    async def _up(self) -> None:
        self._client = client = await asyncio.to_thread(connect)
        await asyncio.to_thread(require, self._image, client)
        network = await asyncio.to_thread(self._make_network, client)
        client_key = await asyncio.to_thread(generate)
        with ThreadPoolExecutor(len(self._node_names)) as threads:
            # Leaving the block waits for the threads: a cancelled `up` must know all that it has made.
            made = [
                asyncio.get_running_loop().run_in_executor(
                    threads, self._make_node, client, network, name, generate(), client_key
                )
                for name in self._node_names
            ]
            self._nodes = tuple(await asyncio.gather(*made))
        await asyncio.gather(*(control.connect(timeout_s=_READY_S) for control in self._controls))

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
        host_key: paramiko.PKey,
        client_key: paramiko.PKey,
    ) -> Node:
        labels = self._labels | {NODE_LABEL: name}
        with told(f"start the container of node {name}"):
            container = client.api.create_container(
                self._image,
                name=self._container(name),
                hostname=name,
                labels=labels,
                environment={
                    "RAFTSTORM_HOST_KEY": private_text(host_key),
                    "RAFTSTORM_CLIENT_KEY": public_text(client_key),
                },
                ports=[SSH_PORT, CLIENT_PORT],
                host_config=self._host_config(client, labels),
                networking_config={"EndpointsConfig": {network: {"Aliases": [name]}}},
            )
            client.api.start(container["Id"])
            facts = client.api.inspect_container(container["Id"])
        return self._node(name, network, facts, host_key, client_key)

    def _host_config(self, client: docker.DockerClient, labels: dict[str, str]) -> dict[str, Any]:
        """The data lives on an anonymous volume: it goes with the container, and syncing it does not go through the
        storage driver of images."""
        config: dict[str, Any] = client.api.create_host_config(
            init=True,
            cap_drop=["ALL"],
            cap_add=list(CAPABILITIES),
            security_opt=["no-new-privileges:true"],
            port_bindings=dict.fromkeys((SSH_PORT, CLIENT_PORT), ("127.0.0.1", None)),
            mounts=[Mount(target=DATA, source=None, type="volume", labels=labels)],
        )
        return config

    def _node(
        self, name: str, network: str, facts: dict[str, Any], host_key: paramiko.PKey, client_key: paramiko.PKey
    ) -> Node:
        ports = facts["NetworkSettings"]["Ports"]
        address = facts["NetworkSettings"]["Networks"][network]["IPAddress"]
        if not address or not ports.get(f"{SSH_PORT}/tcp") or not ports.get(f"{CLIENT_PORT}/tcp"):
            raise CannotRun(f"The container of node {name} ended as soon as it began: {self._last_words(facts['Id'])}.")
        control = SshControl(Endpoint(name, "127.0.0.1", _port(ports, SSH_PORT), host_key, client_key))
        self._controls.append(control)
        return Node(
            name=name,
            host="127.0.0.1",
            port=_port(ports, CLIENT_PORT),
            peer_address=f"{address}:{PEER_PORT}",
            control=control,
        )

    def _last_words(self, container: str) -> str:
        assert self._client is not None
        with suppress(docker.errors.DockerException):
            said: bytes = self._client.api.logs(container, tail=3)
            return said.decode(errors="replace").strip() or "it said nothing"
        return "its log cannot be read"

    def _container(self, part: str) -> str:
        """Docker takes fewer letters in names than folders do."""
        return f"raftstorm-{re.sub(r'[^a-zA-Z0-9_.-]', '-', self._name)}-{part}"


def _port(ports: dict[str, Any], port: int) -> int:
    return int(ports[f"{port}/tcp"][0]["HostPort"])
