"""When a container can have been empty, and whether its unknown takings can have emptied it by then.

Moment m is covered if an element that is known to have been taken is certainly inside then: added_by <= m < taken_from
(lives.py). Whoever found the container empty did so at a moment that is not covered.

Elements that nobody is known to have taken (`lost`) may have been taken by unknown takings, one each, at any time after
the taking's invocation. Let such an element be due by D if it has to be gone before D for some other reason (for a
queue, since a later one was taken before D; NEVER if there is none), and let there be k unknown takings, invoked at
u1 < u2 < ... Only the takings with u < D can be its. Whether all dues can be met is a matter of counting: since an
earlier invoked taking can do whatever a later one can, elements are given takings in order of D, and that fails exactly
if for some j from 0 to k more than j elements have at most j takings that can be theirs.

That the container is empty at moment p makes every lost element with added_by <= p due by p + 1, if it was not due
earlier. For the j with u(j+1) <= p this changes nothing; for the others it counts the elements with added_by <= p that
did not count yet. So p is possible if no count exceeds its j then; and with several such moments, the count for a j is
that for the last of them that is before u(j+1), since it makes due all that earlier ones do. Hence each moment can be
judged by itself: one pass over the events, with j - (how many count for j) in a tree that can lower a stretch of them
(counts.py), in O(n log n).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from checkers.models import Action
from checkers.objects.counts import Counts
from checkers.objects.lives import NEVER, Empty, Life, Lives
from checkers.objects.outcome import Contradiction, once

Due = tuple[int, Sequence[Action]]
"""By when an element has to be gone, and the actions that make it so."""


class Dues:
    """By when lost elements have to be gone."""

    def __init__(self, lives: Lives, due: Mapping[object, Due]) -> None:
        """`due`: elements that it does not name are never due."""
        self.takings = sorted(take.invoked * lives.scale for take in lives.unknown_takes)
        self._lost = [life for life in lives if life.lost]
        self._due = {life.element: due[life.element][0] for life in self._lost if life.element in due}
        dues = sorted(self._due.values())
        slack = [at - bisect_right(dues, begin) for at, begin in enumerate(self.takings)]
        self._slack = Counts([*slack, len(self.takings) - len(dues)])

    def can_be_met(self) -> bool:
        return self._slack.least(0, len(self.takings) + 1) >= 0

    def moments(self, lives: Lives) -> list[int]:
        """The moments at which the container can have been empty, as far as events tell them apart, in order."""
        lost = sorted(self._lost, key=lambda life: life.added_by)
        found: list[int] = []
        inside = 0
        for moment in uncovered([life for life in lives if not life.lost], events_of(lives)):
            while inside < len(lost) and lost[inside].added_by <= moment:
                self._lower(lost[inside])
                inside += 1
            if self._can_be_empty(moment):
                found.append(moment)
        return found

    def _lower(self, life: Life) -> None:
        """From now on the element counts for all j that it did not count for; those in the past are not asked for."""
        due = self._due.get(life.element, NEVER)
        end = bisect_left(self.takings, due) if due < NEVER else len(self.takings) + 1
        self._slack.add(0, end, -1)

    def _can_be_empty(self, moment: int) -> bool:
        return self._slack.least(bisect_right(self.takings, moment), len(self.takings) + 1) >= 0


def events_of(lives: Lives) -> list[int]:
    """All moments that make a difference, in order."""
    found = {empty.begin for empty in lives.empties}
    for life in lives:
        found |= {life.added_from, life.added_by, life.taken_from, life.taken_by}
    found |= {take.invoked * lives.scale for take in lives.unknown_takes}
    found.discard(NEVER)
    return sorted(found)


def uncovered(lives: Iterable[Life], events: Iterable[int]) -> Iterator[int]:
    """Of these moments, in order, those at which none of the elements is certainly inside."""
    steps = [(life.added_by, 1) for life in lives if life.added_by < life.taken_from]
    steps += [(life.taken_from, -1) for life in lives if life.added_by < life.taken_from]
    steps.sort()
    inside = at = 0
    for moment in events:
        while at < len(steps) and steps[at][0] <= moment:
            inside += steps[at][1]
            at += 1
        if not inside:
            yield moment


def choose(lives: Lives, possible: Sequence[int]) -> bool:
    """Gives each Empty the first possible moment. False if one has none: the others then have theirs."""
    for empty in lives.empties:
        at = bisect_left(possible, empty.begin)
        empty.moment = possible[at] if at < len(possible) else NEVER
    return all(empty.moment < empty.end for empty in lives.empties)


def hasten(lives: Lives, due: Mapping[object, Due]) -> None:
    """Gives lost elements that have to go an unknown taking each, and all elements that have to go an end. Others
    stay."""
    empties = sorted(lives.empties, key=lambda empty: empty.moment)
    moments = [empty.moment for empty in empties]
    hurried: list[tuple[int, Life]] = []
    for life in lives:
        if life.taken_by < NEVER:
            continue
        end, why = due.get(life.element, (NEVER, ()))
        at = bisect_left(moments, life.added_by)
        if at < len(empties) and empties[at].due < end:
            end, why = empties[at].due, (empties[at].action,)
        if end == NEVER:
            life.stays()
        else:
            life.because = why
            hurried.append((end, life))
    hurried.sort(key=lambda each: each[0])
    takings = iter(lives.unknown_takes)
    for end, life in hurried:
        if life.lost:
            take = next(takings)
            life.taken(take, take.invoked * lives.scale, end, end)
        elif life.taken_from < end:
            life.taken_by = end


def never_empty(lives: Lives) -> Contradiction:
    """Somebody found the container empty, and at no moment of that it can have been."""
    empty = next(empty for empty in lives.empties if empty.moment >= empty.end)
    inside = cover((life for life in lives if not (life.lost and lives.unknown_takes)), empty)
    blamed = list(lives) if inside is None else inside
    return Contradiction(once([empty.action, *(action for life in blamed for action in life.actions())]))


def cover(lives: Iterable[Life], empty: Empty) -> list[Life] | None:
    """Few elements of which one is certainly inside at every moment of an Empty; None where these do not suffice."""
    inside = sorted(lives, key=lambda life: life.added_by)
    chain: list[Life] = []
    at, moment = 0, empty.begin
    longest: Life | None = None
    while moment < empty.end:
        while at < len(inside) and inside[at].added_by <= moment:
            if longest is None or inside[at].taken_from > longest.taken_from:
                longest = inside[at]
            at += 1
        if longest is None or longest.taken_from <= moment:
            return None
        chain.append(longest)
        moment = longest.taken_from
    return chain
