"""What this machine has and lacks for runs on Docker, and with local processes: one row for each thing, with a hint
where it is missing.

Everything is tried, not guessed: a port is bound, a process gets another clock, a network is made and removed, a packet
filter rule is put into a container. Nothing is built or downloaded.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import docker
import docker.errors
import msgspec
from msgspec.structs import replace

from harness.cluster.cleanup import leftovers
from harness.cluster.docker import privileges
from harness.cluster.engine import OWNER_LABEL, RUN_LABEL, connect, reason, told
from harness.cluster.fuse import DEVICE, MISSING, is_missing
from harness.cluster.layout import IMAGE
from harness.cluster.local import folders
from harness.cluster.local.cluster import check_processes
from harness.cluster.over_ssh.firewall import Chains, queueing
from harness.cluster.owner import owner
from harness.errors import CannotRun, RaftstormError
from harness.faketime import faketime_library, faketime_path
from harness.image import default_tag
from harness.image.base import BOOTSTRAPPED, PREFERRED, present
from harness.image.bootstrap import check_machine
from harness.on_nodes.archive import archive
from harness.on_nodes.packets.nfqueue import NUMBER

PORTS: Final = 10
"""A cluster of five publishes two ports a node."""
_GB: Final = 1 << 30
_ENGINE_DISK_GB: Final = 2.0
_RESULTS_DISK_GB: Final = 0.5
_MEMORY_GB: Final = 1.0
_CPUS: Final = 2
_CLOCK_S: Final = 10.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a run needs. `hint`: what to do about it, empty where there is nothing to do. `place`: the kind of
    cluster that needs it; empty: all do."""

    item: str
    ok: bool
    found: str
    hint: str = ""
    place: str = ""


def examine(*, results: Path = Path("results/runs")) -> list[Row]:
    """All rows, in the order in which one would put things right. Raises nothing: what cannot be told is a row."""
    return [replace(row, hint="") if row.ok else row for row in _rows(results)]


def can_run(rows: Sequence[Row]) -> bool:
    """Whether `raftstorm run` can do its work somewhere: all that every place needs, and all that one of them does."""
    lacking = {row.place for row in rows if not row.ok}
    return "" not in lacking and not {"docker", "local"} <= lacking


def _rows(results: Path) -> list[Row]:
    rows = [_python(), _system(), _faketime(), _ports(), _results_folder(results), _disk("disk for results", results)]
    rows += [replace(row, place="local") for row in (_processes(), _local_leftovers())]
    try:
        client = connect()
    except CannotRun as error:
        hint = "install Docker Engine, start it, and let this user use it (group docker); without it nodes are local"
        return [*rows, Row(item="Docker engine", ok=False, found=str(error), hint=hint, place="docker")]
    with closing(client):
        return [*rows, *(replace(row, place="docker") for row in _on_engine(client))]


def _on_engine(client: docker.DockerClient) -> Iterator[Row]:
    checks: list[tuple[str, Callable[[docker.DockerClient], Row]]] = [
        ("Docker engine", _engine),
        ("disk for the engine", _engine_disk),
        ("node image", _image),
        ("container network", _network),
        ("packet filter", _packet_filter),
        ("packet queue", _packet_queue),
        ("disks that can fail", _frail_disks),
        ("leftovers", _leftovers),
    ]
    for item, check in checks:
        try:
            yield check(client)
        except (RaftstormError, docker.errors.DockerException) as error:
            yield Row(item=item, ok=False, found=str(error), hint="see what the engine says: `docker info`")


def _python() -> Row:
    version = platform.python_version()
    return Row(item="Python", ok=sys.version_info >= (3, 11), found=version, hint="raftstorm needs Python 3.11")


def _system() -> Row:
    return Row(
        item="operating system",
        ok=platform.system() in ("Linux", "Darwin"),
        found=f"{platform.system()} {platform.release()} {platform.machine()}",
        hint="nodes run on Linux, in containers or as processes",
    )


def _faketime() -> Row:
    try:
        found = f"{len(faketime_library()) >> 10} KiB"
    except CannotRun as error:
        return Row(item="libfaketime", ok=False, found="not installed", hint=str(error))
    return Row(item="libfaketime", ok=True, found=found)


