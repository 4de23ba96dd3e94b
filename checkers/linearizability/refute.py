"""Checks a contradiction: tries every order of it, and finds that none explains it.

Like validate.py, this is the small program that has to be right when the clever ones may not be, and shares nothing
with them. It takes operations as recorded and the invocation indexes of those that are said to contradict each other,
the core. Everything else is made so weak that whatever explains the history explains what is left:

- what failed did not happen, and observations are left out;
- any other write, compare-and-set or append may happen once at any moment after its invocation, or never; a
  compare-and-set then needs no expected value, and one from a value to itself is left out, for it changes nothing.

If even so no order exists, the core is a contradiction. Of the others only those are tried that lead to a state which
the core needs and are followed by what needs it, for any other could as well not have happened; and of several that do
the same, the one that was sent first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import Operation

MOST_STEPS: Final = 1_000_000
"""Situations that are tried, times the size of the core. A core that needs more is not accepted."""


class TooLarge(Exception):
    """More situations than anybody wants to try."""


class _Deed(NamedTuple):
    """What an operation needs (a list of one value, or of none) and what it does to a state."""

    needs: tuple[Any, ...]
    refuses: tuple[Any, ...]
    """The value that a compare-and-set which did not match must not have found."""
    puts: tuple[Any, ...]
    appends: str | None
    invoked: int
    returned: int
    must: bool


def core_flaw(operations: Sequence[Operation], core: Sequence[int], initial: Any) -> str | None:
    """Why these operations do not contradict each other, or are not all needed; None if they do and are."""
    known = {operation.invoked for operation in operations if operation.outcome is not EventType.FAIL}
    if not core or len(set(core)) != len(core) or not known.issuperset(core):
        return "the core is not a set of operations that may have happened"
    try:
        if possible(operations, core, initial):
            return "there is an order that explains these operations"
        for index in core:
            if not possible(operations, [other for other in core if other != index], initial):
                return f"operation {index} is not needed"
    except TooLarge:
        return f"more than {MOST_STEPS} steps would have to be tried"
    return None


def possible(operations: Sequence[Operation], core: Sequence[int], initial: Any) -> bool:
    """Whether some order explains the core, with everything else weakened. Raises TooLarge."""
    inside, chosen = set(core), []
    others: dict[tuple[Any, ...], list[int]] = {}
    for operation in operations:
        if operation.outcome is EventType.FAIL:
            continue
        if operation.invoked in inside:
            chosen.append(_deed(operation))
        elif (weak := _weak(operation)) is not None:
            others.setdefault(weak, []).append(operation.invoked)
    return _Orders(chosen, others).possible(canonical(initial))


def _deed(operation: Operation) -> _Deed:
    f, value, ok = operation.f, operation.value, operation.outcome is EventType.OK
    when = operation.invoked, operation.returned, ok
    if f in ("read", "get"):
        return _Deed((canonical(value),), (), (), None, *when)
    if f in ("write", "put"):
        return _Deed((), (), (canonical(value),), None, *when)
    if f == "append":
        return _Deed((), (), (), value, *when)
    expected, new = map(canonical, value)
    if ok and not operation.matched:
        assert operation.completion is not None
        return _Deed((canonical(operation.completion.actual),), (expected,), (), None, *when)
    return _Deed((expected,), (), (new,), None, *when)


def _weak(operation: Operation) -> tuple[Any, ...] | None:
    """('put', value) or ('append', text); None where nothing is left of it."""
    if operation.f == "append":
        return "append", operation.value
    if operation.f in ("write", "put"):
        return "put", canonical(operation.value)
    if operation.f != "cas" or (operation.outcome is EventType.OK and not operation.matched):
        return None
    expected, new = map(canonical, operation.value)
    return None if expected == new else ("put", new)


@dataclass
class _Orders:
    core: Sequence[_Deed]
    others: dict[tuple[Any, ...], list[int]]
    """What it does -> when each that does it was sent."""

    def possible(self, initial: Any) -> bool:
        """Depth first, no situation twice: what is left of the core, how many others of each kind happened, the
        state, and whether one of the others has just happened, so that somebody has to see it."""
        start = _Situation(frozenset(range(len(self.core))), frozenset(), initial, False)
        tried, todo = {start}, [start]
        while todo:
            here = todo.pop()
            if not any(self.core[at].must for at in here.left):
                return True
            fresh = {*self._core_next(here), *self._others_next(here)} - tried
            tried |= fresh
            todo += fresh
            if len(tried) * len(self.core) > MOST_STEPS:
                raise TooLarge
        return False

    def _core_next(self, here: _Situation) -> Iterator[_Situation]:
        first_return = min(self.core[at].returned for at in here.left)
        for at in here.left:
            deed = self.core[at]
            fits = all(here.state == value for value in deed.needs) and here.state not in deed.refuses
            idle = here.unseen and not deed.needs and deed.appends is None
            if deed.invoked < first_return and fits and not idle:
                yield _Situation(here.left - {at}, here.used, _after(here.state, deed), False)

    def _others_next(self, here: _Situation) -> Iterator[_Situation]:
        first_return = min(self.core[at].returned for at in here.left)
        wanted = {value for at in here.left for value in self.core[at].needs}
        used = dict(here.used)
        for other, sent in self.others.items():
            count = used.get(other, 0)
            if count == len(sent) or sent[count] > first_return or (here.unseen and other[0] == "put"):
                continue
            after = other[1] if other[0] == "put" else _joined(here.state, other[1])
            if any(_leads_to(after, value) for value in wanted):
                yield _Situation(here.left, frozenset({**used, other: count + 1}.items()), after, True)


class _Situation(NamedTuple):
    left: frozenset[int]
    used: frozenset[Any]
    state: Any
    unseen: bool


def _after(state: Any, deed: _Deed) -> Any:
    if deed.puts:
        return deed.puts[0]
    return state if deed.appends is None else _joined(state, deed.appends)


def _joined(state: Any, more: str) -> Any:
    return state + more if isinstance(state, str) else state


def _leads_to(state: Any, wanted: Any) -> bool:
    """At once, or by appending."""
    return state == wanted or (isinstance(state, str) and isinstance(wanted, str) and wanted.startswith(state))
