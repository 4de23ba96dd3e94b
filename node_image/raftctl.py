"""raftctl: speak to one node by hand.

    python3 -m node_image.raftctl --connect 127.0.0.1:8000 write k 5
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 cas k 5 6
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 read k --mode sequential --min-index 12
    python3 -m node_image.raftctl --connect 127.0.0.1:8000 status

A value is JSON, or else taken as a string. The answer is printed as one JSON line. Exit codes: 0 ok (also a cas that
did not match), 1 the node refused, 2 it is not known what became of it, 3 the node could not be reached. A write is
never sent twice. Only the standard library and docs/client-protocol.md are needed to follow it.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
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
        known = options.op in ("read", "status")
        return _complain(f"{error}{'' if known else '; it may have happened'}", EXIT_REFUSED if known else EXIT_UNKNOWN)
    answer.pop("id", None)
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
    read = commands.add_parser("read", help="the value of a key")
    read.add_argument("key")
    read.add_argument("--mode", choices=("linearizable", "lease", "sequential", "stale"), default="linearizable")
    read.add_argument("--min-index", type=int, default=0, help="sequential: wait until this log index is applied")
    read.set_defaults(request=_read)
    write = commands.add_parser("write", help="give a key a value")
    write.add_argument("key")
    write.add_argument("value", type=_value)
    write.set_defaults(request=_write)
    cas = commands.add_parser("cas", help="give a key a value if it has the expected one")
    cas.add_argument("key")
    cas.add_argument("expected", type=_value)
    cas.add_argument("new", type=_value)
    cas.set_defaults(request=_cas)
    for command in (write, cas):
        command.add_argument("--session", help="with --seq: sent again, the same command takes effect once")
        command.add_argument("--seq", type=int)
    status = commands.add_parser("status", help="what the node says of itself")
    status.set_defaults(request=lambda options: {"op": "status"})
    return parser


def _read(options: argparse.Namespace) -> dict[str, Any]:
    fields = {"op": "read", "key": options.key, "mode": options.mode, "min_index": options.min_index}
    return {**fields, "timeout_s": options.timeout}


def _write(options: argparse.Namespace) -> dict[str, Any]:
    return {"op": "write", "key": options.key, "value": options.value, **_session(options)}


def _cas(options: argparse.Namespace) -> dict[str, Any]:
    fields = {"op": "cas", "key": options.key, "expected": options.expected, "new": options.new}
    return {**fields, **_session(options)}


def _session(options: argparse.Namespace) -> dict[str, Any]:
    given = {"session": options.session, "seq": options.seq}
    return {name: value for name, value in given.items() if value is not None}


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
