"""raftctl against one real node, and against none."""

from __future__ import annotations

import json
import shlex
import socket
import threading
from pathlib import Path

import pytest

from node_image import raftctl
from tests.node.runtime.cluster import loopback, one_node

CONVERSATION: list[tuple[str, int, dict[str, object]]] = [
    ("write a 5", 0, {"ok": True}),
    ("read a", 0, {"ok": True, "value": 5}),
    ("read a --mode stale", 0, {"ok": True, "value": 5}),
    ("read a --mode sequential --min-index 1", 0, {"ok": True, "value": 5}),
    ("cas a 5 '{\"b\": 1}' --session s --seq 1", 0, {"ok": True, "matched": True}),
    ("cas a 5 text", 0, {"ok": True, "matched": False, "value": {"b": 1}}),
    ("write a text", 0, {"ok": True}),
    ("read a --mode lease", 0, {"ok": True, "value": "text"}),
    ("write a 1 --session t --seq 2", 1, {"ok": False, "error": "session-expired"}),
    ("write a 1 --session s --seq 0", 1, {"ok": False, "error": "bad-request"}),
    ("write a null", 0, {"ok": True}),
    ("read a b", 0, {"ok": True, "value": [None, None]}),
    ("write brief 1 --ttl-ms 600000", 0, {"ok": True}),
    ("set-add s x --session u --seq 1", 0, {"ok": True}),
    ("set-add s 2", 0, {"ok": True}),
    ("set-remove s x", 0, {"ok": True}),
    ("read s", 0, {"ok": True, "value": [2]}),
    ("read s --contains x", 0, {"ok": True, "value": False}),
    ("counter-add n 3", 0, {"ok": True}),
    ("counter-add n -- -1", 0, {"ok": True}),
    ("enqueue q 1", 0, {"ok": True}),
    ("enqueue q two", 0, {"ok": True}),
    ("dequeue q", 0, {"ok": True, "value": 1}),
    ("drain q", 0, {"ok": True, "value": ["two"]}),
    ("acquire l --ttl-ms 600000", 0, {"ok": True}),
    ("acquire l", 1, {"ok": False, "error": "held"}),
    ("release l 1", 1, {"ok": False, "error": "not-held"}),
    ("generate", 0, {"ok": True}),
    (
        """txn '["r", "n", null]' '["add", "n", 5]' '["r", "n", null]'""",
        0,
        {"value": [["r", "n", 2], ["add", "n", 5], ["r", "n", 7]]},
    ),
    ("""txn '["at-least", "n", 8]'""", 1, {"ok": False, "error": "condition-failed"}),
    ("txn nonsense", 1, {"ok": False, "error": "bad-request"}),
    ("enqueue n 1", 1, {"ok": False, "error": "wrong-type"}),
    ("status", 0, {"ok": True, "node": "n1", "role": "leader"}),
    ("members", 0, {"ok": True, "leader": "n1", "voters": ["n1"], "outgoing": [], "learners": []}),
    ("reconfigure n1", 0, {"ok": True, "voters": ["n1"], "learners": []}),
    ("reconfigure n1 n2", 1, {"ok": False, "error": "bad-request"}),
    ("reconfigure n1 --learners n1", 1, {"ok": False, "error": "bad-request"}),
    ("transfer n2", 1, {"ok": False, "error": "bad-request"}),
]


def run(where: str, command: str) -> int:
    return raftctl.main(["--connect", where, "--timeout", "5", *shlex.split(command)])


def test_a_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with one_node(tmp_path) as alone:
        node = alone.leader()
        for command, code, expected in CONVERSATION:
            assert run(f"{node.host}:{node.port}", command) == code
            answer = json.loads(capsys.readouterr().out)
            assert {name: answer.get(name) for name in expected} == expected


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((loopback(3), 0)) as listener:
        port = listener.getsockname()[1]
    assert run(f"{loopback(3)}:{port}", "read a") == raftctl.EXIT_UNREACHABLE
    assert capsys.readouterr().err == f"raftctl: cannot connect to {loopback(3)}:{port}: Connection refused\n"


@pytest.mark.parametrize(
    ("says", "command", "code", "complaint"),
    [
        (b"", "write a 1", raftctl.EXIT_UNREACHABLE, "no node says hello"),
        (b"HTTP/1.1 400\r\n", "write a 1", raftctl.EXIT_UNREACHABLE, "no node says hello"),
        (b'{"hello": "raftstorm"}\n', "write a 1", raftctl.EXIT_UNKNOWN, "it may have happened"),
        (b'{"hello": "raftstorm"}\n', "read a", raftctl.EXIT_REFUSED, "no answer"),
    ],
)
def test_a_server_that_goes_away(
    capsys: pytest.CaptureFixture[str], says: bytes, command: str, code: int, complaint: str
) -> None:
    with socket.create_server((loopback(3), 0)) as listener:
        thread = threading.Thread(target=_say_and_close, args=(listener, says))
        thread.start()
        assert run(f"{loopback(3)}:{listener.getsockname()[1]}", command) == code
        thread.join()
    assert complaint in capsys.readouterr().err


def _say_and_close(listener: socket.socket, says: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.sendall(says)
