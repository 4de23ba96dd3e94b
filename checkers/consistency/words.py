"""Operations in words: who did what to which key, and when it was known."""

from __future__ import annotations

from typing import Final

from checkers.events import EventType
from checkers.history import READS, Operation
from checkers.linearizability.words import value

MOST_TOLD: Final = 8
"""Operations or wishes told in one sentence."""


def did(operation: Operation, *, node: bool = False) -> str:
    """'process 7 read 41 from x at 12.310 s', with `node` 'process 7 read 41 from x on n3 at 12.310 s'"""
    return f"process {operation.process} {_deed(operation)}{_node(operation) if node else ''} {_when(operation)}"


def moment(operation: Operation) -> str:
    """'process 3 had written at 12.020 s'"""
    verb = "had written" if operation.outcome is EventType.OK else "had sent"
    return f"process {operation.process} {verb} {_when(operation)}"


def _deed(operation: Operation) -> str:
    key = operation.key
    if operation.f in READS:
        return f"read {value(operation.value)} from {key}"
    if operation.f != "cas":
        return f"wrote {value(operation.value)} to {key}"
    expected, new = operation.value
    if operation.outcome is EventType.OK and not operation.matched:
        assert operation.completion is not None
        return f"found {value(operation.completion.actual)} instead of {value(expected)} in {key}"
    return f"set {key} from {value(expected)} to {value(new)}"


def _node(operation: Operation) -> str:
    node = operation.completion.node if operation.completion is not None else None
    return f" on {node}" if node else ""


def _when(operation: Operation) -> str:
    if operation.outcome is EventType.OK and operation.completion is not None:
        return f"at {operation.completion.time / 1e9:.3f} s"
    return f"(sent at {operation.invoke.time / 1e9:.3f} s, outcome unknown)"
