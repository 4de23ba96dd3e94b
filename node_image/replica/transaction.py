"""Transactions: steps over several keys in one entry, all of them or none.

    ["r", key, null]        reads a key of any type: its value stands in place of null in the answer
    ["w", key, value]       writes a plain value
    ["append", key, value]  adds an element at the end of a list
    ["add", key, amount]    adds a whole number to a counter
    ["is", key, value]      a condition: the key's plain value is this one (null: it has none)
    ["at-least", key, n]    a condition: the counter is not below n

Steps are taken in order, each sees what those before it did, and nobody sees a state between two of them. If a step is
refused (a condition that does not hold: `condition-failed`), those before it are taken back, the last one first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from node_image.replica.command import same
from node_image.replica.objects import Counter, List
from node_image.replica.state import Refused, State

Undo = list[Callable[[], None]]
Step = Callable[[State, str, Any, Undo], Any]

LEAST: Final = -(1 << 63)
MOST: Final = (1 << 63) - 1
"""What a counter can hold."""


def transact(state: State, steps: list[list[Any]]) -> list[list[Any]]:
    """The steps, with what was read. Raises Refused, and then the state is what it was."""
    undo: Undo = []
    try:
        return [[name, key, STEPS[name](state, key, argument, undo)] for name, key, argument in steps]
    except Refused:
        for take_back in reversed(undo):
            take_back()
        raise


def add_to_counter(state: State, key: str, amount: int) -> None:
    """Raises Refused for another type, and for a total that could not be stored."""
    found = state.find(key, Counter)
    total = amount + (found.total if found is not None else 0)
    if not LEAST <= total <= MOST:
        raise Refused("out-of-range")
    state.open(key, Counter).total = total


def _read(state: State, key: str, argument: Any, undo: Undo) -> Any:
    return state.read(key)


def _write(state: State, key: str, value: Any, undo: Undo) -> Any:
    was_there, before, lease = key in state.values, state.values.get(key), state.leases.get(key)
    state.put(key, value)

    def take_back() -> None:
        if was_there:
            state.values[key] = before
        else:
            del state.values[key]
        if lease is not None:
            state.leases[key] = lease

    undo.append(take_back)
    return value


def _append(state: State, key: str, element: Any, undo: Undo) -> Any:
    new = state.find(key, List) is None
    grown = state.open(key, List)
    grown.elements.append(element)
    undo.append(lambda: state.objects.__delitem__(key) if new else grown.elements.__delitem__(-1))
    return element


def _add(state: State, key: str, amount: Any, undo: Undo) -> Any:
    found = state.find(key, Counter)
    before = None if found is None else found.total
    add_to_counter(state, key, amount)

    def take_back() -> None:
        if before is None:
            del state.objects[key]
        else:
            state.open(key, Counter).total = before

    undo.append(take_back)
    return amount


def _is(state: State, key: str, value: Any, undo: Undo) -> Any:
    if key in state.objects:
        raise Refused("wrong-type")
    if not same(state.values.get(key), value):
        raise Refused("condition-failed")
    return value


def _at_least(state: State, key: str, least: Any, undo: Undo) -> Any:
    found = state.find(key, Counter)
    if (0 if found is None else found.total) < least:
        raise Refused("condition-failed")
    return least


STEPS: Final[dict[str, Step]] = {
    "r": _read,
    "w": _write,
    "append": _append,
    "add": _add,
    "is": _is,
    "at-least": _at_least,
}
