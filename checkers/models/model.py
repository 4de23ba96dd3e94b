"""What a model is: an object's sequential specification, and what a search may know about it.

A model says what one operation after another does to an object. That is all that a search needs in order to be right;
the rest of the protocol is what makes it fast, and each has an answer that is always right: no.

A `Call` is an operation as a model sees it: canonical values (checkers/canonical.py), and an output that is UNKNOWN
where no answer came. `step` then gives every state that some answer would have led to, so an unknown dequeue may take
whatever is there to be taken.

An `Action` is a call with its place in the history. One that is `certain` happened between `invoked` and `returned`;
any other happened some time after `invoked`, or never. An operation that was only weakened to that (shrink.py) keeps
the output that it is known to have, unless it is a drain.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from checkers.canonical import canonical
from checkers.checker import NotOfModel
from checkers.events import EventType
from checkers.history import PENDING, Operation

State: TypeAlias = Hashable
Value: TypeAlias = Hashable
"""A canonical value."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""The output of an operation whose answer never came. It equals no canonical value."""


class Call(NamedTuple):
    f: str
    input: Value
    output: Value
    process: int | None = None
    """None where the object does not care who calls."""


class Action(msgspec.Struct, frozen=True, gc=False):
    """`invoked` < `returned`, both event indexes; `returned` is PENDING exactly if not `certain`."""

    call: Call
    certain: bool
    invoked: int
    returned: int


class Model(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def functions(self) -> Sequence[str]:
        """The f of its operations."""

    def calls(self, operation: Operation) -> Call | None:
        """What an operation that did not fail asks of the object; None if it says nothing. Raises NotOfModel."""

    @property
    def start(self) -> State:
        """The state of an object that nothing was done to."""

    def given(self, value: Any) -> Sequence[Call]:
        """Calls that bring a new object to where it holds this value (as in histories; null: none). Raises ValueError,
        with what the value has to be."""

    def step(self, state: State, call: Call) -> Iterable[State]:
        """The states in which the call may leave the object; none where it cannot happen."""

    def observes(self, call: Call) -> bool:
        """Whether the call changes no state whatever: it can be made the moment that it is possible."""
        return False

    def independent(self, first: Call, second: Call) -> bool:
        """Whether `second` directly after `first` could as well have come directly before it, wherever that is
        possible, with the same state in the end."""
        return False

    def covers(self, one: State, other: State) -> bool:
        """Whether everything that can happen from `other` can happen from `one`. Asked for states of one group."""
        return one == other

    def group(self, state: State) -> Hashable:
        """States of different groups do not cover each other."""
        return state

    def relevant(self, actions: Sequence[Action]) -> Sequence[Action]:
        """Actions that are linearizable exactly if these are: without what nobody can notice."""
        return actions

    def anything(self, actions: Sequence[Action]) -> Sequence[State]:
        """States such that whatever state there is, one of them can do all that it can, with these actions. None where
        there is no small number of them."""
        return ()

    def parts(self, actions: Sequence[Action]) -> Sequence[Sequence[Action]]:
        """Parts that are linearizable exactly if all are together."""
        return (actions,)


def read_actions(model: Model, operations: Iterable[Operation]) -> list[Action]:
    """The actions of one object's operations, in the same order. Operations that failed, and those that say nothing,
    have none. Raises NotOfModel."""
    found: list[Action] = []
    for operation in operations:
        outcome = operation.outcome
        if outcome is not EventType.FAIL:
            call = model.calls(operation)
            if call is not None:
                certain = outcome is EventType.OK
                found.append(Action(call, certain, operation.invoked, operation.returned if certain else PENDING))
    return found


def asked(operation: Operation) -> Value:
    """What was invoked, canonical."""
    return canonical(operation.invoke.value)


def answered(operation: Operation) -> Value:
    """The answer, canonical; UNKNOWN where none came."""
    return canonical(operation.value) if operation.outcome is EventType.OK else UNKNOWN


def foreign(model: Model, operation: Operation) -> NotOfModel:
    """The exception for an operation that the model does not have, or not with such a value."""
    return NotOfModel(operation.invoked, f"a {model.name} has no {operation.f} of {operation.value!r}")


def beginning_with(model: Model, value: Any) -> list[Action]:
    """What made an object's initial value, as if it had been done one after another before all events."""
    calls = model.given(value)
    first = -2 * len(calls)
    return [Action(call, True, first + 2 * at, first + 2 * at + 1) for at, call in enumerate(calls)]


def elements_of(value: Any) -> Sequence[Value]:
    """The elements of a container's initial value. Raises ValueError."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or None in value:
        raise ValueError("a list of elements, none of them null")
    return tuple(map(canonical, value))
