"""Clients' requests, validated where they come in (docs/client-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple

from node_image.raft import Configuration
from node_image.replica.command import Command, Operation
from node_image.replica.state import Query
from node_image.replica.transaction import STEPS

MAX_NAME_LENGTH: Final = 1024
"""Characters of a key or of a session's name."""
MAX_TIMEOUT_S: Final = 3600.0
MAX_PARTS: Final = 1000
"""Keys of a read, steps of a transaction."""
MOST: Final = (1 << 63) - 1


class BadRequest(Exception):
    """`str(error)` says what is wrong with the request."""


class ReadMode(StrEnum):
    LINEARIZABLE = "linearizable"
    LEASE = "lease"
    SEQUENTIAL = "sequential"
    STALE = "stale"


class Read(NamedTuple):
    query: Query
    mode: ReadMode
    min_index: int
    timeout_s: float


class _Asked(NamedTuple):
    """A command without its session."""

    operation: Operation
    key: str = ""
    value: Any = None
    second: Any = None


def parse_command(request: dict[str, Any]) -> Command:
    """Of an op that is in COMMANDS. Raises BadRequest."""
    asked = COMMANDS[request["op"]](request)
    session, seq, opened = _session(request)
    return Command(asked.operation, session, seq, opened, asked.key, asked.value, asked.second)


def parse_read(request: dict[str, Any], default_timeout_s: float) -> Read:
    """Raises BadRequest."""
    mode = request.get("mode", "linearizable")
    if not isinstance(mode, str) or mode not in _MODES:
        raise BadRequest("mode must be linearizable, lease, sequential or stale")
    timeout_s = request.get("timeout_s", default_timeout_s)
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not 0 <= timeout_s <= MAX_TIMEOUT_S:
        raise BadRequest(f"timeout_s must be a number from 0 to {MAX_TIMEOUT_S:.0f}")
    return Read(_query(request), _MODES[mode], _integer(request, "min_index", default=0, least=0), timeout_s)


def parse_reconfigure(request: dict[str, Any]) -> Configuration:
    """Raises BadRequest."""
    return Configuration(_node_names(request, "voters"), frozenset(), _node_names(request, "learners", default=()))


def parse_transfer(request: dict[str, Any]) -> str:
    """The node that is to lead. Raises BadRequest."""
    return _name(request, "to")


def _node_names(request: dict[str, Any], field: str, *, default: Any = None) -> frozenset[str]:
    names = request.get(field, default)
    if not isinstance(names, list | tuple):
        raise BadRequest(f"{field} must be a list of nodes' names")
    return frozenset(_checked_name(name, f"each of {field}") for name in names)


def _query(request: dict[str, Any]) -> Query:
    if "keys" in request:
        keys = _list(request, "keys")
        return ["keys", *[_checked_name(key, "each of keys") for key in keys]]
    key = _name(request, "key")
    return ["contains", key, _element(request, "contains")] if "contains" in request else key


# Commands


def _write(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.WRITE, _name(request, "key"), _given(request, "value"), _ttl(request))


def _cas(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.CAS, _name(request, "key"), _given(request, "new"), _given(request, "expected"))


def _set_add(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.SET_ADD, _name(request, "key"), _element(request, "element"))


def _set_remove(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.SET_REMOVE, _name(request, "key"), _element(request, "element"))


def _counter_add(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.COUNTER_ADD, _name(request, "key"), _integer(request, "amount", least=~MOST))


def _enqueue(request: dict[str, Any]) -> _Asked:
    element = _given(request, "element")
    if element is None:
        raise BadRequest("element must not be null, which is what an empty queue answers")
    return _Asked(Operation.ENQUEUE, _name(request, "key"), element)


def _dequeue(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.DEQUEUE, _name(request, "key"))


def _drain(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.DRAIN, _name(request, "key"))


def _acquire(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.ACQUIRE, _name(request, "key"), None, _ttl(request))


def _release(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.RELEASE, _name(request, "key"), _integer(request, "token", least=1))


def _generate(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.GENERATE)


def _transact(request: dict[str, Any]) -> _Asked:
    return _Asked(Operation.TRANSACT, "", [_step(step) for step in _list(request, "steps")])


def _step(step: Any) -> list[Any]:
    if not isinstance(step, list) or len(step) != 3:
        raise BadRequest("each of steps must be a list of three: what, key, value")
    name, key, argument = step
    if not isinstance(name, str) or name not in STEPS:
        raise BadRequest(f"the first of each step must be {', '.join(STEPS)}")
    if name in ("add", "at-least"):
        argument = _checked_integer(argument, f"the value of {name}", ~MOST)
    return [name, _checked_name(key, "the key of each step"), None if name == "r" else argument]


COMMANDS: Final[dict[str, Callable[[dict[str, Any]], _Asked]]] = {
    "write": _write,
    "cas": _cas,
    "set-add": _set_add,
    "set-remove": _set_remove,
    "counter-add": _counter_add,
    "enqueue": _enqueue,
    "dequeue": _dequeue,
    "drain": _drain,
    "acquire": _acquire,
    "release": _release,
    "generate": _generate,
    "txn": _transact,
}
"""Every op that becomes an entry of the log."""


# Fields


def _session(request: dict[str, Any]) -> tuple[str, int, int]:
    if "session" not in request:
        if "seq" in request or "opened" in request:
            raise BadRequest("seq and opened need a session")
        return "", 0, -1
    return (
        _name(request, "session"),
        _integer(request, "seq", least=1),
        _integer(request, "opened", default=-1, least=0),
    )


def _given(request: dict[str, Any], field: str) -> Any:
    if field not in request:
        raise BadRequest(f"{field} is missing")
    return request[field]


def _name(request: dict[str, Any], field: str) -> str:
    return _checked_name(_given(request, field), field)


def _checked_name(name: Any, what: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME_LENGTH:
        raise BadRequest(f"{what} must be a string of 1 to {MAX_NAME_LENGTH} characters")
    if not name.isascii():
        _check_text(name, what)
    return name


def _check_text(name: str, what: str) -> None:
    """JSON can say half a surrogate pair, which is no text that could be stored or sent on."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{what} is not text") from None


def _integer(request: dict[str, Any], field: str, *, default: int | None = None, least: int) -> int:
    if field not in request and default is not None:
        return default
    return _checked_integer(_given(request, field), field, least)


def _checked_integer(number: Any, what: str, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MOST:
        raise BadRequest(f"{what} must be an integer of at least {least}, and of 64 bits")
    return number


def _ttl(request: dict[str, Any]) -> int | None:
    return _integer(request, "ttl_ms", least=1) if "ttl_ms" in request else None


def _element(request: dict[str, Any], field: str) -> str | int:
    """Of a set."""
    element = _given(request, field)
    if isinstance(element, bool) or not isinstance(element, str | int):
        raise BadRequest(f"{field} must be a string or a whole number")
    if isinstance(element, int):
        return _checked_integer(element, field, ~MOST)
    _check_text(element, field)
    return element


def _list(request: dict[str, Any], field: str) -> list[Any]:
    given = _given(request, field)
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_PARTS:
        raise BadRequest(f"{field} must be a list of 1 to {MAX_PARTS}")
    return given


_MODES: Final[dict[str, ReadMode]] = {mode.value: mode for mode in ReadMode}
