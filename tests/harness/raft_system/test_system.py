"""Installing and starting the node, over a control line that only writes down what it is told."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.cluster import Finished, Node
from harness.cluster.layout import IMAGE, Layout, under
from harness.errors import BadInput, ControlError
from harness.system import Bug
from harness.systems.raft import SYSTEM
from harness.systems.raft.source import bugs_of, node_files, shipped_source
from harness.world.virtual import VirtualWorld

DONE = Finished(0, "", "")


class FakeControl:
    def __init__(self, finished: Finished = DONE) -> None:
        self.finished = finished
        self.commands: list[tuple[str, bytes]] = []

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        self.commands.append((command, input))
        return self.finished

    async def read_file(self, path: str) -> bytes:
        raise NotImplementedError

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        raise NotImplementedError


def node(name: str, control: FakeControl, layout: Layout = IMAGE) -> Node:
    return Node(
        name=name,
        host="127.0.0.1",
        port=8000,
        peer_address=f"10.0.0.{name[1:]}:7000",
        control=control,
        layout=layout,
    )


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return VirtualWorld().run(coroutine)


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def test_install_brings_a_configuration_to_every_node() -> None:
    controls = [FakeControl(), FakeControl()]
    nodes = [node(f"n{number}", control) for number, control in enumerate(controls, start=1)]
    run(SYSTEM.install(nodes, {"bug": "ack-before-sync", "config": {"election_timeout_s": 1.0}}))
    [(command, archive)] = controls[1].commands
    assert command == "tar -x -C /"
    files = unpacked(archive)
    assert list(files) == ["etc/raftstorm/node.json"]
    assert json.loads(files["etc/raftstorm/node.json"]) == {
        "node": "n2",
        "members": {"n1": "10.0.0.1:7000", "n2": "10.0.0.2:7000"},
        "client": "0.0.0.0:8000",
        "peer": "0.0.0.0:7000",
        "data": "/var/lib/raftstorm",
        "trace": "/var/log/raftstorm/trace.jsonl",
        "bug": "ack-before-sync",
        "election_timeout_s": 1.0,
    }


def test_everything_is_where_the_layout_says() -> None:
    control = FakeControl(Finished(0, "17\n", ""))
    layout = under("/tmp/a b/n1", listen="127.0.0.1", client_port=8101, peer_port=7101, python="/opt/python")
    apart = node("n1", control, layout)
    run(SYSTEM.install([apart], {}))
    [(_, archive)] = control.commands
    [(path, content)] = unpacked(archive).items()
    configuration = json.loads(content)
    assert path == "tmp/a b/n1/config/node.json"
    assert configuration["client"] == "127.0.0.1:8101"
    assert configuration["peer"] == "127.0.0.1:7101"
    assert configuration["members"] == {"n1": "10.0.0.1:7000"}
    assert configuration["data"] == "/tmp/a b/n1/data"
    run(SYSTEM.start(apart))
    command = control.commands[-1][0]
    assert command.startswith("cd '/tmp/a b/n1/code' && sh '/tmp/a b/n1/tools/node-start' '/tmp/a b/n1/state' ")
    assert command.endswith(" /opt/python -m node_image.runtime --config '/tmp/a b/n1/config/node.json'")
    assert dict(SYSTEM.log_files(apart)) == {
        "node.log": "/tmp/a b/n1/logs/node.log",
        "trace.jsonl": "/tmp/a b/n1/logs/trace.jsonl",
    }


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """A changed node's folder."""
    (tmp_path / "runtime" / "__pycache__").mkdir(parents=True)
    (tmp_path / "runtime" / "__main__.py").write_text("print('changed')\n")
    (tmp_path / "runtime" / "__pycache__" / "old.py").write_text("")
    (tmp_path / "notes.txt").write_text("")
    return tmp_path


def test_a_changed_node_takes_the_place_of_the_images_own(changed: Path) -> None:
    control = FakeControl()
    run(SYSTEM.install([node("n1", control)], {"source": str(changed)}))
    [(command, archive)] = control.commands
    assert command == "rm -rf /opt/raftstorm/node_image && tar -x -C /"
    assert sorted(unpacked(archive)) == ["etc/raftstorm/node.json", "opt/raftstorm/node_image/runtime/__main__.py"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"bug": "ack-before-snyc"}, r"no bug named 'ack-before-snyc': did you mean 'ack-before-sync'\?"),
        ({"bug": "zzz"}, r"there are: accept-torn-record, ack-before-sync"),
        ({"source": "/nonexistent"}, r"/nonexistent does not hold a node's sources: there is no runtime/__main__\.py"),
        ({"source": str(shipped_source().parent)}, r"did you mean .*node_image\?"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], sentence: str) -> None:
    control = FakeControl()
    with pytest.raises(BadInput, match=sentence):
        run(SYSTEM.install([node("n1", control)], options))
    assert control.commands == []


def test_bugs_are_those_of_the_source_in_use(changed: Path) -> None:
    shipped = SYSTEM.bugs({})
    assert shipped["ack-before-sync"].group == "log"
    assert shipped["wall-clock-lease"].found_by == {"nemesis": "clock,partition", "read-mode": "lease"}
    assert shipped["cut-at-every-append"].simulator_only is not None
    assert bugs_of(changed) == {}
    (changed / "bugs.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
        "@dataclass\nclass Bug:\n    description: str\n\nBUGS = {'own': Bug('of its own')}\n"
    )
    assert SYSTEM.bugs({"source": str(changed)}) == {"own": Bug(name="own", description="of its own")}
    SYSTEM.check({"source": str(changed), "bug": "own"})
    (changed / "bugs.py").write_text("BUGS = 1 / 0\n")
    with pytest.raises(BadInput, match="ZeroDivisionError"):
        bugs_of(changed)


def test_sources_are_python_files_alone(changed: Path) -> None:
    assert list(node_files(changed)) == ["runtime/__main__.py"]


@pytest.mark.parametrize(
    ("finished", "pid"), [(Finished(0, "17\n", ""), 17), (Finished(0, "", ""), None), (Finished(0, "\n", ""), None)]
)
def test_pid(finished: Finished, pid: int | None) -> None:
    assert run(SYSTEM.pid(node("n1", FakeControl(finished)))) == pid


def test_start() -> None:
    control = FakeControl(Finished(0, "17\n", ""))
    assert run(SYSTEM.start(node("n1", control, Layout(environment={"WHOSE": "ours"})))) == 17
    [(command, _)] = control.commands
    start, log, port, *rest = command.removeprefix("cd /opt/raftstorm && sh /usr/local/bin/node-start ").split()
    assert (start, log, port) == ("/run/raftstorm", "/var/log/raftstorm/node.log", "8000")
    assert {"LD_PRELOAD=/usr/local/lib/raftstorm/libfaketime.so.1", "WHOSE=ours"} < set(rest)
    assert rest[-5:] == ["python3", "-m", "node_image.runtime", "--config", "/etc/raftstorm/node.json"]


def test_a_node_that_ends_at_once_is_told_with_its_last_words() -> None:
    control = FakeControl(Finished(1, "", "starting\nthe configuration is not JSON\n"))
    with pytest.raises(ControlError, match="n3 ended as soon as it was started: starting / the configuration is not"):
        run(SYSTEM.start(node("n3", control)))


def test_a_failing_command_is_told_with_the_node() -> None:
    with pytest.raises(ControlError, match="Could not install the node on n1: tar: no space"):
        run(SYSTEM.install([node("n1", FakeControl(Finished(2, "", "tar: no space\n")))], {}))
