"""Keys inside values: Jepsen's module for independent keys wraps each value into a pair, [key value].

In a file such a pair may be tagged (`#jepsen.independent/tuple [k v]`), have its key beside it (export.py), or look
like any vector. A compare-and-set's [expected new] is a vector of two as well, so pairs that nothing tells are believed
only where all of the history speaks for them: every client's value is a vector of two (an unknown or failed completion
may have none), and some operation that is invoked with nothing, such as a read, is invoked with [key nil].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS
from checkers.formats.building import Line
from checkers.formats.edn import KeyAndValue

INVOKED_WITH_NOTHING: Final = frozenset(("read", "get", "dequeue", "drain", "pop", "acquire", "release", "generate"))


def with_keys(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines with key and value apart, where they come as pairs."""
    clients = [line for line in lines if line.process != NEMESIS]
    if any(map(_is_said_to_be_pair, clients)):
        return [_apart(line) if _is_said_to_be_pair(line) else line for line in lines]
    if all(map(_may_be_pair, clients)) and any(map(_speaks_for_pairs, clients)):
        return [_apart(line) if line.process != NEMESIS and line.value is not None else line for line in lines]
    return lines


def _apart(line: Line) -> Line:
    key, value = line.value
    return msgspec.structs.replace(line, key=key, value=value)


def _is_said_to_be_pair(line: Line) -> bool:
    if isinstance(line.value, KeyAndValue):
        return True
    return line.pair_key is not None and _is_pair(line.value) and line.value[0] == line.pair_key


def _may_be_pair(line: Line) -> bool:
    if line.value is None:
        return line.type in ("info", "fail")
    return _is_pair(line.value)


def _speaks_for_pairs(line: Line) -> bool:
    return line.type == "invoke" and line.f in INVOKED_WITH_NOTHING and line.value[1] is None


def _is_pair(value: Any) -> bool:
    return type(value) is list and len(value) == 2 and not isinstance(value[0], list | dict)
