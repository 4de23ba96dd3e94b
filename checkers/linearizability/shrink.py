"""From a contradiction to a minimal one: actions that contradict each other, each of them needed.

Shrinking must not invent contradictions. To leave out a write could do that (a read of its value would have nothing
to read), so actions are only ever weakened, such that whatever explains the whole history explains the weaker one:

- a read (and a compare-and-set that did not match) is left out;
- a write becomes unknown: it may have happened at any time after its invocation, or never;
- a compare-and-set becomes an unknown write of its new value, which no longer needs its expected value.

The more is weakened, the more is possible, so an action that was needed once is needed for good and one pass over the
actions ends with a minimal set. It starts with halves, because most actions of a long history are not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from checkers.checker import OutOfTime
from checkers.history import PENDING
from checkers.linearizability.actions import APPEND, IMPOSSIBLE, READ, WRITE, Action, Value, without_unseen

MANY: Final = 64
"""Actions from which on whole groups are tried first."""
IsContradiction = Callable[[Sequence[Action]], bool]


@dataclass(frozen=True)
class Shrunk:
    """`core` contradict each other, given the weakened `context`: the other writes whose values somebody in the core
    needs. `minimal` is False if time ran out before that was sure."""

    core: Sequence[Action]
    context: Sequence[Action]
    minimal: bool = True


def weakened(action: Action) -> Action | None:
    """What is left of an action: None if nothing."""
    if action.kind in (READ, IMPOSSIBLE):
        return None
    kind = APPEND if action.kind == APPEND else WRITE
    return msgspec.structs.replace(action, kind=kind, expected=None, certain=False, returned=PENDING)


def with_context(everything: Sequence[Action], core: Sequence[Action]) -> list[Action]:
    """The core as it is and, of everything else, the weakened writes that can matter to it, by invocation."""
    kept = {action.invoked: action for action in core}
    found = (kept.get(action.invoked) or weakened(action) for action in everything)
    return without_unseen([action for action in found if action is not None])


def shrink(everything: Sequence[Action], core: Sequence[Action], is_contradiction: IsContradiction) -> Shrunk:
    """A minimal part of `core`, which must be a contradiction among `everything`, that still is one.

    The core may hold actions of a history's beginning, unknown where they are certain in `everything`. What is left
    of them is shrunk again as they are there, since with their returns less may do."""
    search = _Shrinking(everything, core, is_contradiction)
    search.run()
    left = {action.invoked for action in search.core}
    whole = [action for action in everything if action.invoked in left]
    if whole != search.core:
        again = _Shrinking(everything, whole, is_contradiction)
        again.run()
        again.sure &= search.sure
        search = again
    left = {action.invoked for action in search.core}
    return Shrunk(search.core, [action for action in search.all if action.invoked not in left], search.sure)


class _Shrinking:
    def __init__(self, everything: Sequence[Action], core: Sequence[Action], is_contradiction: IsContradiction) -> None:
        self.core = sorted(core, key=lambda action: action.invoked)
        self.all = with_context(everything, self.core)
        self.sure = True
        self._is_contradiction = is_contradiction

    def run(self) -> None:
        if len(self.core) > MANY:
            self._drop_groups()
        size = len(self.core)
        while size > 1:
            size = min((size + 1) // 2, len(self.core))
            self._drop_pieces(size)

    def _drop_groups(self) -> None:
        """Tries to do without all observations, or all writes, of a value: where values repeat, few of them matter,
        but of those that do nearly every action is needed."""
        groups: dict[tuple[bool, Value], set[int]] = {}
        for action in self.core:
            groups.setdefault((action.kind == READ, action.value), set()).add(action.invoked)
        for group in groups.values():
            smaller = [action for action in self.core if action.invoked not in group]
            if smaller:
                self._drop(smaller)

    def _drop_pieces(self, size: int) -> None:
        """Tries to do without each piece of this size, oldest first."""
        at = 0
        while at < len(self.core) and len(self.core) > 1:
            smaller = self.core[:at] + self.core[at + size :]
            if not self._drop(smaller):
                at += size

    def _drop(self, smaller: list[Action]) -> bool:
        rest = with_context(self.all, smaller)
        try:
            if not self._is_contradiction(rest):
                return False
        except OutOfTime:
            self.sure = False
            return False
        self.core, self.all = smaller, rest
        return True
