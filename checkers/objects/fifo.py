"""First in first out, every element different: exact in O(n log n), with unknown operations and empty queues.

What is known of it: Henzinger, Sezgin and Vafeiadis ("Aspect-Oriented Linearizability Proofs", CONCUR 2013) list what
can be wrong with a queue; Lee and Mathur (arXiv 2410.04581) and Abdulla et al. (arXiv 2509.17795) check it in
O(n log n), for histories without unknown dequeues. This is why the algorithm here is right, also with those. The words
are those of lives.py.

1. Order. Without empty dequeues, a linearization is an order of the elements in which a comes before b wherever
   a.added_by <= b.added_from (then a was added before b: a -> b) or a.taken_by <= b.taken_from (then a was taken before
   b: a => b). For given such an order, let each element be added at the latest `added_from` of itself and those before
   it, and taken at the latest of that and of the `taken_from` of itself and those before it. Adding is then before
   `added_by`: it is at some b.added_from, b not after a, and a.added_by <= b.added_from would put a before b. Taking is
   before `taken_by`, likewise: at some b.taken_from (which is at least b.added_from) with b not after a.

2. Such an order exists if no two elements have a -> b and b => a. Each of -> and => is an interval order (p -> q and
   r -> s give p -> s or r -> q). Take a shortest circle of both kinds with more than two elements. Two neighbouring
   steps of one kind make one, so kinds alternate: a -> b => c -> d => ... From a -> b and c -> d follows a -> d, which
   is shorter (or, with d => a, a circle of two), or c -> b, which with b => c is a circle of two.
   All pairs are looked at in one pass: for each b by `added_from`, the largest `taken_from` of the elements a with
   a.added_by <= b.added_from is compared with b.taken_by. An order is found by taking again and again elements that
   nothing left has to come before, which needs the smallest `added_by` and `taken_by` of those left.

3. Empty dequeues. Let each have a moment p that is not covered (moments.py). Then element a has a place for each p:
   after it if a.taken_from > p (a.added_by > p then, for p is not covered), else before it. Let an element's place be
   the number of moments p < a.taken_from. If a => b then a.taken_from < a.taken_by <= b.taken_from: b's place is not
   before a's. If a -> b and p < a.taken_from then p < a.added_by <= b.added_from <= b.taken_from: the same. So elements
   can be ordered by place first; within a place as in 2. Adding and taking, as in 1, but not before the last p before
   the place: for an a after p both p < a.added_by and p < a.taken_by; and those before p need no moment later than p,
   for their `added_from` and `taken_from` are not later. So the queue is empty at every p.

4. Lost elements. If a -> b for an element b that is known to be taken, a has to be gone before b is: it is due by b's
   `taken_by`; if it is due through an element that is itself due, it is through that one's b. Others stay to the end.
   moments.py says whether unknown dequeues suffice, and at which moments the queue can be empty. Elements get unknown
   dequeues in the order in which they are due, and then have lives like the others, taken before they are due. The only
   thing that an unknown dequeue's interval asks for is its beginning; so if 2 finds a circle now, it is one with an
   element that took too late for what it is due for, or one of elements that are known to be taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from checkers.models import Action
from checkers.objects.lives import NEVER, Life, Lives
from checkers.objects.moments import Due, Dues, choose, hasten, never_empty
from checkers.objects.outcome import Contradiction, Linearizable, Outcome, once

NAME: Final = "order of elements, log-linear (after Henzinger, Sezgin and Vafeiadis; Lee and Mathur)"


def decide(actions: Sequence[Action]) -> Outcome:
    """Raises OutOfReach."""
    lives = Lives(actions)
    return lives.wrong or _lost(lives) or _circle(lives) or Linearizable(_witness(lives))


def _lost(lives: Lives) -> Contradiction | None:
    """Steps 3 and 4: moments for empty dequeues, unknown dequeues for lost elements."""
    open_ended = [life for life in lives if life.taken_by == NEVER]
    if not open_ended and not lives.empties:
        return None
    due = _dues(lives, open_ended)
    dues = Dues(lives, due)
    if not dues.can_be_met():
        blamed = [life for life in open_ended if life.lost and life.element in due]
        return Contradiction(once(each for life in blamed for each in (life.add, *due[life.element][1])))
    if not choose(lives, dues.moments(lives)):
        return never_empty(lives)
    hasten(lives, due)
    return None


def _dues(lives: Lives, open_ended: Iterable[Life]) -> dict[object, Due]:
    """Of elements without an end, by the first one that was added after them and taken."""
    closed = sorted((life for life in lives if life.taken_by < NEVER), key=lambda life: life.added_from)
    first: list[Life | None] = [None]
    for life in reversed(closed):
        first.append(life if first[-1] is None or life.due < first[-1].due else first[-1])
    first.reverse()
    starts = [life.added_from for life in closed]
    found: dict[object, Due] = {}
    for life in open_ended:
        if (later := first[bisect_left(starts, life.added_by)]) is not None:
            found[life.element] = later.due, later.actions()
    return found


def _circle(lives: Lives) -> Contradiction | None:
    """Step 2: an element that was certainly added before another, and certainly taken after it."""
    by_added = sorted(lives, key=lambda life: life.added_by)
    at, latest = 0, None
    for life in sorted(lives, key=lambda life: life.added_from):
        while at < len(by_added) and by_added[at].added_by <= life.added_from:
            if latest is None or by_added[at].taken_from > latest.taken_from:
                latest = by_added[at]
            at += 1
        if latest is not None and life.taken_by < NEVER and life.taken_by <= latest.taken_from:
            pair = [*latest.actions(), *life.actions(), *latest.because, *life.because]
            return Contradiction(once(pair))
    return None


def _witness(lives: Lives) -> list[Action]:
    """Step 1, after 3: everything with its moment, in order."""
    empties = sorted(lives.empties, key=lambda empty: empty.moment)
    places = [empty.moment for empty in empties]
    by_place: dict[int, list[Life]] = {}
    for life in lives:
        by_place.setdefault(bisect_left(places, life.taken_from), []).append(life)
    found = [(empty.moment, place, 2, empty.action) for place, empty in enumerate(empties)]
    for place, members in by_place.items():
        added = taken = places[place - 1] if place else -NEVER
        for life in _in_order(members):
            added = max(added, life.added_from)
            found.append((added, place, 0, life.add))
            if life.take is not None:
                taken = max(taken, added, life.taken_from)
                found.append((taken, place, 1, life.take))
    found.sort(key=lambda each: each[:3])
    return once(each[3] for each in found)


def _in_order(members: Sequence[Life]) -> list[Life]:
    """An order that respects both -> and =>; there is one."""
    added_from = sorted(members, key=lambda life: life.added_from)
    taken_from = sorted(members, key=lambda life: life.taken_from)
    first_added = _Smallest(members, "added_by")
    first_taken = _Smallest(members, "taken_by")
    half: set[object] = set()
    order: list[Life] = []
    at = until = 0
    gone: set[object] = set()
    while len(order) < len(members):
        ready: list[Life] = []
        at = _pass(added_from, at, "added_from", first_added.of(gone), half, ready)
        until = _pass(taken_from, until, "taken_from", first_taken.of(gone), half, ready)
        assert ready, "two elements each have to come before the other"
        order += ready
        gone.update(life.element for life in ready)
    return order


def _pass(queue: Sequence[Life], at: int, what: str, end: int, half: set[object], ready: list[Life]) -> int:
    """Passes all that nothing has to come before in one sense. Who has passed twice is ready."""
    while at < len(queue) and (getattr(queue[at], what) < end or end >= NEVER):
        element = queue[at].element
        if element in half:
            ready.append(queue[at])
        half.add(element)
        at += 1
    return at


class _Smallest:
    """The smallest of something among the elements that are left."""

    def __init__(self, members: Sequence[Life], what: str) -> None:
        self._queue = sorted(members, key=lambda life: getattr(life, what))
        self._what = what
        self._at = 0

    def of(self, gone: set[object]) -> int:
        while self._at < len(self._queue) and self._queue[self._at].element in gone:
            self._at += 1
        return getattr(self._queue[self._at], self._what) if self._at < len(self._queue) else NEVER
