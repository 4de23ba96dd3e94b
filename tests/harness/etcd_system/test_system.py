"""Installing and looking at etcd: what it is told, and what its status says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.capabilities import lacking
from harness.cluster import Finished, Node
from harness.cluster.layout import under
from harness.errors import BadInput
from harness.experiment import build
from harness.system import Status
from harness.systems.etcd import SYSTEM
from harness.systems.etcd.system import configuration
from harness.world.virtual import VirtualWorld
from tests.harness.etcd_system.fake import SILENCE, Error, FakeEtcd, node


class FakeControl:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.commands: list[str] = []

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        self.commands.append(command)
        return Finished(0, "71\n", "")

    async def read_file(self, path: str) -> bytes:
        raise NotImplementedError

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        self.files[path] = data


def nodes() -> list[Node]:
    return [Node(f"n{n}", "127.0.0.1", 32000 + n, f"10.0.0.{n}:7000", FakeControl()) for n in (1, 2)]


def test_a_node_is_told_where_it_is_and_who_the_others_are() -> None:
    told = configuration(nodes()[1], nodes())
    assert told["name"] == "n2"
    assert told["initial-cluster"] == "n1=http://10.0.0.1:7000,n2=http://10.0.0.2:7000"
    assert told["initial-advertise-peer-urls"] == "http://10.0.0.2:7000"
    assert told["listen-client-urls"] == "http://0.0.0.0:8000"
    assert told["enable-grpc-gateway"] is True


def test_everything_lies_where_the_layout_says() -> None:
    layout = under("/somewhere/n1", listen="127.0.0.5", client_port=8101, peer_port=7101)
    one = Node("n1", "127.0.0.1", 8101, "127.0.0.9:7201", FakeControl(), layout)
    told = configuration(one, [one])
    assert told["data-dir"] == "/somewhere/n1/data/etcd"
    assert told["listen-peer-urls"] == "http://127.0.0.5:7101"
    assert told["initial-advertise-peer-urls"] == "http://127.0.0.9:7201"


def test_installing_and_starting() -> None:
    cluster = nodes()

    async def main() -> int:
        await SYSTEM.install(cluster, {"source": None, "bug": None})
        return await SYSTEM.start(cluster[0])

    assert VirtualWorld().run(main()) == 71
    control = cluster[0].control
    assert isinstance(control, FakeControl)
    assert json.loads(control.files["/etc/raftstorm/etcd.json"])["name"] == "n1"
    assert control.commands[0].endswith("etcd --config-file /etc/raftstorm/etcd.json")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"source": "/tmp"}, "--system etcd takes none"), ({"bug": "lies"}, "no bug of etcd named 'lies'")],
)
def test_options_that_etcd_does_not_have(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        SYSTEM.check(options)


def told(leader: int, me: int = 11) -> dict[str, Any]:
    header = {"member_id": str(me), "raft_term": "4"}
    indexes = {"raftIndex": "9", "raftTerm": "4", "raftAppliedIndex": "8"}
    return {"header": header, **indexes, **({"leader": str(leader)} if leader else {})}


MEMBERS = {"members": [{"ID": "11", "name": "n1"}, {"ID": "22", "name": "n2"}]}


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([told(11), MEMBERS], ("leader", "n1")),
        ([told(22), MEMBERS], ("follower", "n2")),
        ([told(0), MEMBERS], ("follower", None)),
        ([told(33), MEMBERS], ("follower", None)),
        ([Error("etcdserver: no leader")], None),
        ([SILENCE], None),
        ([{}, MEMBERS], None),
    ],
)
def test_status(answers: list[Any], status: tuple[str, str | None] | None) -> None:
    world = VirtualWorld()
    FakeEtcd(world, answers)

    async def main() -> Status | None:
        return await SYSTEM.status(world, node(), timeout_s=1.0)

    seen = world.run(main())
    assert seen == (
        None if status is None else Status(id="n1", term=4, role=status[0], leader=status[1], commit=9, applied=8)
    )


def test_faults_that_need_the_clock_or_break_the_disk_are_not_for_etcd() -> None:
    assert set(lacking(SYSTEM)) == {"clocks", "disks", "membership", "replacements"}
    assert not {"clock", "disk"} & set(build({"system": "etcd"}).nemesis)
    with pytest.raises(BadInput, match="--system etcd cannot do clock faults: etcd is a Go program"):
        build({"system": "etcd", "nemesis": "clock,kill"})
