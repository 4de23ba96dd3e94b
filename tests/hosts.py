"""Hosts for runs over SSH: containers that are taken for somebody's machines. They have an SSH daemon and what a node
needs, nothing of raftstorm's, and are reached through an inventory alone.

Three users log in with one key: root; `storm`, who may use sudo; and `plain`, who may not.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import docker.errors
import paramiko
from docker.types import Mount

from harness.cluster.engine import OWNER_LABEL, RUN_LABEL, connect
from harness.cluster.owner import owner
from harness.control.keys import generate, private_text, public_text

_DISKS = ("/var/lib/raftstorm", "/home")
_LOOKED_AT = ("/root", "/tmp", "/run", "/dev/shm", *_DISKS)

ROOT, SUDOER, PLAIN = "root", "storm", "plain"

DOCKERFILE = """\
FROM {base}
RUN export DEBIAN_FRONTEND=noninteractive \\
 && apt-get -qq update \\
 && apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends sudo > /dev/null \\
 && rm -rf /var/lib/apt/lists/* /usr/local/bin/* /usr/local/lib/raftstorm /run/raftstorm \\
 && rm -rf /opt/raftstorm /var/lib/raftstorm /etc/raftstorm /var/log/raftstorm \\
 && useradd --create-home --password "*" --shell /bin/bash storm \\
 && useradd --create-home --password "*" --shell /bin/sh plain \\
 && echo 'storm ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/storm
CMD ["/bin/sh", "-c", "{boot}"]
"""

BOOT = """\
umask 077; printf '%s' "$HOST_KEY" > /etc/ssh/key; printf '%s\\n' "$CLIENT_KEY" > /etc/ssh/admitted; \
chmod 644 /etc/ssh/admitted; umask 022; mkdir -p /run/sshd; \
printf '%s\\n' 'HostKey /etc/ssh/key' 'AuthorizedKeysFile /etc/ssh/admitted' 'StrictModes no' 'UsePAM no' \
'MaxSessions 100' 'MaxStartups 100' 'Subsystem sftp internal-sftp' > /etc/ssh/sshd_config; \
unset HOST_KEY CLIENT_KEY; /usr/sbin/sshd; exec sleep infinity"""


@dataclass
class Machine:
    """One host. What is done to it here goes through the engine, not through SSH."""

    name: str
    container: Any
    host_key: paramiko.PKey
    address: str
    ssh_port: int
    client_port: int

    def run(self, command: str) -> str:
        """What it printed. By the engine's own client: docker-py reads past its buffer, and so loses what comes in one
        piece with the answer's header (its issues 425 and 3332)."""
        words = ["docker", "exec", str(self.container.id), "sh", "-c", command]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def entry(self, **others: Any) -> str:
        """Its table in an inventory."""
        values = {
            "name": self.name,
            "address": "127.0.0.1",
            "port": self.ssh_port,
            "host-key": public_text(self.host_key),
            "peer-address": self.address,
            "client-address": f"127.0.0.1:{self.client_port}",
            **others,
        }
        lines = [f"{name} = {value!r}" for name, value in values.items() if value is not None]
        return "\n".join(["[[host]]", *lines, ""])

    def state(self) -> dict[str, Any]:
        """All that a run could leave there: changed files, packet filter rules, processes (but dead ones, which the
        container's init is about to bury, and those of sshd, which end a little after their sessions). Programs that
        would sort them out there would be among them."""
        processes = [line.split(maxsplit=2) for line in self.run("exec ps -eo stat=,user=,args=").splitlines()]
        files = self.run(f"find / -xdev -maxdepth 3; find {' '.join(_LOOKED_AT)}").splitlines()
        return {
            "files": sorted({path for path in files if "/sudo" not in path}),
            "rules": self.run("iptables -S && iptables -t raw -S").splitlines(),
            "processes": sorted(
                f"{user} {words}"
                for state, user, words in processes
                if not state.startswith("Z") and not words.startswith(("ps -eo", "sshd:", "[sshd]"))
            ),
        }


@dataclass
class Hosts:
    folder: Path
    machines: list[Machine]
    client_key: paramiko.PKey
    key_path: Path = field(init=False)

    def __post_init__(self) -> None:
        self.key_path = self.folder / "id"
        self.key_path.write_text(private_text(self.client_key))

    def inventory(self, *, user: str = ROOT, name: str = "hosts.toml", **shared: Any) -> str:
        """A file with all of them; its path. `shared`: what stands before the first host."""
        values = {"user": user, "key": str(self.key_path), "become": "sudo" if user == SUDOER else "none", **shared}
        lines = [f"{key.replace('_', '-')} = {value!r}" for key, value in values.items() if value is not None]
        path = self.folder / name
        path.write_text("\n".join([*lines, "", *(machine.entry() for machine in self.machines)]))
        return str(path)

    def states(self) -> list[dict[str, Any]]:
        return [machine.state() for machine in self.machines]

    def changes(self, before: Sequence[Mapping[str, Any]]) -> list[str]:
        """What is there now and was not then, or the other way, in words."""
        return [
            f"{machine.name}: {change} {thing}"
            for machine, then, now in zip(self.machines, before, self.states(), strict=True)
            for what in then
            for change, things, others in (("new", now[what], then[what]), ("gone", then[what], now[what]))
            for thing in things
            if thing not in others
        ]


@contextmanager
def hosts(names: Sequence[str], base: str, folder: Path) -> Iterator[Hosts]:
    """`base`: the node image, which has what a node needs. Their run's name is their own."""
    run, client_key = f"test-hosts-{uuid4().hex[:8]}", generate()
    labels = {RUN_LABEL: run, OWNER_LABEL: owner()}
    with closing(connect()) as client:
        image = _image(client, base)
        network = client.networks.create(f"raftstorm-{run}", labels=labels)
        made: list[Machine] = []
        try:
            made.extend(_machine(client, image, network.name, labels, name, client_key) for name in names)
            yield Hosts(folder, made, client_key)
        finally:
            for machine in made:
                machine.container.remove(force=True, v=True)
            network.remove()


def _machine(
    client: docker.DockerClient, image: str, network: str, labels: dict[str, str], name: str, client_key: paramiko.PKey
) -> Machine:
    host_key = generate()
    container = client.containers.run(
        image,
        name=f"{network}-{name}",
        hostname=name,
        labels=labels,
        environment={"HOST_KEY": private_text(host_key), "CLIENT_KEY": public_text(client_key)},
        ports={"22/tcp": ("127.0.0.1", None), "8000/tcp": ("127.0.0.1", None)},
        cap_add=["NET_ADMIN"],
        network=network,
        # A disk like a machine's: some storage drivers of images make reading a file a thousand times dearer.
        mounts=[Mount(target=target, source=None, type="volume", labels=labels) for target in _DISKS],
        init=True,
        detach=True,
    )
    container.reload()
    facts = container.attrs["NetworkSettings"]
    return Machine(
        name=name,
        container=container,
        host_key=host_key,
        address=facts["Networks"][network]["IPAddress"],
        ssh_port=int(facts["Ports"]["22/tcp"][0]["HostPort"]),
        client_port=int(facts["Ports"]["8000/tcp"][0]["HostPort"]),
    )


def _image(client: docker.DockerClient, base: str) -> str:
    dockerfile = DOCKERFILE.format(base=base, boot=BOOT.replace("\\", "\\\\").replace('"', '\\"'))
    tag = f"raftstorm/test-host:{sha256(dockerfile.encode()).hexdigest()[:12]}"
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag, rm=True, forcerm=True)
    return tag
