"""Runs' clusters on hosts: up and down with nothing left, whose a host is, what is refused, and what is not touched."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from harness.cluster import Hindrance, Link, owner
from harness.cluster.hosts import cleanup
from harness.cluster.hosts.cleanup import clean_hosts
from harness.cluster.hosts.cluster import HostsCluster
from harness.cluster.hosts.inventory import read_inventory
from harness.control.keys import generate, public_text
from harness.errors import CannotRun, ControlError
from harness.systems.raft import SYSTEM
from harness.world.real import RealWorld
from tests.hosts import PLAIN, ROOT, SUDOER, Hosts, hosts

pytestmark = pytest.mark.docker
NETWORK = {"network", "processes"}


@pytest.fixture(scope="module")
def machines(node_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(["h1", "h2"], node_image, tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex[:8]}"


@asynccontextmanager
async def up(path: str, name: str, **options: object) -> AsyncIterator[HostsCluster]:
    cluster = HostsCluster(name, read_inventory(path), demands=SYSTEM.demands(), **options)  # type: ignore[arg-type]
    await cluster.up()
    try:
        yield cluster
    finally:
        await cluster.down()


async def start(cluster: HostsCluster) -> RealWorld:
    await SYSTEM.install(cluster.nodes, {})
    await asyncio.gather(*(SYSTEM.start(node) for node in cluster.nodes))
    return RealWorld(1)


@pytest.mark.parametrize(
    ("user", "needs", "base"),
    [
        (ROOT, NETWORK, "/var/lib/raftstorm"),
        (SUDOER, NETWORK, "/var/lib/raftstorm"),
        (PLAIN, {"processes"}, "/home/plain/.raftstorm"),
    ],
)
def test_up_and_down_leaves_nothing(machines: Hosts, name: str, user: str, needs: set[str], base: str) -> None:
    async def main() -> None:
        async with up(machines.inventory(user=user), name, needs=needs) as cluster:
            world = await start(cluster)
            able = cluster.able(world, SYSTEM)
            assert (able.network is not None) == ("network" in needs)
            assert able.processes is not None
            assert able.clocks is not None
            assert (able.packets, able.disks, able.power) == (None, None, None)
            first = cluster.nodes[0]
            assert first.layout.data.startswith(f"{base}/{name}-")
            assert cluster.shell_command(first).endswith(f"{user}@127.0.0.1")
            status = await SYSTEM.status(world, first, timeout_s=10.0)
            assert status is not None
            assert status.id == "h1"
            shifted = await able.clocks.shift("f1", {"h1": 60.0})
            assert shifted.effective, shifted.trouble
            killed = await able.processes.kill(["h1", "h2"])
            assert killed.effective, killed.trouble
            assert (await able.processes.restart(["h1"])).effective

    before = machines.states()
    asyncio.run(main())
    assert machines.changes(before) == []


def test_partitions_take_chains_of_the_run_and_nothing_else(machines: Hosts, name: str) -> None:
    """Somebody's own rules stay, even where they look like ours; the control line and clients are not cut."""
    machine = machines.machines[0]
    machine.run("iptables -N raftstorm-f1; iptables -A INPUT -s 192.0.2.1 -j DROP; iptables -A INPUT -j raftstorm-f1")
    before = machines.states()

    async def main() -> None:
        async with up(machines.inventory(), name, needs=NETWORK) as cluster:
            world = await start(cluster)
            network = cluster.able(world, SYSTEM).network
            assert network is not None
            fault = "a-fault-of-a-long-name-given-by-a-person"
            cut = await network.cut(fault, [Link("h2", "h1"), Link("h1", "h2")])
            assert cut.effective, cut.trouble
            again = await network.cut("f1", [Link("h2", "h1")])
            assert again.effective, again.trouble
            assert await SYSTEM.status(world, cluster.nodes[0], timeout_s=10.0) is not None
            dial = (
                f"python3 -c 'import socket; socket.create_connection((\"{machines.machines[1].address}\", 8000), 5)'"
            )
            assert (await cluster.nodes[0].control.run(dial)).exit_code == 0, "what is not the nodes' own talk passes"
            assert not (await network.verify_healed()).effective
            for healed in (await network.heal(fault), await network.heal("f1"), await network.verify_healed()):
                assert healed.effective, healed.trouble
            await network.cut("f2", [Link("h2", "h1")])  # goes with the cluster

    asyncio.run(main())
    assert machines.changes(before) == []
    machine.run("iptables -D INPUT -j raftstorm-f1; iptables -D INPUT -s 192.0.2.1 -j DROP; iptables -X raftstorm-f1")


