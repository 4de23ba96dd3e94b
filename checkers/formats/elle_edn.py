"""Histories of transactions as Elle reads them: EDN maps with :type and :value, and perhaps :process, :index, :time and
:error; a value is a list of micro-operations, [:append k v] and [:r k [v ...]], or [:w k v] and [:r k v].

Elle accepts completions alone. What is then known of when a transaction began is that its process had ended the one
before; the file's order is the order in which they ended. So it is invoked right after that one's completion, or at the
beginning. Where no event has a process, nothing is known but what the values say: all are invoked at the beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS
from checkers.formats.building import Builder, Line, in_order
from checkers.formats.maps import line_of, maps_of, shown
from checkers.history import History, HistoryError

MICRO_OPERATIONS: Final = ("append", "r", "w")
TRANSACTION: Final = "txn"


def read_elle_edn(data: bytes) -> History:
    """Raises HistoryError."""
    lines = [_transaction(line_of(line, element, ("type",))) for line, element in maps_of(data)]
    clients = [line for line in lines if line.process != NEMESIS]
    without = [line for line in clients if line.process is None]
    if without and len(without) < len(clients):
        raise HistoryError(without[0].line, "an event without :process, which others have")
    if not any(line.type == "invoke" for line in clients):
        lines = [*_invoked(in_order(lines))]
    elif without:
        raise HistoryError(without[0].line, "an event without :process, by which invocations find their completions")
    return Builder().history(lines)


def _transaction(line: Line) -> Line:
    if line.process == NEMESIS:
        return line if line.f is not None else msgspec.structs.replace(line, f=NEMESIS)
    value = line.value
    if value is not None:
        if not isinstance(value, list | tuple) or not all(map(_is_micro_operation, value)):
            raise HistoryError(line.line, f"{shown(value)} is no list of [:append k v], [:r k v] or [:w k v]")
        value = [[*each, None] if len(each) == 2 else each for each in value]
    return msgspec.structs.replace(line, f=TRANSACTION, value=value)


def _is_micro_operation(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return False
    return value[0] in MICRO_OPERATIONS and (len(value) == 3 or value[0] == "r")


def _invoked(completions: Sequence[Line]) -> Iterator[Line]:
    """The completions with an invocation for each."""
    named = [
        line if line.process is not None else msgspec.structs.replace(line, process=at)
        for at, line in enumerate(completions)
    ]
    following: dict[Any, deque[Line]] = {}
    for line in named:
        if line.process != NEMESIS:
            following.setdefault(_hashable(line), deque()).append(line)
    for own in following.values():
        yield _invocation(own.popleft())
    for line in named:
        yield msgspec.structs.replace(line, index=None)
        if line.process != NEMESIS and (own := following[line.process]):
            yield _invocation(own.popleft(), line.time)


def _hashable(line: Line) -> Any:
    if isinstance(line.process, list | dict):
        raise HistoryError(line.line, f"process {shown(line.process)} is neither a number nor nemesis")
    return line.process


def _invocation(completion: Line, time: Any = 0) -> Line:
    value = completion.value
    asked = None if value is None else [[*each[:2], None] if each[0] == "r" else each for each in value]
    return Line(completion.line, completion.process, "invoke", TRANSACTION, asked, time=time)
