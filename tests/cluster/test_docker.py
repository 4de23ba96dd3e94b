"""Clusters in containers: up, down, and nothing left; whose they are; and what is said where they cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import docker
import pytest

from harness.cluster import Node, cleanup
from harness.cluster.cleanup import Cleaned, clean_crashed
from harness.cluster.docker import DockerCluster
from harness.cluster.engine import RUN_LABEL, connect
from harness.errors import BadInput, CannotRun
from harness.image import require
from harness.systems.raft import SYSTEM
from harness.world.real import RealWorld

docker_test = pytest.mark.docker


@pytest.fixture
def name() -> str:
    return f"test-{uuid4().hex[:8]}"


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    with closing(connect()) as client:
        yield client


def left(client: docker.DockerClient, name: str) -> tuple[int, int, int]:
    """How many containers, networks and volumes of this run there are."""
    filters = {"label": f"{RUN_LABEL}={name}"}
    return (
        len(client.api.containers(all=True, filters=filters)),
        len(client.api.networks(filters=filters)),
        len(client.api.volumes(filters=filters)["Volumes"] or []),
    )


async def kill(node: Node, pid: int | None) -> None:
    """A process that waits for the disk dies only after that, and `kill` does not wait for it."""
    dead = f"kill -KILL {pid}; until ! kill -0 {pid} 2>/dev/null; do sleep 0.01; done"
    assert await node.control.run(f"timeout 30 sh -c '{dead}'") == (0, "", "")


@docker_test
def test_up_and_down_leaves_nothing(name: str, node_image: str, client: docker.DockerClient) -> None:
    async def main() -> None:
        cluster = DockerCluster(name, ["n1", "n2"], image=node_image)
        await cluster.up()
        try:
            assert left(client, name) == (2, 1, 4)  # two volumes a node
            assert [node.name for node in cluster.nodes] == ["n1", "n2"]
            first, second = cluster.nodes
            assert (await first.control.run("hostname")).stdout == "n1\n"
            # By name and by address.
            dial = "python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], 22), 5)' "
            for host in ("n2", second.peer_address.rpartition(":")[0]):
                assert await first.control.run(dial + host) == (0, "", "")
            assert cluster.shell_command(first) == f"docker exec -it raftstorm-{name}-n1 bash"
        finally:
            await cluster.down()
        await cluster.down()
        assert left(client, name) == (0, 0, 0)

    asyncio.run(main())


@docker_test
def test_containers_have_few_privileges(name: str, node_image: str) -> None:
    async def main() -> None:
        cluster = DockerCluster(name, ["n1"], image=node_image)
        try:
            await cluster.up()
            [node] = cluster.nodes
            for forbidden in ("date -s @0", "mount -t tmpfs none /mnt", "mknod /tmp/disk b 8 0", "chown 1:1 /root"):
                assert (await node.control.run(forbidden)).exit_code != 0, forbidden
        finally:
            await cluster.down()

    asyncio.run(main())


@docker_test
def test_two_clusters_at_once_and_one_name_once(name: str, node_image: str, client: docker.DockerClient) -> None:
    async def main() -> None:
        first, second = (DockerCluster(name + suffix, ["n1"], image=node_image) for suffix in ("-a", "-b"))
        try:
            await asyncio.gather(first.up(), second.up())
            with pytest.raises(CannotRun, match=r"There is a cluster of a run named .* already"):
                await DockerCluster(name + "-a", ["n1"], image=node_image).up()
            await second.down()
            assert (await first.nodes[0].control.run("echo still here")).stdout == "still here\n"
        finally:
            await asyncio.gather(first.down(), second.down())

    asyncio.run(main())
    assert left(client, name + "-a") == left(client, name + "-b") == (0, 0, 0)


@docker_test
def test_the_node_runs_is_killed_and_comes_back(name: str, node_image: str) -> None:
    async def main() -> None:
        world = RealWorld(1)
        cluster = DockerCluster(name, ["n1"], image=node_image)
        try:
            await cluster.up()
            [node] = cluster.nodes
            await SYSTEM.install(cluster.nodes, {})
            assert await SYSTEM.pid(node) is None
            pid = await SYSTEM.start(node)
            assert await SYSTEM.start(node) == await SYSTEM.pid(node) == pid

            await node.control.run(f"kill -STOP {pid}")
            assert await SYSTEM.pid(node) == pid
            assert await SYSTEM.status(world, node, timeout_s=0.2) is None
            await node.control.run(f"kill -CONT {pid}")
            status = await SYSTEM.status(world, node, timeout_s=10.0)
            assert status is not None
            assert status.id == "n1"

            before = await node.control.read_file(SYSTEM.log_files(node)["node.log"])
            await kill(node, pid)
            assert await SYSTEM.pid(node) is None
            assert await SYSTEM.status(world, node, timeout_s=10.0) is None
            assert await SYSTEM.start(node) != pid
            after = await node.control.read_file(SYSTEM.log_files(node)["node.log"])
            assert after.startswith(before)
            assert len(after) > len(before)

            await kill(node, await SYSTEM.pid(node))
            await node.control.write_file("/etc/raftstorm/node.json", b"{")
            with pytest.raises(CannotRun, match=r"n1 ended as soon as it was started.*is not JSON"):
                await SYSTEM.start(node)
        finally:
            await cluster.down()

    asyncio.run(main())


@docker_test
def test_a_dead_harness_leaves_a_cluster_to_the_next_run(
    name: str, node_image: str, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other tests' clusters are there too, all of them alive: they stay."""

    def clean(chosen: cleanup.Chosen) -> Cleaned:
        return cleanup.remove(client, chosen, run=name)

    async def main() -> None:
        cluster = DockerCluster(name, ["n1"], image=node_image, keep=True)
        await cluster.up()
        assert not clean_crashed(client)
        assert name in cleanup._in_use(client)
        assert name not in cleanup.leftovers(client)

        monkeypatch.setattr(cleanup, "alive", lambda owner: False)
        assert name in cleanup.leftovers(client)
        assert not clean(cleanup._crashed), "a cluster that is to be kept is not taken by the next run"
        assert clean(cleanup._abandoned).containers == [f"raftstorm-{name}-n1"]
        assert left(client, name) == (0, 0, 0)
        await cluster.down()

    asyncio.run(main())