def test_a_host_takes_one_run_at_a_time(machines: Hosts, name: str) -> None:
    path = machines.inventory()

    async def main() -> None:
        async with up(path, name) as cluster:
            await start(cluster)
            refused = (
                rf"Host h1 \(127\.0\.0\.1\) is in use by the run {name} of \S+@\S+, since .*: wait for its end, or"
            )
            with pytest.raises(CannotRun, match=refused):
                async with up(path, f"{name}-2"):
                    pass
            assert await asyncio.to_thread(lambda: clean_hosts(read_inventory(path)).in_use) != []
            assert await SYSTEM.pid(cluster.nodes[1]) is not None, "the first one is not disturbed"

    asyncio.run(main())
    assert clean_hosts(read_inventory(path)) == cleanup.CleanedHosts()


@pytest.mark.parametrize("keep", [False, True])
def test_what_a_dead_harness_left(machines: Hosts, name: str, keep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run removes it, but for what is to be kept; `raftstorm clean` both."""
    path, before = machines.inventory(), machines.states()
    said: list[str] = []

    async def left(suffix: str) -> None:
        cluster = HostsCluster(name + suffix, read_inventory(path), demands=SYSTEM.demands(), keep=keep)
        await cluster.up()
        await start(cluster)
        await asyncio.gather(*(node.control.close() for node in cluster.nodes))  # type: ignore[attr-defined]

    async def next_run() -> None:
        async with up(path, f"{name}-2", say=said.append):
            pass

    asyncio.run(left(""))
    monkeypatch.setattr(owner, "alive", lambda owner: False)
    if keep:
        with pytest.raises(CannotRun, match=rf"is in use by the run {name} "):
            asyncio.run(next_run())
    else:
        asyncio.run(next_run())
        assert sorted(said)[0].startswith(f"removed what a run that was killed had left on h1: the run {name} of ")
        assert machines.changes(before) == []
        asyncio.run(left("-3"))
    assert [line.split(" the run ")[0] for line in sorted(clean_hosts(read_inventory(path)).removed)] == [
        "from h1",
        "from h2",
    ]
    assert machines.changes(before) == []


def test_another_host_key_is_refused(machines: Hosts, name: str) -> None:
    path = Path(machines.inventory(name="changed.toml"))
    path.write_text(path.read_text().replace(public_text(machines.machines[1].host_key), public_text(generate())))
    sentence = (
        r"Node h2 could not be controlled: 127\.0\.0\.1 port \d+ shows the host key ecdsa-\S+ SHA256:\S+, and known"
    )
    with pytest.raises(ControlError, match=sentence):
        asyncio.run(HostsCluster(name, read_inventory(str(path))).up())


def test_a_user_that_is_not_admitted(machines: Hosts, name: str) -> None:
    path = machines.inventory(user="stranger", name="stranger.toml")
    with pytest.raises(
        ControlError, match=r"Authentication failed: 127\.0\.0\.1 port \d+ does not admit our key for str"
    ):
        asyncio.run(HostsCluster(name, read_inventory(path)).up())


@pytest.mark.parametrize(
    ("before", "after", "options", "sentence"),
    [
        (
            "mv /usr/sbin/iptables /usr/sbin/iptables-restore /opt",
            "mv /opt/iptables /opt/iptables-restore /usr/sbin",
            {"needs": NETWORK},
            "Host h2 (127.0.0.1) cannot take a node: it lacks iptables, iptables-restore.",
        ),
        (
            "true",
            "true",
            {"demands": {"python3-lacking": "test $(hostname) = h1"}},
            "Host h2 (127.0.0.1) cannot take a node: it lacks python3-lacking.",
        ),
        (
            "setsid python3 -m http.server 7000 > /dev/null 2>&1 & until ss -ltn | grep -q :7000; do :; done",
            "pkill -f '[h]ttp.server'",
            {},
            "Host h2 (127.0.0.1) has something that listens on port 7000 already: end it, or give another",
        ),
    ],
)
def test_what_stands_in_the_way_is_told_and_nothing_is_left(
    machines: Hosts, name: str, before: str, after: str, options: dict[str, object], sentence: str
) -> None:
    machine, state = machines.machines[1], machines.states()
    machine.run(before)
    try:
        with pytest.raises(CannotRun) as caught:
            asyncio.run(HostsCluster(name, read_inventory(machines.inventory()), **options).up())  # type: ignore[arg-type]
        assert sentence in str(caught.value)
    finally:
        machine.run(after)
    assert machines.states() == state


def test_hosts_that_do_not_reach_each_other(machines: Hosts, name: str) -> None:
    path = Path(machines.inventory(name="apart.toml"))
    network, _, _ = machines.machines[1].address.rpartition(".")
    nobody = f"{network}.250"
    path.write_text(path.read_text().replace(machines.machines[1].address, nobody))
    before = machines.states()
    sentence = rf"Host h1 does not reach h2 at {re.escape(nobody)}:7000 \(\w+\): open that port between"
    with pytest.raises(CannotRun, match=sentence):
        asyncio.run(HostsCluster(name, read_inventory(str(path))).up())
    assert machines.changes(before) == []


def test_cancelled_on_the_way_up(machines: Hosts, name: str) -> None:
    before = machines.states()

    async def main() -> None:
        cluster = HostsCluster(name, read_inventory(machines.inventory()))
        task = asyncio.ensure_future(cluster.up())
        while not any(place.claim for place in cluster._places):
            await asyncio.wait([task], timeout=0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert machines.changes(before) == []


def test_packets_are_hindered_by_rules_and_an_agent_of_the_run(machines: Hosts, name: str) -> None:
    """Which are gone with it, whether the fault was lifted or not; somebody's own rules stay. A run's name may be long,
    though a socket's path may not."""
    machine = machines.machines[0]
    machine.run("iptables -t raw -N raftstorm-f1; iptables -t raw -A PREROUTING -s 192.0.2.1 -j DROP")
    before = machines.states()

    async def main() -> None:
        async with up(machines.inventory(), f"{name}-{'long' * 20}", needs={"packets", "processes"}) as cluster:
            world = await start(cluster)
            able = cluster.able(world, SYSTEM)
            assert able.network is None
            assert able.packets is not None
            there = [Link("h2", "h1")]
            slow = await able.packets.disturb("f1", there, Hindrance(delay_s=0.2))
            assert slow.effective, slow.trouble
            lossy = await able.packets.disturb("f2", [*there, Link("h1", "h2")], Hindrance(loss=1.0))
            assert lossy.effective, lossy.trouble
            assert await SYSTEM.status(world, cluster.nodes[0], timeout_s=10.0) is not None
            dial = (
                f"python3 -c 'import socket; socket.create_connection((\"{machines.machines[1].address}\", 8000), 5)'"
            )
            assert (await cluster.nodes[0].control.run(dial)).exit_code == 0, "what is not the nodes' own talk passes"
            for fault in ("f1", "f2"):
                found = await able.packets.verify_healed()
                assert f"-{fault}" in str(found.trouble)
                assert "raftstorm-f1" not in str(found.trouble)
                calm = await able.packets.calm(fault)
                assert calm.effective, calm.trouble
            healed = await able.packets.verify_healed()
            assert healed.effective, healed.trouble
            assert (await able.packets.disturb("f3", there, Hindrance(loss=0.5))).effective

    asyncio.run(main())
    assert machines.changes(before) == []
    machine.run("iptables -t raw -D PREROUTING -s 192.0.2.1 -j DROP; iptables -t raw -X raftstorm-f1")


@contextmanager
def ssh_agent(folder: Path) -> Iterator[str]:
    """An agent of this test's own; its socket."""
    address = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL) as agent:
        try:
            deadline = time.monotonic() + 30
            while not address.exists():
                assert agent.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield str(address)
        finally:
            agent.terminate()


@pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="there is no ssh-agent here")
def test_keys_of_an_agent(machines: Hosts, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = machines.inventory(name="agent.toml", key=None)

    async def main() -> None:
        async with up(path, name) as cluster:
            world = await start(cluster)
            for node in cluster.nodes:
                status = await SYSTEM.status(world, node, timeout_s=10)
                assert status is not None
                assert status.id == node.name

    before = machines.states()
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(CannotRun, match="there is no SSH agent that holds one"):
        asyncio.run(main())
    with ssh_agent(tmp_path) as address:
        monkeypatch.setenv("SSH_AUTH_SOCK", address)
        with pytest.raises(CannotRun, match="there is no SSH agent that holds one"):
            asyncio.run(main())
        key = machines.key_path
        key.chmod(0o600)
        subprocess.run(["ssh-add", "-q", key], check=True)
        asyncio.run(main())
    assert machines.changes(before) == []
