"""Several registers that one transaction reads and writes at one moment.

Operations: `txn` (or none but `read` and `write` for short histories from elsewhere) with a list of micro-operations,
`["r", key, value]` and `["w", key, value]`, also spelled `read` and `write`. What was read is null where the
transaction was invoked. A read in a transaction sees what the transaction itself wrote before.

Parts: keys that some transaction names together, directly or over others, belong together; transactions on different
groups of keys are operations of different objects, and linearizability composes (Herlihy and Wing, 1990, section 3.1).

Not seen, not relevant: an unknown transaction of which nobody needs a value that it wrote can be left out. Take a
linearization and take out all of them at once. Where one of their values was the state of a key, no remaining
transaction read that key, for it would have needed the value; so nobody notices that an older one is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from checkers.canonical import canonical
from checkers.checker import NotOfModel
from checkers.events import EventType
from checkers.history import Operation
from checkers.models.model import UNKNOWN, Action, Call, Model, State, Value, foreign

_KINDS: Final = {"r": "r", "read": "r", "w": "w", "write": "w"}
Micro = tuple[str, Value, Value]
"""(r or w, key, value); the value of a read is UNKNOWN where no answer came."""
Registers = frozenset[tuple[Value, Value]]
"""(key, value) of the keys that are not null."""


class MultiRegister(Model):
    """State: what each key holds."""

    name: Final = "multi-register"
    functions: Final = ("txn",)
    start: Final = frozenset[tuple[Value, Value]]()

    def calls(self, operation: Operation) -> Call | None:
        micros = operation.value
        if operation.f != "txn" or not isinstance(micros, list | tuple) or operation.key is not None:
            raise foreign(self, operation)
        known = operation.outcome is EventType.OK
        found = tuple(_micro(self, operation, micro, known) for micro in micros)
        writes = any(kind == "w" for kind, _, _ in found)
        return Call("txn", found, found) if found and (known or writes) else None

    def given(self, value: Any) -> Sequence[Call]:
        if value is None:
            return ()
        if not isinstance(value, dict):
            raise ValueError("an object with a value for each key")
        return [_write(canonical(key), canonical(each)) for key, each in value.items()]

    def step(self, state: State, call: Call) -> Iterable[State]:
        before = dict(cast(Registers, state))
        now = dict(before)
        for kind, key, value in _micros(call):
            if kind == "w":
                now[key] = value
            elif value is not UNKNOWN and now.get(key) != value:
                return ()
        if now == before:
            return (state,)
        return (frozenset(each for each in now.items() if each[1] is not None),)

    def observes(self, call: Call) -> bool:
        return all(kind == "r" for kind, _, _ in _micros(call))

    def independent(self, first: Call, second: Call) -> bool:
        return not _keys(first) & _keys(second)

    def relevant(self, actions: Sequence[Action]) -> Sequence[Action]:
        unknown = [action for action in actions if not action.certain]
        kept = [action for action in actions if action.certain]
        needed = {need for action in kept for need in _needs(action.call)}
        while found := [action for action in unknown if needed & _written(action.call)]:
            unknown = [action for action in unknown if not needed & _written(action.call)]
            kept += found
            needed = {need for action in found for need in _needs(action.call)}
        return sorted(kept, key=lambda action: action.invoked)

    def parts(self, actions: Sequence[Action]) -> Sequence[Sequence[Action]]:
        leader: dict[Value, Value] = {}

        def find(key: Value) -> Value:
            while (above := leader.setdefault(key, key)) != key:
                leader[key] = leader[above]
                key = above
            return key

        for action in actions:
            first, *rest = [key for _, key, _ in _micros(action.call)]
            for key in rest:
                leader[find(key)] = find(first)
        parts: dict[Value, list[Action]] = {}
        for action in actions:
            parts.setdefault(find(_micros(action.call)[0][1]), []).append(action)
        return tuple(parts.values())


def _micro(model: Model, operation: Operation, micro: Any, known: bool) -> Micro:
    if not isinstance(micro, list | tuple) or len(micro) != 3 or micro[0] not in _KINDS:
        has = '["r", key, value] and ["w", key, value]'
        raise NotOfModel(operation.invoked, f"a {model.name} has {has}, not {micro!r}")
    kind = _KINDS[micro[0]]
    return kind, canonical(micro[1]), canonical(micro[2]) if known or kind == "w" else UNKNOWN


def _write(key: Value, value: Value) -> Call:
    return Call("txn", (("w", key, value),), (("w", key, value),))


def _micros(call: Call) -> Sequence[Micro]:
    return cast("Sequence[Micro]", call.input)


def _keys(call: Call) -> set[Value]:
    return {key for _, key, _ in _micros(call)}


def _needs(call: Call) -> set[tuple[Value, Value]]:
    return {(key, value) for kind, key, value in _micros(call) if kind == "r" and value is not UNKNOWN}


def _written(call: Call) -> set[tuple[Value, Value]]:
    return {(key, value) for kind, key, value in _micros(call) if kind == "w"}
