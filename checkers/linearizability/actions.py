"""Actions: what an operation of one register may have done to it, or saw in it.

Both algorithms work on actions, so this file alone decides what an outcome means:

- fail: certainly did not happen, so it is left out.
- ok: happened at one moment between its invocation and its completion (`certain`).
- info: may have happened at any moment after its invocation, or never. A read that is not ok says nothing.
- A compare-and-set that did not match is a read of the value that it saw; if that is the very value that it
  expected, nothing explains it (IMPOSSIBLE).
- A compare-and-set from a value to the same value changes nothing: it is a read when ok, and says nothing when info.

One object serves every sequential specification that we have: a register with read, write and compare-and-set
(`read`, `write`, `cas`), and strings that can be appended to (`get`, `put`, `append`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from enum import IntEnum
from typing import Final

import msgspec

from checkers.canonical import canonical
from checkers.checker import NotOfModel
from checkers.events import EventType
from checkers.history import PENDING, READS, Operation

Value = Hashable
"""A canonical value."""


class Kind(IntEnum):
    READ = 0
    """Needs the state to be `value`."""
    WRITE = 1
    """Makes the state `value`, whatever it was."""
    CAS = 2
    """Needs the state to be `expected`, makes it `value`; the two differ."""
    APPEND = 3
    """Adds the string `value` at the end of the state."""
    IMPOSSIBLE = 4
    """Cannot happen in any state."""


READ: Final = Kind.READ
WRITE: Final = Kind.WRITE
CAS: Final = Kind.CAS
APPEND: Final = Kind.APPEND
IMPOSSIBLE: Final = Kind.IMPOSSIBLE


class Action(msgspec.Struct, frozen=True, gc=False):
    """`invoked` < `returned`, both event indexes; `returned` is PENDING exactly if not `certain`."""

    kind: Kind
    value: Value
    expected: Value
    certain: bool
    invoked: int
    returned: int


class NotARegister(NotOfModel):
    """An operation that a register does not have."""


def actions(operations: Iterable[Operation]) -> list[Action]:
    """The actions of one key's operations, in the same order; operations that say nothing have none.

    Raises NotARegister for an operation other than read, write, cas, get, put and append, or a malformed one."""
    found = (action(operation) for operation in operations)
    return [each for each in found if each is not None]


def action(operation: Operation) -> Action | None:
    """The action of one operation, or None if it says nothing."""
    outcome = operation.outcome
    if outcome is EventType.FAIL:
        return None
    certain = outcome is EventType.OK
    f = operation.f
    if f in READS:
        return _make(operation, READ, operation.value) if certain else None
    if f in ("write", "put"):
        return _make(operation, WRITE, operation.value)
    if f == "cas":
        return _cas(operation)
    if f == "append" and isinstance(operation.value, str):
        return _make(operation, APPEND, operation.value)
    raise NotARegister(operation.invoked, f"a register has no {f} of {operation.value!r}")


def _make(operation: Operation, kind: Kind, value: object, expected: Value = None) -> Action:
    certain = operation.outcome is EventType.OK
    returned = operation.returned if certain else PENDING
    return Action(kind, canonical(value), expected, certain, operation.invoked, returned)


def _cas(operation: Operation) -> Action | None:
    pair = operation.value
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise NotARegister(operation.invoked, f"a cas needs [expected, new], not {pair!r}")
    expected, new = canonical(pair[0]), canonical(pair[1])
    certain = operation.outcome is EventType.OK
    if certain and not operation.matched:
        assert operation.completion is not None
        actual = operation.completion.actual
        return _make(operation, IMPOSSIBLE if canonical(actual) == expected else READ, actual)
    if expected == new:
        return _make(operation, READ, pair[0]) if certain else None
    return _make(operation, CAS, pair[1], expected)


def without_unseen(actions: Sequence[Action]) -> list[Action]:
    """Leaves out unknown writes and compare-and-sets whose value nobody needs. Appends make every value matter."""
    if any(action.kind == APPEND for action in actions):
        return list(actions)
    unknown: dict[Value, list[Action]] = {}
    for action in actions:
        if not action.certain:
            unknown.setdefault(action.value, []).append(action)
    todo = [need for action in actions if action.certain for need in needs(action)]
    kept: list[Action] = []
    while todo:
        found = unknown.pop(todo.pop(), ())
        kept += found
        todo += [need for action in found for need in needs(action)]
    return sorted([*(a for a in actions if a.certain), *kept], key=lambda action: action.invoked)


def needs(action: Action) -> tuple[Value, ...]:
    """The state without which the action cannot happen."""
    if action.kind == READ:
        return (action.value,)
    return (action.expected,) if action.kind == CAS else ()
