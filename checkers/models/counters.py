"""A counter: add a whole number, which may be negative; read the sum. It begins at 0."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from checkers.events import EventType
from checkers.history import Operation
from checkers.models.model import Call, Model, State, asked, foreign


class Counter(Model):
    """State: the sum."""

    name: Final = "counter"
    functions: Final = ("add", "read")
    start: Final = 0

    def calls(self, operation: Operation) -> Call | None:
        f = operation.f
        if f == "add" and _whole(operation.invoke.value):
            return Call(f, asked(operation), None)
        if f == "read" and (operation.outcome is EventType.INFO or _whole(operation.value)):
            return Call(f, None, operation.value) if operation.outcome is EventType.OK else None
        raise foreign(self, operation)

    def given(self, value: Any) -> Sequence[Call]:
        if value is None or value == 0:
            return ()
        if not _whole(value):
            raise ValueError("a whole number")
        return (Call("add", value, None),)

    def step(self, state: State, call: Call) -> Iterable[State]:
        if call.f == "add":
            return (cast(int, state) + cast(int, call.input),)
        return (state,) if state == call.output else ()

    def observes(self, call: Call) -> bool:
        return call.f == "read"

    def independent(self, first: Call, second: Call) -> bool:
        return first.f == second.f == "add"


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
