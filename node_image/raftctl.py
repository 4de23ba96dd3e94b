"""raftctl: speak to one node by hand.

    python3 -m node_image.raftctl --connect 127.0.0.1:8000 write k 5
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 cas k 5 6
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 read k --mode sequential --min-index 12
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 acquire lock --ttl-ms 5000
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 txn '["r", "k", null]' '["add", "n", 1]'
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 status
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 members
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 reconfigure n1 n2 n4 --learners n5
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 transfer n2

A value, an element or a step is JSON, or else taken as a string. The answer is printed as one JSON line. Exit codes: 0
ok (also a cas that did not match), 1 the node refused, 2 it is not known what became of it, 3 the node could not be
reached. Nothing is ever sent twice. Only the standard library and docs/client-protocol.md are needed to follow it.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from typing import Any, Final

EXIT_OK: Final = 0
EXIT_REFUSED: Final = 1
EXIT_UNKNOWN: Final = 2
EXIT_UNREACHABLE: Final = 3


class Unreachable(Exception):
    """No node said hello: nothing was asked."""


class NoAnswer(Exception):
    """The request was sent, and the connection gave no answer."""


def ask(host: str, port: int, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """The node's answer. Raises Unreachable, NoAnswer."""
    try:
        connection = socket.create_connection((host, port), timeout=timeout_s)
    except OSError as error:
        raise Unreachable(f"cannot connect to {host}:{port}: {error.strerror or error}") from None
    with connection, connection.makefile("rwb") as stream:
        _expect_hello(stream, f"{host}:{port}")
        try:
            stream.write(json.dumps({"id": 1, **request}).encode() + b"\n")
            stream.flush()
            answer = json.loads(stream.readline())
        except (OSError, ValueError) as error:
            raise NoAnswer(f"no answer from {host}:{port}: {_reason(error)}") from None
    assert isinstance(answer, dict)
    return answer


def _expect_hello(stream: Any, where: str) -> None:
    try:
        hello = json.loads(stream.readline())
        if hello["hello"] != "raftstorm":
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError):
        raise Unreachable(f"no node says hello at {where}") from None


def _reason(error: Exception) -> str:
    return "timed out" if isinstance(error, TimeoutError) else "the connection was closed"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    host, port = options.connect
    try:
        answer = ask(host, port, options.request(options), options.timeout)
    except Unreachable as error:
        return _complain(str(error), EXIT_UNREACHABLE)
    except NoAnswer as error:
        known = options.op in ("read", "status", "members")
        return _complain(f"{error}{'' if known else '; it may have happened'}", EXIT_REFUSED if known else EXIT_UNKNOWN)
    answer.pop("id", None)
    if options.op == "members" and answer.get("ok"):
        answer = {field: answer[field] for field in ("ok", "leader", "voters", "outgoing", "learners")}
    print(json.dumps(answer))
    if answer.get("ok"):
        return EXIT_OK
    return EXIT_REFUSED if answer.get("definite") else EXIT_UNKNOWN


def _complain(sentence: str, code: int) -> int:
    print(f"raftctl: {sentence}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="raftctl", description="Speak to one raftstorm node.")
    parser.add_argument("--connect", type=_address, default=("127.0.0.1", 8000), metavar="HOST:PORT")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for each step (default 10)")
    commands = parser.add_subparsers(dest="op", required=True)
    read = commands.add_parser("read", help="what a key holds")
    read.add_argument("key", nargs="+", help="several: their values at one log index")
    read.add_argument("--contains", type=_value, metavar="ELEMENT", help="whether the set has this element")
    read.add_argument("--mode", choices=("linearizable", "lease", "sequential", "stale"), default="linearizable")
    read.add_argument("--min-index", type=int, default=0, help="sequential: wait until this log index is applied")
    read.set_defaults(request=_read)
    for op, (what, *fields) in COMMANDS.items():
        _add_command(commands.add_parser(op, help=what), fields)
    status = commands.add_parser("status", help="what the node says of itself")
    status.set_defaults(request=lambda options: {"op": "status"})
    _add_administration(commands)
    return parser


def _add_administration(commands: Any) -> None:
    members = commands.add_parser("members", help="who leads, votes and learns, as the node has it")
    members.set_defaults(request=lambda options: {"op": "status"})
    reconfigure = commands.add_parser("reconfigure", help="change who votes and who learns; ask the leader")
    reconfigure.add_argument("voters", nargs="+", metavar="NODE", help="all that vote afterwards")
    reconfigure.add_argument("--learners", nargs="+", default=[], metavar="NODE", help="all that learn afterwards")
    reconfigure.set_defaults(
        request=lambda options: {"op": "reconfigure", "voters": options.voters, "learners": options.learners}
    )
    transfer = commands.add_parser("transfer", help="make another voter the leader; ask the leader")
    transfer.add_argument("to", metavar="NODE")
    transfer.set_defaults(request=lambda options: {"op": "transfer", "to": options.to})


COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "write": ("give a key a value", "key", "value", "--ttl-ms"),
    "cas": ("give a key a value if it has the expected one", "key", "expected", "new"),
    "set-add": ("add an element to a set", "key", "element"),
    "set-remove": ("take an element out of a set", "key", "element"),
    "counter-add": ("count up, or down", "key", "amount"),
    "enqueue": ("add an element at a queue's end", "key", "element"),
    "dequeue": ("take a queue's oldest element", "key"),
    "drain": ("take all elements of a queue", "key"),
    "acquire": ("acquire a lock; the answer has its fencing token", "key", "--ttl-ms"),
    "release": ("release a lock by its token", "key", "token"),
    "generate": ("an id that is given out once",),
    "txn": ("steps over several keys, all or none; each a JSON list: what, key, value", "steps"),
}
"""What becomes an entry of the log: op -> what it does, and its fields; those with dashes may be left out."""


def _add_command(command: argparse.ArgumentParser, fields: Sequence[str]) -> None:
    for field in fields:
        if field == "key":
            command.add_argument(field)
        elif field == "--ttl-ms":
            command.add_argument(field, type=int, help="it ends by itself after so many milliseconds")
        else:
            command.add_argument(field, type=_value, nargs="+" if field == "steps" else None)
    command.add_argument("--session", help="with --seq: sent again, the same command takes effect once")
    command.add_argument("--seq", type=int)
    names = [field.lstrip("-").replace("-", "_") for field in fields]
    command.set_defaults(request=lambda options: {"op": options.op, **_given(options, [*names, "session", "seq"])})


def _read(options: argparse.Namespace) -> dict[str, Any]:
    asked = {"keys": options.key} if len(options.key) > 1 else {"key": options.key[0]}
    fields = {"mode": options.mode, "min_index": options.min_index, "timeout_s": options.timeout}
    return {"op": "read", **asked, **_given(options, ["contains"]), **fields}


def _given(options: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """The fields that are not left out. (A value of null is one of them.)"""
    optional = ("ttl_ms", "session", "seq", "contains")
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None or name not in optional}


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
