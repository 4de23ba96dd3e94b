"""What is wrong inside one transaction, whatever all others do.

internal: a read differs from what the transaction itself had last read or written of that key (axiom INT of Cerone,
Bernardi and Gotsman, "A Framework for Transactional Consistency Models with Atomic Visibility"). future-read: a read
shows what the transaction itself writes only later.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

from checkers.canonical import canonical

Steps: TypeAlias = Sequence[Sequence[Any]]


def internal_of_lists(steps: Steps) -> tuple[int, str] | None:
    """The first read that contradicts an earlier step, with what it should have shown."""
    state: dict[Hashable, tuple[bool, list[Any]]] = {}
    """Key -> whether the whole list is known, and the list, or what must be its end."""
    for at, (f, key, what) in enumerate(steps):
        place = canonical(key)
        whole, expected = state.get(place, (False, []))
        if f == "append":
            state[place] = whole, [*expected, what]
            continue
        read = list(what or [])
        end = read[len(read) - len(expected) :] if len(expected) <= len(read) else None
        if canonical(read if whole else end) != canonical(expected):
            shown = " ".join([*([] if whole else ["..."]), *map(str, expected)])
            return at, f"[{shown}]"
        state[place] = True, read
    return None


def internal_of_registers(steps: Steps) -> tuple[int, Any] | None:
    state: dict[Hashable, Any] = {}
    for at, (f, key, what) in enumerate(steps):
        place = canonical(key)
        if f == "r" and place in state and canonical(state[place]) != canonical(what):
            return at, state[place]
        state[place] = what
    return None


def future_read(steps: Steps) -> tuple[int, int] | None:
    """A read, and the later write whose value it shows."""
    for write, (f, key, what) in enumerate(steps):
        if f == "r":
            continue
        for read, (g, other, shown) in enumerate(steps[:write]):
            same = g == "r" and canonical(other) == canonical(key)
            values = shown if isinstance(shown, list | tuple) and f == "append" else [shown]
            if same and canonical(what) in map(canonical, values):
                return read, write
    return None
