"""Three real processes on loopback: elections, reads, forwarding, kill -9 and restart."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_image.runtime.listeners import MAX_LINE_BYTES
from tests.node.runtime.cluster import DEADLINE_S, Nodes, nodes, until


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Tests that share it use keys and sessions of their own, and leave it running."""
    with nodes(tmp_path_factory.mktemp("trio")) as made:
        made.leader()
        yield made


@pytest.mark.parametrize("writer", range(3))
@pytest.mark.parametrize("mode", ["linearizable", "lease", "sequential", "stale"])
def test_write_and_read_on_any_node(trio: Nodes, writer: int, mode: str) -> None:
    key = f"{mode}-{writer}"
    written = trio.all[writer].ask("write", key=key, value=writer)
    assert written["ok"], written
    for node in trio.all:
        read = node.ask("read", key=key, mode=mode, min_index=written["index"])
        if mode == "stale":
            assert read["value"] in (writer, None)
        else:
            assert (read["ok"], read["value"]) == (True, writer)
        if mode == "sequential":
            assert read["index"] >= written["index"]


def test_cas_through_a_follower(trio: Nodes) -> None:
    follower = trio.followers()[0]
    follower.ask("write", key="cas", value=1)
    assert follower.ask("cas", key="cas", expected=1, new=2)["matched"]
    refused = follower.ask("cas", key="cas", expected=1, new=3)
    assert (refused["ok"], refused["matched"], refused["value"]) == (True, False, 2)


def test_a_retry_takes_effect_once_through_whichever_node(trio: Nodes) -> None:
    command = {"key": "once", "value": 1, "session": "once", "seq": 1}
    first = trio.all[0].ask("write", **command)
    trio.all[1].ask("write", key="once", value=2)
    assert [node.ask("write", **command)["index"] for node in trio.all] == [first["index"]] * 3
    assert trio.all[2].ask("read", key="once")["value"] == 2


def test_pipelined_requests_are_all_answered(trio: Nodes) -> None:
    requests = [{"id": n, "op": "write", "key": f"p{n}", "value": n} for n in range(200)]
    with trio.all[0].connect() as connection, connection.makefile("rwb") as stream:
        stream.write(b"".join(json.dumps(request).encode() + b"\n" for request in requests))
        stream.flush()
        hello, *answers = [json.loads(stream.readline()) for _ in range(201)]
    assert hello["hello"] == "raftstorm"
    assert sorted(answer["id"] for answer in answers) == list(range(200))
    assert all(answer["ok"] for answer in answers)


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        (b"{", None),
        (b"[1]", None),
        (b"\xff", None),
        (b'{"id": 1, "op": "write", "key": "k", "value": NaN}', None),
        (b'{"id": 1, "op": "status", "x": ' + b"[" * 100_000, None),
        (b'{"id": 1, "op": "write", "key": "k", "value": ' + b"[" * 100 + b"]" * 100 + b"}", 1),
    ],
)
def test_a_bad_line_gets_its_answer_and_the_next_is_heard(trio: Nodes, line: bytes, id_: object) -> None:
    with trio.all[0].connect() as connection, connection.makefile("rwb") as stream:
        stream.write(line + b"\n" + b'{"id": 2, "op": "status"}\n')
        stream.flush()
        _, refused, status = [json.loads(stream.readline()) for _ in range(3)]
    assert (refused["id"], refused["error"], refused["definite"]) == (id_, "bad-request", True)
    assert status["ok"]


def test_a_line_without_end(trio: Nodes) -> None:
    with trio.all[0].connect() as connection, connection.makefile("rwb") as stream:
        stream.write(b"x" * (MAX_LINE_BYTES + 1))
        stream.flush()
        _, refused = stream.readline(), json.loads(stream.readline())
        assert refused["error"] == "bad-request"
        assert stream.readline() == b""


