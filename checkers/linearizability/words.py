"""Operations in words, for people: who did what, and when it was known."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from checkers.events import EventType
from checkers.history import READS, Operation

LONGEST_VALUE: Final = 60
"""Characters of a value that are shown."""


def value(any_value: Any) -> str:
    """A JSON value as JSON, shortened."""
    text = msgspec.json.encode(any_value).decode()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def at(time_ns: int) -> str:
    return f"at {time_ns / 1e9:.3f} s"


def did(op: Operation) -> str:
    """'process 7 read 41 at 12.310 s'"""
    return f"process {op.process} {_verb(op)} {_when(op)}"


def had_done(op: Operation) -> str:
    """'process 3's write of 52 had been acknowledged at 12.020 s', 'process 7 had read 41 at 12.310 s'"""
    if is_observation(op):
        return f"process {op.process} had {_verb(op)} {_when(op)}"
    end = f"had been acknowledged {_when(op)}" if op.outcome is EventType.OK else f"had been sent {_sent(op)}"
    return f"{deed(op)} {end}"


def deed(op: Operation) -> str:
    """'process 3's write of 52', 'process 3's compare-and-set from 4 to 52'"""
    return f"process {op.process}'s {what(op)}"


def what(op: Operation) -> str:
    """'write of 52'"""
    if op.f == "cas":
        return f"compare-and-set from {value(op.value[0])} to {value(op.value[1])}"
    return f"{op.f} of {value(op.value)}"


def sent(op: Operation) -> str:
    """'was sent at 12.020 s'"""
    return f"was sent {_sent(op)}"


def between(op: Operation) -> str:
    """With both ends: 'process 3's write of 52 (12.010 s to 12.020 s)'"""
    return f"{_subject(op)} {ends(op)}"


def ends(op: Operation) -> str:
    """'(12.010 s to 12.020 s)', '(from 12.010 s, outcome unknown)'"""
    begin = f"{op.invoke.time / 1e9:.3f} s"
    if op.outcome is EventType.OK and op.completion is not None:
        return f"({begin} to {op.completion.time / 1e9:.3f} s)"
    return f"(from {begin}, outcome unknown)"


def is_observation(op: Operation) -> bool:
    """Reads, and compare-and-sets that did not match."""
    return op.f in READS or (op.f == "cas" and op.outcome is EventType.OK and not op.matched)


def _subject(op: Operation) -> str:
    return f"process {op.process} {_verb(op)}" if is_observation(op) else deed(op)


def _verb(op: Operation) -> str:
    if op.f == "cas" and op.outcome is EventType.OK and not op.matched:
        assert op.completion is not None
        return f"found {value(op.completion.actual)} instead of {value(op.value[0])}"
    if op.f == "cas":
        return f"replaced {value(op.value[0])} by {value(op.value[1])}"
    verbs = {"read": "read", "get": "read", "write": "wrote", "put": "wrote", "append": "appended"}
    return f"{verbs[op.f]} {value(op.value)}"


def _when(op: Operation) -> str:
    known = op.completion if op.completion is not None and op.outcome is EventType.OK else op.invoke
    return at(known.time)


def _sent(op: Operation) -> str:
    return at(op.invoke.time)