@docker_test
def test_an_image_that_is_not_there(name: str, client: docker.DockerClient) -> None:
    with pytest.raises(BadInput, match="no image nobody/nothing:1 here"):
        require("nobody/nothing:1")
    with pytest.raises(BadInput, match="no image nobody/nothing:1 here"):
        asyncio.run(DockerCluster(name, ["n1"], image="nobody/nothing:1").up())
    assert left(client, name) == (0, 0, 0)


@docker_test
def test_an_image_that_is_no_node(name: str, node_image: str, client: docker.DockerClient) -> None:
    """Whatever fails on the way up, what was made is taken away again."""
    tag = f"raftstorm/test:{name}"
    api = client.api
    container = api.create_container(node_image, command=["true"], labels={RUN_LABEL: name})
    api.commit(container["Id"], repository="raftstorm/test", tag=name, conf={"Cmd": ["sh", "-c", "echo no; exit 1"]})
    api.remove_container(container["Id"])
    try:
        with pytest.raises(CannotRun, match=r"node n1 ended as soon as it began: no\.|n1 could not be controlled"):
            asyncio.run(DockerCluster(name, ["n1"], image=tag).up())
        assert left(client, name) == (0, 0, 0)
    finally:
        client.images.remove(tag)


@docker_test
def test_cancelled_on_the_way_up(name: str, node_image: str, client: docker.DockerClient) -> None:
    async def main() -> None:
        cluster = DockerCluster(name, ["n1", "n2"], image=node_image)
        task = asyncio.ensure_future(cluster.up())
        while not await asyncio.to_thread(client.api.networks, filters={"label": f"{RUN_LABEL}={name}"}):
            pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert left(client, name) == (0, 0, 0)


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        (
            "unix:///nonexistent/docker.sock",
            r"answers at unix:///nonexistent/docker\.sock \(No such file or directory\)",
        ),
        ("tcp://127.0.0.1:1", r"No Docker engine answers at tcp://127\.0\.0\.1:1 \(Connection refused\)"),
        ("nonsense", r"No Docker engine answers at nonsense"),
    ],
)
def test_no_engine(host: str, sentence: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(CannotRun, match=sentence) as caught:
        asyncio.run(DockerCluster(name, ["n1"], image="any").up())
    assert len(str(caught.value).splitlines()) == 1
