"""Start and stop of one process: exit codes, and one clear line for each reason."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from node_image.runtime.config import BadConfig, read_config
from node_image.runtime.server import (
    EXIT_CANNOT_LISTEN,
    EXIT_CONFIG,
    EXIT_CORRUPT,
    EXIT_DISK,
    EXIT_MISTAKE,
    stop_on_mistakes,
)
from tests.node.runtime.cluster import NodeProcess, one_node

FIRST_SEGMENT = "wal-0000000001"


def last_line(node: NodeProcess) -> str:
    return node.log.read_text().splitlines()[-1]


def test_sigterm_is_an_orderly_end(tmp_path: Path) -> None:
    with one_node(tmp_path) as alone:
        node = alone.leader()
        written = node.ask("write", key="k", value=1)
        assert node.stop(signal.SIGTERM) == 0
        assert [node.trace_lines()[position]["event"] for position in (0, -1)] == ["start", "stop"]
        node.start()
        alone.leader()
        assert node.ask("read", key="k")["value"] == 1
        assert [line["event"] for line in node.trace_lines()].count("start") == 2
        assert written["index"] > 0


def test_a_mistake_of_its_own_stops_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)

    async def broken() -> None:
        stop_on_mistakes()
        asyncio.get_running_loop().call_soon([].pop)
        await asyncio.sleep(0)

    asyncio.run(broken())
    assert codes == [EXIT_MISTAKE]


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with one_node(tmp_path) as alone:
        for value in range(3):
            node = alone.leader()
            assert node.ask("write", key="k", value=value)["ok"]
            node.stop(signal.SIGKILL)
            node.start()
        assert alone.leader().ask("read", key="k")["value"] == 2


def test_damage_in_the_middle_of_the_log(tmp_path: Path) -> None:
    with one_node(tmp_path) as alone:
        node = alone.leader()
        for value in range(5):
            assert node.ask("write", key="k", value=value)["ok"]
        node.stop(signal.SIGKILL)
        [segment] = node.data.glob("wal-*")
        stored = bytearray(segment.read_bytes())
        stored[len(stored) // 2] ^= 0x10
        segment.write_bytes(stored)
        node.start()
        assert node.wait() == EXIT_CORRUPT
        assert "is damaged at byte" in last_line(node)


def test_a_full_disk(tmp_path: Path) -> None:
    """Writes to /dev/full fail as on a full disk."""
    (tmp_path / "n1").mkdir()
    (tmp_path / "n1" / FIRST_SEGMENT).symlink_to("/dev/full")
    with one_node(tmp_path) as alone:
        [node] = alone.all
        assert node.wait() == EXIT_DISK
        assert "No space left on device" in last_line(node)


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with one_node(tmp_path) as alone:
        [node] = alone.all
        alone.leader()
        node.stop()
        with socket.create_server((node.host, node.port)):
            node.start()
            assert node.wait() == EXIT_CANNOT_LISTEN
        assert f"cannot listen on {node.host}:{node.port}" in last_line(node)


GOOD = {
    "node": "n1",
    "members": {"n1": "127.0.0.1:1"},
    "peer": "127.0.0.1:1",
    "client": "127.0.0.1:2",
    "data": "/nowhere",
}


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ("{", "is not JSON"),
        ("[]", "must be one JSON object"),
        (json.dumps({**GOOD, "node": "n2"}), "node 'n2' is not one of the members"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "data"}), "lacks data"),
        (json.dumps({**GOOD, "peer": "7000"}), "'7000' is not an address of the form host:port"),
        (json.dumps({**GOOD, "bug": "no-such-bug"}), "there is no bug no-such-bug"),
        (json.dumps({**GOOD, "members": []}), "members must be an object"),
        (json.dumps({**GOOD, "speed": 9}), "speed"),
        (json.dumps({**GOOD, "heartbeat_interval_s": 7}), "heartbeat_interval_s must be positive"),
        (json.dumps({**GOOD, "heartbeat_interval_s": "0.1"}), "cannot work"),
    ],
)
def test_configurations_that_cannot_work(tmp_path: Path, configuration: str, reason: str) -> None:
    (tmp_path / "n1.json").write_text(configuration)
    with pytest.raises(BadConfig, match=reason) as caught:
        read_config(tmp_path / "n1.json")
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    with one_node(tmp_path) as alone:
        [node] = alone.all
        node.stop(signal.SIGKILL)
        (tmp_path / "n1.json").unlink()
        node.start()
        assert node.wait() == EXIT_CONFIG
        assert "n1.json: No such file or directory" in last_line(node)
