"""The lives of a container's elements: when each was put in, and when it was taken out, as far as is known.

Queues and stacks whose elements are all different can be looked at element by element: an element lives from one
moment between `added_from` and `added_by` to one between `taken_from` and `taken_by`. Moments are counted in event
indexes (times `scale`, see below); moment m is right after event m, so it is between an invocation i and a return r
exactly if i <= m < r, and what is done by r is done before r. In between, at moments m with
added_by <= m < taken_from, the element is certainly inside.

What is settled here, for every algorithm, and why it changes nothing:

- Elements that no certain operation mentions are left out (checkers/models/containers.py).
- An addition was before the element's taking: `added_by` is at most `taken_by`, `taken_from` at least `added_from`.
  So an unknown addition of an element that is known to have been taken has an end.
- A weakened taking (shrink.py) may have happened at any later time or never: never is as good as after everything
  else, so it happened and has no end. Of several, the first invoked can do what the others can.
- Elements that nobody is known to have taken (`lost`) have no `taken_from`. An unknown taking may have taken them, or
  they are there to the end.

A drain takes all elements at one moment. If no certain operation overlaps it, that is the same as one taking after
another, oldest first, and then finding the queue empty; `scale` makes room for them between two events. Others must
not come in between, so whatever has to be gone by a drain's takings is `due` when the drain begins.

Where an element may have been added more than once, nobody knows which one was taken: OutOfReach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from checkers.linearizability import words
from checkers.models import UNKNOWN, Action
from checkers.models.containers import ADDS, DRAIN, asks_for_absence, found_empty, mentioned, noticed
from checkers.objects.outcome import Contradiction, OutOfReach

NEVER: Final = 1 << 80
"""A moment after all others, also scaled."""


class Life:
    __slots__ = ("add", "added_by", "added_from", "because", "due", "element", "take", "taken_by", "taken_from")

    def __init__(self, add: Action, scale: int) -> None:
        self.element = add.call.input
        self.add = add
        self.added_from = add.invoked * scale
        self.added_by = add.returned * scale if add.certain else NEVER
        self.take: Action | None = None
        self.taken_from = NEVER
        self.taken_by = NEVER
        self.due = NEVER
        """What was inside before it and has to be taken before it must be gone by then."""
        self.because: Sequence[Action] = ()
        """Why `taken_by` is what it is, where that is not what `take` says."""

    @property
    def lost(self) -> bool:
        return self.take is None

    def taken(self, take: Action, begin: int, end: int, due: int) -> None:
        self.take, self.taken_from, self.taken_by, self.due = take, max(begin, self.added_from), end, due
        self.added_by = min(self.added_by, end)

    def stays(self) -> None:
        """It was never taken."""
        self.take, self.taken_from = None, NEVER

    def actions(self) -> list[Action]:
        return [self.add] if self.take is None else [self.add, self.take]


class Empty:
    """Somebody found nothing inside, at a `moment` that begin <= moment < end, which is to be chosen."""

    __slots__ = ("_drain_began", "action", "begin", "end", "moment")

    def __init__(self, action: Action, begin: int, end: int, drain_began: int | None = None) -> None:
        self.action, self.begin, self.end = action, begin, end
        self.moment = begin
        self._drain_began = drain_began

    @property
    def due(self) -> int:
        """What has to be gone at the moment is due by then."""
        return self.moment + 1 if self._drain_began is None else self._drain_began


class Lives:
    """Raises OutOfReach. `wrong`: a contradiction that is seen at once."""

    def __init__(self, actions: Sequence[Action]) -> None:
        actions = noticed(actions)
        drains = [a for a in actions if a.call.f == DRAIN and not found_empty(a.call)]
        _check_drains(actions, drains)
        self.scale = 2 * max([len(mentioned(drain.call)) for drain in drains], default=0) + 2 if drains else 1
        self.by_element: dict[object, Life] = {}
        self.empties: list[Empty] = []
        self.unknown_takes = [a for a in actions if a.call.output is UNKNOWN]
        self.wrong: Contradiction | None = None
        self._add(actions)
        self._take(actions)

    def __iter__(self) -> Iterator[Life]:
        return iter(self.by_element.values())

    def _add(self, actions: Sequence[Action]) -> None:
        twice: set[object] = set()
        for action in actions:
            if action.call.f in ADDS:
                if action.call.input in self.by_element:
                    twice.add(action.call.input)
                self.by_element.setdefault(action.call.input, Life(action, self.scale))
        if twice:
            self.wrong = self._from_nowhere(actions)
            if self.wrong is None:
                shown = words.value(_plain(min(twice, key=repr)))
                raise OutOfReach(f"{shown} may have been added more than once")

    def _from_nowhere(self, actions: Sequence[Action]) -> Contradiction | None:
        for action in actions:
            if action.certain and action.call.f not in ADDS:
                for element in mentioned(action.call):
                    life = self.by_element.get(element)
                    if life is None or life.add.invoked > action.returned:
                        return Contradiction([action])
        return None

    def _take(self, actions: Sequence[Action]) -> None:
        self.wrong = self.wrong or self._from_nowhere(actions)
        for action in actions:
            if self.wrong is not None:
                return
            if asks_for_absence(action.call):
                self._look(action)
            if action.call.f == DRAIN:
                for at, element in enumerate(mentioned(action.call)):
                    begin = action.invoked * self.scale + 2 * at
                    self._taken(element, action, begin, begin + 1, action.invoked * self.scale)
            elif action.call.f not in ADDS and action.call.output is not UNKNOWN and action.call.output is not None:
                end = action.returned * self.scale if action.certain else NEVER
                self._taken(action.call.output, action, action.invoked * self.scale, end, end)

    def _look(self, action: Action) -> None:
        if not action.certain:
            return
        begin, end = action.invoked * self.scale, action.returned * self.scale
        if elements := mentioned(action.call):
            first = begin + 2 * len(elements)
            self.empties.append(Empty(action, first, first + 1, begin))
        else:
            self.empties.append(Empty(action, begin, end))

    def _taken(self, element: object, action: Action, begin: int, end: int, due: int) -> None:
        life = self.by_element.get(element)
        if life is None:
            return
        if life.take is not None and life.take.certain and action.certain:
            self.wrong = Contradiction([life.take, action])
        elif life.take is None or action.certain:
            life.taken(action, begin, end, due)


def _check_drains(actions: Sequence[Action], drains: Sequence[Action]) -> None:
    """Raises OutOfReach for drains that are more than one taking after another."""
    if not drains:
        return
    if any(drain.call.output is UNKNOWN for drain in drains):
        raise OutOfReach("an unknown drain took out nobody knows what")
    busy_until = draining_until = -NEVER
    for action in sorted(actions, key=lambda a: a.invoked):
        drain = action.call.f == DRAIN and not found_empty(action.call)
        if action.invoked < (busy_until if drain else draining_until):
            raise OutOfReach("other operations overlap a drain")
        if action.certain:
            busy_until = max(busy_until, action.returned)
        if drain:
            draining_until = action.returned


def _plain(value: object) -> object:
    """For people: a canonical value is shown well enough as it is."""
    return value if isinstance(value, int | str | float) else str(value)
