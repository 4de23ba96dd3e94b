"""Which states anybody may still see, in the general search.

A state that no read and no compare-and-set from here on needs, not even after appends, is like any other such state:
nothing tells them apart until the next WRITE. All of them become one, NOBODY_CARES. That keeps appends in check,
which otherwise make another string for every order in which they happened.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from typing import Final

from checkers.linearizability.actions import APPEND, Action, Value, needs

NOBODY_CARES: Final = ("nobody-cares",)
"""A state. It equals no canonical value."""


class Needed:
    """The values that actions need which have not returned."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._count = Counter(value for action in actions for value in needs(action))
        appends = any(action.kind == APPEND for action in actions)
        self._strings: list[str] | None = sorted(v for v in self._count if isinstance(v, str)) if appends else None

    def settled(self, state: Value) -> Value:
        """The state, or NOBODY_CARES."""
        if state in self._count or (self._strings is not None and self._is_beginning(state)):
            return state
        return NOBODY_CARES

    def returned(self, action: Action) -> None:
        for value in needs(action):
            self._count[value] -= 1
            if not self._count[value]:
                del self._count[value]
                if self._strings is not None and isinstance(value, str):
                    del self._strings[bisect_left(self._strings, value)]

    def needs_again(self, action: Action) -> None:
        """Undoes `returned`."""
        for value in needs(action):
            if self._strings is not None and isinstance(value, str) and value not in self._count:
                insort(self._strings, value)
            self._count[value] += 1

    def _is_beginning(self, state: Value) -> bool:
        """Whether appends can make a needed string of it: those that begin with it follow it in sorted order."""
        strings = self._strings
        if strings is None or not isinstance(state, str):
            return False
        at = bisect_left(strings, state)
        return at < len(strings) and strings[at].startswith(state)


def append(state: Value, more: Value) -> Value:
    """Raises TypeError for a state that is no string."""
    if state == NOBODY_CARES:
        return state
    if not isinstance(state, str) or not isinstance(more, str):
        raise TypeError(f"cannot append to {state!r}")
    return state + more
