"""Clients' requests, validated where they come in (docs/client-protocol.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

from node_image.replica.command import Command, Operation

MAX_NAME_LENGTH: Final = 1024
"""Characters of a key or of a session's name."""
MAX_TIMEOUT_S: Final = 3600.0


class BadRequest(Exception):
    """`str(error)` says what is wrong with the request."""


class ReadMode(StrEnum):
    LINEARIZABLE = "linearizable"
    LEASE = "lease"
    SEQUENTIAL = "sequential"
    STALE = "stale"


class Read(NamedTuple):
    key: str
    mode: ReadMode
    min_index: int
    timeout_s: float


def parse_command(request: dict[str, Any]) -> Command:
    """A write or a cas. Raises BadRequest."""
    key = _name(request, "key")
    session, seq, opened = _session(request)
    if request["op"] == "write":
        return Command(Operation.WRITE, session, seq, opened, key, _given(request, "value"))
    return Command(Operation.CAS, session, seq, opened, key, _given(request, "new"), _given(request, "expected"))


def parse_read(request: dict[str, Any], default_timeout_s: float) -> Read:
    """Raises BadRequest."""
    mode = request.get("mode", "linearizable")
    if not isinstance(mode, str) or mode not in _MODES:
        raise BadRequest("mode must be linearizable, lease, sequential or stale")
    timeout_s = request.get("timeout_s", default_timeout_s)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= MAX_TIMEOUT_S:
        raise BadRequest(f"timeout_s must be a number from 0 to {MAX_TIMEOUT_S:.0f}")
    return Read(_name(request, "key"), _MODES[mode], _integer(request, "min_index", default=0, least=0), timeout_s)


def _session(request: dict[str, Any]) -> tuple[str, int, int]:
    if "session" not in request:
        if "seq" in request or "opened" in request:
            raise BadRequest("seq and opened need a session")
        return "", 0, -1
    return (
        _name(request, "session"),
        _integer(request, "seq", default=None, least=1),
        _integer(request, "opened", default=-1, least=0),
    )


def _given(request: dict[str, Any], field: str) -> Any:
    if field not in request:
        raise BadRequest(f"{field} is missing")
    return request[field]


def _name(request: dict[str, Any], field: str) -> str:
    name = _given(request, field)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH:
        raise BadRequest(f"{field} must be a string of 1 to {MAX_NAME_LENGTH} characters")
    if not name.isascii():
        _check_text(name, field)
    return name


def _check_text(name: str, field: str) -> None:
    """JSON can say half a surrogate pair, which is no text that could be stored or sent on."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{field} is not text") from None


def _integer(request: dict[str, Any], field: str, *, default: int | None, least: int) -> int:
    if field not in request and default is not None:
        return default
    number = _given(request, field)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number < 1 << 63:
        raise BadRequest(f"{field} must be an integer of at least {least}")
    return number


_MODES: Final[dict[str, ReadMode]] = {mode.value: mode for mode in ReadMode}
