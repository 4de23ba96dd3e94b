"""Commands: what the data of a log entry says, in msgpack.

A command is encoded once, by the node that the client spoke to; a leader appends the bytes of a forwarded command as
they are. Values are whatever JSON can say and msgpack can hold (integers of at most 64 bits). Two values are the same
if JSON would call them the same: 1 and 1.0 are, 1 and true are not, and the order of an object's members is nothing.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final, NamedTuple

import msgpack

MAX_DEPTH: Final = 64
"""Of lists and objects within each other: far from where any Python's recursion ends."""
_STEPS_DEPTH: Final = 2
"""Values of a transaction stand in a step, and steps in a list."""


class Operation(IntEnum):
    WRITE = 1
    CAS = 2
    EXPIRE = 3
    """Proposed by leaders alone (see `expiry`)."""
    SET_ADD = 4
    SET_REMOVE = 5
    COUNTER_ADD = 6
    ENQUEUE = 7
    DEQUEUE = 8
    DRAIN = 9
    ACQUIRE = 10
    RELEASE = 11
    GENERATE = 12
    TRANSACT = 13


class Command(NamedTuple):
    """`session` is "" and `seq` 0 for a command outside of any session: a retry of it is a new command."""

    operation: int
    session: str
    seq: int
    opened: int
    """The log index that the client knew when it opened its session, or -1 where it does not say (see `session`)."""
    key: str
    """"" where there is none: GENERATE, TRANSACT."""
    value: Any
    """What is written, added, enqueued; RELEASE: the token; EXPIRE: the log index of the entry that set the time to
    live; TRANSACT: its steps (see `transaction`)."""
    second: Any = None
    """CAS: the value expected. WRITE, ACQUIRE: the time to live in milliseconds, or None."""


def encode(command: Command) -> bytes:
    """Raises ValueError where a value cannot be held (an integer over 64 bits, half a surrogate pair, too deep)."""
    depth = MAX_DEPTH + _STEPS_DEPTH if command.operation == Operation.TRANSACT else MAX_DEPTH
    if not (_fits(command.value, depth) and _fits(command.second, MAX_DEPTH)):
        raise ValueError(f"lists and objects may be nested at most {MAX_DEPTH} deep")
    try:
        packed: bytes = msgpack.packb(command)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return packed


def decode(data: bytes) -> Command:
    return Command(*msgpack.unpackb(data))


def _fits(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list) or (depth > 0 and all(_fits(part, depth - 1) for part in value))


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
