"""Operations of any object in words, for people: who did what, and when it was known."""

from __future__ import annotations

from typing import Any, Final

from checkers.events import EventType
from checkers.history import Operation
from checkers.linearizability.words import at, ends, value

_DONE: Final = {
    "enqueue": "enqueued {}",
    "push": "pushed {}",
    "remove": "removed {}",
    "acquire": "acquired the lock",
    "release": "released the lock",
    "drain": "drained {}",
    "read": "read {}",
    "add": "added {}",
}
_NOUNS: Final = {name: name for name in ("acquire", "release", "dequeue", "pop", "drain")} | {"txn": "transaction"}


def did(op: Operation) -> str:
    """'process 3 dequeued 7 at 0.005 s'"""
    return f"process {op.process} {done(op)} {at((op.completion or op.invoke).time)}"


def done(op: Operation) -> str:
    """'dequeued 7', 'found the queue empty', 'acquired the lock (token 5)'"""
    if op.f in ("dequeue", "pop"):
        object_ = "queue" if op.f == "dequeue" else "stack"
        past = "dequeued" if op.f == "dequeue" else "popped"
        return f"found the {object_} empty" if op.value is None else f"{past} {value(op.value)}"
    if op.f == "contains":
        return f"{'saw' if op.value[1] else 'missed'} {value(op.value[0])}"
    if op.f == "txn":
        return ", ".join(map(_micro, op.value))
    token = f" (token {value(op.value)})" if op.f in ("acquire", "release") and op.value is not None else ""
    return _DONE.get(op.f, f"did {op.f} {{}}").format(value(op.value)) + token


def _micro(micro: Any) -> str:
    """'read x = 1', 'wrote y = 2'"""
    return f"{'read' if micro[0] in ('r', 'read') else 'wrote'} {micro[1]} = {value(micro[2])}"


def deed(op: Operation) -> str:
    """'process 3's enqueue of 7'"""
    return f"process {op.process}'s {_NOUNS.get(op.f) or f'{op.f} of {value(asked(op))}'}"


def asked(op: Operation) -> Any:
    return op.invoke.value


def had_been(op: Operation) -> str:
    """'process 3's enqueue of 7 had been acknowledged at 0.002 s'"""
    return f"{deed(op)} had been acknowledged {at((op.completion or op.invoke).time)}"


def sent(op: Operation) -> str:
    """'process 3's enqueue of 7 was sent at 0.001 s'"""
    return f"{deed(op)} was sent {at(op.invoke.time)}"


def between(op: Operation) -> str:
    """With both ends: 'process 3 dequeued 7 (0.004 s to 0.005 s)'"""
    known = op.outcome is EventType.OK and op.completion is not None
    return f"{f'process {op.process} {done(op)}' if known else deed(op)} {ends(op)}"