def test_a_stranger_on_the_peer_port_is_sent_away(trio: Nodes) -> None:
    node = trio.all[0]
    with socket.create_connection((node.host, node.port + 1), DEADLINE_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(1) == b""
    assert node.status()


def test_kill_the_leader_and_restart_it(tmp_path: Path) -> None:
    with nodes(tmp_path) as trio:
        old = trio.leader()
        written = old.ask("write", key="k", value=1, session="s", seq=1)
        assert old.stop(signal.SIGKILL) == -signal.SIGKILL
        follower = trio.followers()[0]
        assert follower.ask("write", key="k", value=2)["ok"]
        assert follower.ask("write", key="k", value=1, session="s", seq=1)["index"] == written["index"]
        last = follower.ask("write", key="k", value=3)
        old.start()
        trio.leader()
        read = old.ask("read", key="k", mode="sequential", min_index=last["index"])
        assert read["value"] == 3
        _check_traces(trio)


def _check_traces(trio: Nodes) -> None:
    """State machine safety and election safety (paper, figure 3), as the traces tell."""
    lines = [line for node in trio.all for line in node.trace_lines()]
    hashes = {(line["applied"], line["hash"]) for line in lines}
    assert len(hashes) == len({applied for applied, _ in hashes})
    leaders = {(line["term"], line["node"]) for line in lines if line["role"] == "leader"}
    assert len(leaders) == len({term for term, _ in leaders})


def test_a_majority_down_and_up_again(tmp_path: Path) -> None:
    with nodes(tmp_path) as trio:
        alone, *others = [trio.leader(), *trio.followers()]
        written = [alone.ask("write", key="k", value=n)["index"] for n in range(5)]
        for node in others:
            node.stop(signal.SIGKILL)
        until(lambda: (alone.status() or {}).get("leader", "") is None, "a leader alone steps down")
        assert alone.ask("write", key="k", value=9)["error"] == "no-leader"
        assert alone.ask("read", key="k", mode="stale")["value"] == 4
        for node in others:
            node.start()
        trio.leader()
        assert [node.ask("read", key="k")["value"] for node in trio.all] == [4, 4, 4]
        assert others[0].ask("write", key="k", value=10)["index"] > written[-1]


def test_snapshots_bring_back_a_node_that_was_away(tmp_path: Path) -> None:
    with nodes(tmp_path, snapshot_every_entries=50, trailing_entries=10) as trio:
        away = trio.followers()[0]
        away.stop(signal.SIGKILL)
        leader = trio.leader()
        last = [leader.ask("write", key=f"k{n % 7}", value=n, session="s", seq=n + 1) for n in range(200)][-1]
        away.start()
        trio.leader()
        assert away.ask("read", key="k3", mode="sequential", min_index=last["index"])["value"] == 199
        assert (away.status() or {})["first_index"] > 50
        again = away.ask("write", key="k3", value=199, session="s", seq=200)
        assert again["index"] == last["index"]
        _check_traces(trio)


def test_a_cluster_grows_hands_over_and_shrinks(tmp_path: Path) -> None:
    """From one voter to three, then the first one is removed."""
    with nodes(tmp_path, voters=["n1"]) as cluster:
        first, second, third = cluster.all
        until(lambda: (first.status() or {}).get("commit", 0) > 0, "n1 leads, and has committed an entry")
        grown = first.ask("reconfigure", voters=["n1", "n2", "n3"])
        assert (grown["ok"], grown["voters"]) == (True, ["n1", "n2", "n3"])
        assert first.ask("write", key="k", value=1)["ok"]
        assert first.ask("transfer", to="n2")["leader"] == "n2"
        until(lambda: second.ask("reconfigure", voters=["n2", "n3"])["ok"], "n2 has committed an entry of its term")
        first.stop(signal.SIGKILL)
        assert third.ask("read", key="k")["value"] == 1
        status = third.status() or {}
        assert (status["voters"], status["outgoing"], status["learners"]) == (["n2", "n3"], [], [])
