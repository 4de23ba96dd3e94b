"""Sets: add and remove an element, whether it is there, and all elements at once.

By element. Where nobody read all elements, each operation is about one element, and what the set holds of others means
nothing to it; so it is one independent object for each element, a register of true and false, and linearizability
composes (Herlihy and Wing, 1990, section 3.1). A read of all elements ends that: two reads can be right element by
element and yet need two orders.

Not relevant: an unknown add of an element that nobody saw there. Take all such adds out of a linearization: the element
is then there less often, which only they asked for who saw it. For an unknown remove of an element that nobody missed,
likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import Operation
from checkers.models.model import UNKNOWN, Action, Call, Model, State, Value, asked, elements_of, foreign

Elements = frozenset[Value]


class Set(Model):
    """State: the elements that are there."""

    name: Final = "set"
    functions: Final = ("add", "remove", "contains", "read")
    start: Final = frozenset[Value]()

    def calls(self, operation: Operation) -> Call | None:
        f, value = operation.f, operation.value
        certain = operation.outcome is EventType.OK
        if f in ("add", "remove"):
            return Call(f, asked(operation), None)
        if f == "contains":
            return self._contains(operation) if certain else None
        if f == "read" and (not certain or isinstance(value, list | tuple)):
            return Call(f, None, frozenset(map(canonical, value))) if certain else None
        raise foreign(self, operation)

    def _contains(self, operation: Operation) -> Call:
        value = operation.value
        if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[1], bool):
            raise foreign(self, operation)
        return Call("contains", canonical(value[0]), value[1])

    def given(self, value: Any) -> Sequence[Call]:
        return [Call("add", element, None) for element in elements_of(value)]

    def step(self, state: State, call: Call) -> Iterable[State]:
        elements = cast(Elements, state)
        if call.f == "add":
            return (elements | {call.input},)
        if call.f == "remove":
            return (elements - {call.input},)
        if call.f == "contains":
            return (state,) if (call.input in elements) == call.output else ()
        return (state,) if call.output == elements else ()

    def observes(self, call: Call) -> bool:
        return call.f in ("contains", "read")

    def independent(self, first: Call, second: Call) -> bool:
        return "read" not in (first.f, second.f) and (first.input != second.input or first.f == second.f)

    def relevant(self, actions: Sequence[Action]) -> Sequence[Action]:
        seen, missed, snapshots = _looked_at(actions)
        everywhere = frozenset.intersection(*snapshots) if snapshots else None

        def matters(action: Action) -> bool:
            element = action.call.input
            if action.certain or action.call.f == "add":
                return action.certain or element in seen
            return element in missed or (everywhere is not None and element not in everywhere)

        return [action for action in actions if matters(action)]

    def parts(self, actions: Sequence[Action]) -> Sequence[Sequence[Action]]:
        if any(action.call.f == "read" for action in actions):
            return (actions,)
        parts: dict[Value, list[Action]] = {}
        for action in actions:
            parts.setdefault(action.call.input, []).append(action)
        return tuple(parts.values())


def _looked_at(actions: Sequence[Action]) -> tuple[set[Value], set[Value], list[Elements]]:
    """Elements that somebody saw, elements that somebody missed one by one, and all that was read at once."""
    seen: set[Value] = set()
    missed: set[Value] = set()
    snapshots: list[Elements] = []
    for action in actions:
        call = action.call
        if action.certain and call.f == "contains":
            (seen if call.output else missed).add(call.input)
        elif action.certain and call.f == "read" and call.output is not UNKNOWN:
            snapshots.append(cast(Elements, call.output))
            seen |= snapshots[-1]
    return seen, missed, snapshots
