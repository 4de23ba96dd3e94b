"""Last in first out, every element different: exact in O(n log n) where no pop is unknown, with empty stacks.

Lee and Mathur (arXiv 2410.04581) take away, one after another, elements that can be at the bottom, in O(n log n);
Abdulla et al. (arXiv 2509.17795) do it in O(n^2) and show errors in earlier algorithms. So this is proven here from
the beginning. The words are those of lives.py; elements that nobody took stay to the end, which is as if they were
popped after everything else, in some order.

1. Loose elements. If a.taken_from < a.added_by there is a moment at which a can be pushed and popped at once. Nobody
   notices: a can be left out, and put back into any linearization of the rest.

2. Cover. Every other element covers the moments a.added_by <= m < a.taken_from: it is certainly inside then. The stack
   can have been empty only at moments that nothing covers. Let p be such a moment. Each element lies before it
   (a.taken_from <= p) or after it (a.added_by > p). Take a linearization of the elements before p, alone, and put what
   happens after p at p, in its order: that is allowed, for their `added_from` and `taken_from` are at most p. Likewise
   those after p, alone, from p on. One after the other they are a linearization of both with the stack empty at p. So
   both sides can be judged by themselves, and whoever found the stack empty needs a moment that nothing covers.

3. Bottom. Let no moment between s, the smallest `added_by`, and t, the largest `taken_from`, be uncovered. Then the
   stack is never empty between them, and the element at its bottom was pushed before s and popped after t:
   a.added_from < s and t < a.taken_by. If there is no such element, there is no linearization. If a is one, whichever,
   then the others have a linearization exactly if all have: put a's push just before the event s, and its pop at t;
   what the others do before it or after it can as well happen just then, in its order, since none has to be done
   before s (its `added_by` is not smaller) and none begins after t (its `taken_from` is not larger).
   So a is taken away; what is no longer covered then splits the rest, by 2.

4. Speed. Covered moments are counts in a tree (counts.py): taking a away lowers a stretch, and what falls to 0 is
   found in it and never looked at again. Parts only become smaller: s grows, t shrinks; so a.added_from < s and
   t < a.taken_by stay true once they are, and each is found once, by the smallest `added_from` of a stretch of
   elements, and then, among those, the largest `taken_by`.

5. Unknown pops may have popped elements that nobody is known to have popped. (a) If it works without them, it works.
   (b) If it does not even without these elements, it does not: what explains everything explains the rest without
   them. (c) In between, unknown pops are given to the elements that had to go because one below them was popped,
   then to those that are in the way still; if that works, that is the witness. Otherwise OutOfReach.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, islice
from typing import Final

from checkers.models import Action
from checkers.objects.counts import NONE, Counts
from checkers.objects.lives import NEVER, Life, Lives
from checkers.objects.moments import choose, cover, events_of, uncovered
from checkers.objects.outcome import Contradiction, Linearizable, Outcome, OutOfReach

AT_THE_END: Final = NEVER - 1
"""When elements are taken that nobody took."""
MOST_ROUNDS: Final = 16
"""Of giving unknown pops to elements that were in the way."""
NAME: Final = "elements that can be at the bottom, log-linear (after Lee and Mathur)"


def decide(actions: Sequence[Action]) -> Outcome:
    """Raises OutOfReach."""
    lives = Lives(actions)
    if lives.wrong is not None:
        return lives.wrong
    outcome = _without_unknown_pops(lives)
    if isinstance(outcome, Linearizable) or not lives.unknown_takes or not any(life.lost for life in lives):
        return outcome
    return _with_unknown_pops(actions)


def _with_unknown_pops(actions: Sequence[Action]) -> Outcome:
    """Step 5, b and c."""
    rest = Lives(actions)
    for element in [life.element for life in rest if life.lost]:
        del rest.by_element[element]
    outcome = _without_unknown_pops(rest)
    if isinstance(outcome, Contradiction):
        return outcome
    due = dict(_dues(Lives(actions)))
    for _ in range(MOST_ROUNDS):
        lives = Lives(actions)
        _give_unknown_pops(lives, due)
        outcome = _without_unknown_pops(lives)
        if isinstance(outcome, Linearizable):
            return outcome
        stuck = {action.call.input for action in outcome.actions}
        inside = [life for life in lives if life.lost and life.element in stuck]
        if not inside:
            break
        end = max(action.invoked for action in outcome.actions)
        due |= {life.element: end for life in inside}
    raise OutOfReach("unknown pops may have popped what others were on top of")


def _give_unknown_pops(lives: Lives, due: Mapping[object, int]) -> None:
    """To elements that had to go, in the order in which they had to."""
    going = sorted((lives.by_element[element] for element in due), key=lambda life: (due[life.element], life.added_by))
    for life, take in zip(going, lives.unknown_takes, strict=False):
        life.taken(take, take.invoked, NEVER, NEVER)


def _dues(lives: Lives) -> Iterator[tuple[object, int]]:
    """Lost elements with an element below that was certainly popped after they were pushed, and by when that was."""
    closed = sorted((life for life in lives if life.taken_by < NEVER), key=lambda life: life.added_by)
    lost = sorted((life for life in lives if life.lost), key=lambda life: life.added_from)
    below: list[tuple[int, int]] = []
    at = 0
    for life in lost:
        while at < len(closed) and closed[at].added_by <= life.added_from:
            insort(below, (closed[at].taken_by, closed[at].taken_from))
            at += 1
        later = islice(below, bisect_left(below, (life.added_by,)), None)
        if (end := next((by for by, begun in later if begun >= life.added_by), None)) is not None:
            yield life.element, end


def _without_unknown_pops(lives: Lives) -> Outcome:
    for life in lives:
        if life.lost:
            life.taken_from = AT_THE_END
    if not choose(lives, list(uncovered(lives, events_of(lives)))):
        empty = next(empty for empty in lives.empties if empty.moment >= empty.end)
        inside = cover(lives, empty)
        assert inside is not None
        return Contradiction([empty.action, *(action for life in inside for action in life.actions())])
    stack = _Stack([life for life in lives if life.added_by < life.taken_from])
    if not stack.take_away():
        return Contradiction([action for life in stack.stuck for action in life.actions()])
    return Linearizable(_witness(lives, stack.nested))


class _Stack:
    """Steps 2 to 4. Elements are numbered by `added_by`; moments are those of their events."""

    def __init__(self, lives: Sequence[Life]) -> None:
        self._lives = sorted(lives, key=lambda life: life.added_by)
        self._added = [life.added_by for life in self._lives]
        self._moments = sorted({moment for life in lives for moment in (life.added_by, life.taken_from)})
        self._place = {moment: place for place, moment in enumerate(self._moments)}
        self._covered = Counts(self._count())
        self._early = Counts([life.added_from for life in self._lives])
        """`added_from` of elements that are not known to have been pushed early enough; NONE of others."""
        self._late = Counts([NONE] * len(lives))
        """minus `taken_by` of elements that are, and are left; NONE of others."""
        self._left = set(range(len(lives)))
        self.nested: list[tuple[int, int, Life]] = []
        """(s, t, the element at the bottom meanwhile), outer ones first."""
        self.stuck: Sequence[Life] = ()

    def _count(self) -> list[int]:
        steps = [0] * len(self._moments)
        for life in self._lives:
            steps[self._place[life.added_by]] += 1
            steps[self._place[life.taken_from]] -= 1
        return list(accumulate(steps))

    def take_away(self) -> bool:
        """False if no element of some part can be at the bottom: `stuck` are that part's."""
        todo = list(self._split(0, len(self._moments)))
        while todo:
            begin, end = todo.pop()
            bottom = self._bottom(begin, end)
            if bottom is None:
                self.stuck = [self._lives[at] for at in range(*self._members(begin, end)) if at in self._left]
                return False
            life = self._lives[bottom]
            self.nested.append((self._moments[begin], self._moments[end], life))
            self._covered.add(self._place[life.added_by], self._place[life.taken_from], -1)
            todo += self._split(begin, end)
        return True

    def _split(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The covered stretches of a stretch, latest last."""
        for gap in [*self._covered.below(begin, end, 1), end]:
            if begin < gap:
                yield begin, gap
            begin = gap + 1
            if gap < end:
                self._covered.add(gap, gap + 1, NONE)

    def _members(self, begin: int, end: int) -> tuple[int, int]:
        moments = self._moments
        return bisect_left(self._added, moments[begin]), bisect_left(self._added, moments[end])

    def _bottom(self, begin: int, end: int) -> int | None:
        low, high = self._members(begin, end)
        for at in list(self._early.below(low, high, self._moments[begin])):
            life = self._lives[at]
            self._early.add(at, at + 1, NONE)
            self._late.add(at, at + 1, -NONE - life.taken_by)
        found = next(self._late.below(low, high, -self._moments[end]), None)
        if found is not None:
            self._late.add(found, found + 1, NONE)
            self._left.remove(found)
        return found


def _witness(lives: Lives, nested: Iterable[tuple[int, int, Life]]) -> list[Action]:
    """Everything with its moment, in order; at one moment first pops, inner ones first, then who found the stack empty,
    then pushes, outer ones first, then loose elements."""
    found: list[tuple[tuple[int, ...], Action | None]] = []
    for at, (begin, end, life) in enumerate(nested):
        found.append(((begin - 1, 2, at), life.add))
        found.append(((end, 0, -at), life.take))
    for at, life in enumerate(lives):
        if life.taken_from < life.added_by:
            moment = max(life.added_from, life.taken_from)
            found += [((moment, 3, at, 0), life.add), ((moment, 3, at, 1), life.take)]
    found += [((empty.moment, 1), empty.action) for empty in lives.empties]
    found.sort(key=lambda each: each[0])
    return list(_before_the_end(action for _, action in found))


def _before_the_end(order: Iterable[Action | None]) -> Iterator[Action]:
    """Up to where the first element is popped that nobody popped. What follows are pops that need not happen."""
    for action in order:
        if action is None:
            return
        yield action