def _ports() -> Row:
    item, hint = "free ports on 127.0.0.1", "too many connections are open on this machine, or loopback is down"
    try:
        with ExitStack() as stack:
            for _ in range(PORTS):
                stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    except OSError as error:
        return Row(item=item, ok=False, found=str(error), hint=hint)
    return Row(item=item, ok=True, found=f"{PORTS} of {PORTS} tried")


def _processes() -> Row:
    """A process whose wall clock is an hour ahead, and whose monotonic clock is not."""
    item, hint = (
        "local processes",
        "nodes as local processes need Linux with /proc, and libfaketime: give --cluster docker",
    )
    clocks = "import time; print(time.time(), time.monotonic())"
    try:
        check_processes()
        variables = {"LD_PRELOAD": str(faketime_path()), "FAKETIME": "+3600", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        told = subprocess.run(
            [sys.executable, "-S", "-E", "-c", clocks],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=_CLOCK_S,
            check=True,
        )
        wall, monotonic = (float(word) for word in told.stdout.split())
    except (RaftstormError, OSError, ValueError, subprocess.SubprocessError) as error:
        return Row(item=item, ok=False, found=str(error), hint=hint)
    ahead, apart = wall - time.time(), monotonic - time.monotonic()
    found = f"a process's clock was set ahead by {ahead:.0f} s, its monotonic clock by {abs(apart):.0f} s"
    return Row(item=item, ok=abs(ahead - 3600) < _CLOCK_S and abs(apart) < _CLOCK_S, found=found, hint=hint)


def _local_leftovers() -> Row:
    return _left("local leftovers", [folder.name for folder in folders.abandoned()])


def _results_folder(folder: Path) -> Row:
    there = _nearest(folder)
    return Row(
        item="results folder",
        ok=there.is_dir() and os.access(there, os.W_OK | os.X_OK),
        found=str(folder.absolute()),
        hint=f"{there} cannot be written: start from another folder, or give --results",
    )


def _disk(item: str, folder: Path, least_gb: float = _RESULTS_DISK_GB) -> Row:
    free_gb = shutil.disk_usage(_nearest(folder)).free / _GB
    return Row(item=item, ok=free_gb >= least_gb, found=f"{free_gb:.1f} GB free", hint=f"make room for {least_gb} GB")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(above for above in (folder.absolute(), *folder.absolute().parents) if above.exists())


def _engine(client: docker.DockerClient) -> Row:
    with told("tell about itself"):
        facts: dict[str, Any] = client.info()
    cpus, memory_gb = facts["NCPU"], facts["MemTotal"] / _GB
    return Row(
        item="Docker engine",
        ok=cpus >= _CPUS and memory_gb >= _MEMORY_GB and facts["OSType"] == "linux",
        found=f"{facts['ServerVersion']}, {facts['OSType']} {facts['KernelVersion']}, {cpus} CPUs, {memory_gb:.0f} GB",
        hint=f"five nodes want {_CPUS} CPUs, {_MEMORY_GB:g} GB and Linux containers",
    )


def _engine_disk(client: docker.DockerClient) -> Row:
    """Known only where the engine's folder is this machine's."""
    with told("tell about itself"):
        folder = Path(client.info()["DockerRootDir"])
    with suppress(OSError):
        return _disk("disk for the engine", folder, _ENGINE_DISK_GB)
    return Row(item="disk for the engine", ok=True, found=f"{folder} is not on this machine or cannot be seen")


def _image(client: docker.DockerClient) -> Row:
    tag = default_tag()
    if present(client, tag):
        return Row(item="node image", ok=True, found=tag)
    way = _way_to_base(client)
    return Row(
        item="node image",
        ok=way is not None,
        found=f"not built yet; the next run builds it, {way}" if way else "not built yet, and nothing to build it on",
        hint=f"`docker pull {PREFERRED}` where a registry answers, or `raftstorm image build` as root (debootstrap)",
    )


def _way_to_base(client: docker.DockerClient) -> str | None:
    for name in (PREFERRED, BOOTSTRAPPED):
        if present(client, name):
            return f"on {name}"
    with suppress(docker.errors.DockerException):
        client.images.get_registry_data(PREFERRED)
        return f"on {PREFERRED} from its registry"
    with suppress(CannotRun):
        check_machine()
        return "on a Debian bootstrapped from its packages, since no registry answers"
    return None


def _network(client: docker.DockerClient) -> Row:
    name = f"raftstorm-doctor-{uuid4().hex[:8]}"
    with told("make a network"):
        network = client.networks.create(name, driver="bridge", labels=_labels(name))
        network.remove()
    return Row(item="container network", ok=True, found="made one and removed it")


def _packet_filter(client: docker.DockerClient) -> Row:
    return _tried(
        client,
        Row(
            item="packet filter",
            ok=True,
            found="iptables works inside containers",
            hint="partitions need the kernel's nf_tables or ip_tables: `modprobe nf_tables` on the engine's machine",
        ),
        "iptables -A INPUT -s 192.0.2.1 -j DROP && iptables -C INPUT -s 192.0.2.1 -j DROP",
        privileges(client, mounting=False),
    )


def _packet_queue(client: docker.DockerClient) -> Row:
    """By the agent that packets faults put on nodes: it holds a queue, and a rule fills it."""
    row = Row(
        item="packet queue",
        ok=True,
        found="NFQUEUE works inside containers",
        hint="packets faults need the engine's kernel to have nfnetlink_queue and xt_NFQUEUE; all others do not",
    )
    given = json.dumps({"path": "/run/queue.sock", "ways": {"192.0.2.1": {"loss": 1.0}}})
    install = f"echo {b64encode(archive('packets')).decode()} | base64 -d > /run/packets.pyz"
    begin = f"python3 -S -E /run/packets.pyz hinder '{given}' > /dev/null"
    fill = queueing(Chains().of("doctor"), ["192.0.2.1"], NUMBER)
    tried = _tried(client, row, f"{install} && {begin} && {fill}", privileges(client, mounting=False))
    return replace(tried, found=f"{row.found}; {_netem(client)}") if tried == row else tried


def _netem(client: docker.DockerClient) -> str:
    """Whether the kernel has it, in words. Nothing here needs it."""
    netem = Row(item="netem", ok=True, found="netem is there too, and not used")
    tried = _tried(client, netem, "tc qdisc add dev lo root netem delay 1ms", privileges(client, mounting=False))
    return tried.found if tried.ok else "netem, which is not used, is not there"


def _frail_disks(client: docker.DockerClient) -> Row:
    row = Row(
        item="disks that can fail",
        ok=True,
        found=f"{DEVICE} works inside containers",
        hint=f"power and disk faults need {DEVICE} on the engine's machine (`modprobe fuse`); all others do not",
    )
    if is_missing():
        return replace(row, ok=False, found=MISSING)
    disk = f"python3 -m node_image.disk --store /mnt --mount {IMAGE.data} --control {IMAGE.state}/disk.sock"
    said = f"{IMAGE.logs}/disk.log"
    return _tried(
        client,
        row,
        f"cd {IMAGE.code} && {{ {disk} > {said} 2>&1 & node-disk wait probe; }} || {{ tail -n 1 {said} >&2; exit 1; }}",
        privileges(client, mounting=True),
    )


def _tried(client: docker.DockerClient, row: Row, command: str, options: dict[str, Any]) -> Row:
    """The row as it is, if the command works in a container of the node image with these options."""
    tag = default_tag()
    if not present(client, tag):
        return replace(row, found="not tried: there is no node image yet")
    try:
        client.containers.run(
            tag, ["sh", "-c", command], remove=True, labels=_labels("raftstorm-doctor"), stderr=True, **options
        )
    except docker.errors.ContainerError as error:
        said = error.stderr.decode(errors="replace").strip() if isinstance(error.stderr, bytes) else str(error)
        return replace(row, ok=False, found=said)
    except docker.errors.APIError as error:
        return replace(row, ok=False, found=reason(error))
    return row


def _leftovers(client: docker.DockerClient) -> Row:
    return _left("leftovers", leftovers(client))


def _left(item: str, names: Sequence[str]) -> Row:
    """They are in nobody's way, so they are not counted as something that is missing."""
    found = f"of {', '.join(names)}: `raftstorm clean` removes them" if names else "none"
    return Row(item=item, ok=True, found=found)


def _labels(name: str) -> dict[str, str]:
    return {RUN_LABEL: name, OWNER_LABEL: owner()}
