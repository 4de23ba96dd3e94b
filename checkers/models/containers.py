"""Queues and stacks: FIFO, unordered, and last in first out.

Null is no element: a dequeue or pop that answers null found the object empty. A drain takes out everything at one
moment. An unknown dequeue or pop took what was there to be taken, whatever that was, or found nothing (which is as if
it had not happened). In a weakened history (checkers/objects/shrink.py) its input may be a set of elements that it is
known not to have taken, because somebody else did.

Unnoticed elements. An element that no certain operation mentions can be taken out of a history with all its
operations: whatever explains the history explains it without them, since what is left of each state stays in order, a
state that was empty is still empty, and an unknown dequeue that took it can as well not have happened; and whatever
explains the rest explains the whole, since none of these operations has to happen. So unknown additions of elements
that nobody is known to have taken out are not relevant.

An element with one unknown addition that is known to have been taken out certainly was added: its addition is certain,
and had happened by the time that the taking was answered.

Unordered queues, by element. Where nobody saw the queue empty, nothing ever asks for the absence of an element. Then an
unknown dequeue need not happen (leave it out: there is only more to take), and each other operation is about one
element, for which the queue is a number of copies; so the queue is one independent object for each element, and
linearizability composes (Herlihy and Wing, 1990, section 3.1). This is P-compositionality (Horn and Kroening, "Faster
Linearizability Checking via P-Compositionality", 2015), which ends where an operation looks at all elements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import msgspec

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import Operation
from checkers.models.model import UNKNOWN, Action, Call, Model, State, Value, answered, asked, elements_of, foreign

ADDS: Final = ("enqueue", "push")
TAKES: Final = ("dequeue", "pop")
DRAIN: Final = "drain"


class _Container(Model):
    def calls(self, operation: Operation) -> Call | None:
        f = operation.f
        if f in self.functions:
            if f in ADDS and asked(operation) is not None:
                return Call(f, asked(operation), None)
            if f in TAKES:
                return Call(f, None, answered(operation))
            if f == DRAIN:
                return self._drain(operation)
        raise foreign(self, operation)

    def _drain(self, operation: Operation) -> Call:
        if operation.outcome is EventType.INFO:
            return Call(DRAIN, None, UNKNOWN)
        if not isinstance(operation.value, list | tuple) or None in operation.value:
            raise foreign(self, operation)
        return Call(DRAIN, None, tuple(map(canonical, operation.value)))

    def given(self, value: Any) -> Sequence[Call]:
        return [Call(self.functions[0], element, None) for element in elements_of(value)]

    def observes(self, call: Call) -> bool:
        return found_empty(call)

    def relevant(self, actions: Sequence[Action]) -> Sequence[Action]:
        return settled(noticed(actions))


class FifoQueue(_Container):
    """State: the elements, oldest first."""

    name: Final = "fifo-queue"
    functions: Final = ("enqueue", "dequeue", "drain")
    start: Final = ()

    def step(self, state: State, call: Call) -> Iterable[State]:
        queue = cast("tuple[Value, ...]", state)
        if call.f == "enqueue":
            return ((*queue, call.input),)
        if call.f == DRAIN:
            return ((),) if call.output in (UNKNOWN, queue) else ()
        if call.output is None:
            return () if queue else (queue,)
        return (queue[1:],) if queue and _may_take(call, queue[0]) else ()

    def independent(self, first: Call, second: Call) -> bool:
        """An enqueue and a dequeue, unless the one is of what the other put there."""
        if (first.f, second.f) == ("enqueue", "dequeue"):
            return second.output not in (UNKNOWN, None, first.input)
        return (first.f, second.f) == ("dequeue", "enqueue") and first.output is not None


class UnorderedQueue(_Container):
    """State: (element, how many copies) for each that is there."""

    name: Final = "unordered-queue"
    functions: Final = ("enqueue", "dequeue", "drain")
    start: Final = frozenset[tuple[Value, int]]()

    def step(self, state: State, call: Call) -> Iterable[State]:
        copies = dict(cast("frozenset[tuple[Value, int]]", state))
        if call.f == "enqueue":
            return (_with(copies, call.input, 1),)
        if call.f == DRAIN:
            return (self.start,) if call.output is UNKNOWN or Counter(cast(Any, call.output)) == copies else ()
        if call.output is None:
            return () if copies else (state,)
        return [_with(copies, element, -1) for element in copies if _may_take(call, element)]

    def independent(self, first: Call, second: Call) -> bool:
        """All but a dequeue after an enqueue that it may depend on; and drains, and what found the queue empty."""
        if DRAIN in (first.f, second.f) or found_empty(first) or found_empty(second):
            return False
        if (first.f, second.f) == ("enqueue", "dequeue"):
            return second.output not in (UNKNOWN, first.input)
        return True

    def relevant(self, actions: Sequence[Action]) -> Sequence[Action]:
        if not any(action.certain and asks_for_absence(action.call) for action in actions):
            actions = [a for a in actions if a.call.output is not UNKNOWN and a.call.f != DRAIN]
        return super().relevant(actions)

    def parts(self, actions: Sequence[Action]) -> Sequence[Sequence[Action]]:
        parts: dict[Value, list[Action]] = {}
        for action in actions:
            call = action.call
            if call.f == DRAIN or call.output is UNKNOWN or found_empty(call):
                return (actions,)
            parts.setdefault(call.input if call.f == "enqueue" else call.output, []).append(action)
        return tuple(parts.values())


class Stack(_Container):
    """State: the elements, the top last."""

    name: Final = "stack"
    functions: Final = ("push", "pop")
    start: Final = ()

    def step(self, state: State, call: Call) -> Iterable[State]:
        stack = cast("tuple[Value, ...]", state)
        if call.f == "push":
            return ((*stack, call.input),)
        if call.output is None:
            return () if stack else (stack,)
        return (stack[:-1],) if stack and _may_take(call, stack[-1]) else ()


def _may_take(call: Call, element: Value) -> bool:
    if call.output is UNKNOWN:
        return call.input is None or element not in cast("frozenset[Value]", call.input)
    return call.output == element


def found_empty(call: Call) -> bool:
    return (call.f in TAKES and call.output is None) or (call.f == DRAIN and call.output == ())


def asks_for_absence(call: Call) -> bool:
    """Whether it tells that elements which it does not mention were not there."""
    return found_empty(call) or (call.f == DRAIN and call.output is not UNKNOWN)


def mentioned(call: Call) -> Sequence[Value]:
    """The elements that a call is known to have put in or taken out."""
    if call.f in ADDS:
        return (call.input,)
    if call.f not in (*TAKES, DRAIN) or call.output is UNKNOWN or call.output is None:
        return ()
    return cast("tuple[Value, ...]", call.output) if call.f == DRAIN else (call.output,)


def noticed(actions: Sequence[Action]) -> list[Action]:
    """Without the operations of elements that no certain operation mentions."""
    known = {element for action in actions if action.certain for element in mentioned(action.call)}
    return [action for action in actions if action.certain or not _only_of_others(action.call, known)]


def _only_of_others(call: Call, known: set[Value]) -> bool:
    elements = mentioned(call)
    return call.f != DRAIN and bool(elements) and elements[0] not in known


def settled(actions: Sequence[Action]) -> list[Action]:
    """With additions made certain of which there is one, and its element is known to have been taken out."""
    added = Counter(action.call.input for action in actions if action.call.f in ADDS)
    taken: dict[Value, int] = {}
    for action in actions:
        if action.certain and action.call.f not in ADDS:
            for element in mentioned(action.call):
                taken[element] = min(action.returned, taken.get(element, action.returned))

    def settle(action: Action) -> Action:
        element = action.call.input
        if action.certain or action.call.f not in ADDS or added[element] > 1 or element not in taken:
            return action
        # Taken before it was added: a contradiction, which an interval cannot show.
        return action if taken[element] <= action.invoked else _certain_until(action, taken[element])

    return [settle(action) for action in actions]


def _certain_until(action: Action, end: int) -> Action:
    return msgspec.structs.replace(action, certain=True, returned=end)


def _with(copies: dict[Value, int], element: Value, more: int) -> frozenset[tuple[Value, int]]:
    now = {**copies, element: copies.get(element, 0) + more}
    return frozenset((each, count) for each, count in now.items() if count)
