"""Unordered queues: exact, in O(n log n).

Two cases, and where they end OutOfReach:

1. One element alone, and nobody asks for its absence (checkers/models/containers.py splits queues so, if it can), added
   and taken any number of times. Adding as early as possible and taking as late as possible is best: more copies never
   harm. So if it works at all, it works with each addition at its invocation and each taking just before its return;
   that is a matter of counting: when the n-th taking returns, n additions must have been invoked.
2. Every element different; then finding the queue empty can be judged. Elements do not get in each other's way, so what
   fifo.py says of moments and places (its steps 3 and 4) is all that there is, without an order within a place. What is
   known to be taken is due for nothing else; lost elements are due only where the queue was found empty.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from checkers.models import Action
from checkers.models.containers import ADDS, asks_for_absence
from checkers.objects.lives import NEVER, Lives
from checkers.objects.moments import Dues, choose, hasten, never_empty
from checkers.objects.outcome import Contradiction, Linearizable, Outcome, once

NAME: Final = "elements one by one, log-linear"


def decide(actions: Sequence[Action]) -> Outcome:
    """Raises OutOfReach."""
    one = len({a.call.input if a.call.f in ADDS else a.call.output for a in actions}) == 1
    if one and not any(asks_for_absence(action.call) for action in actions):
        return _counted(actions)
    lives = Lives(actions)
    if lives.wrong is not None:
        return lives.wrong
    if not choose(lives, Dues(lives, {}).moments(lives)):
        return never_empty(lives)
    hasten(lives, {})
    return Linearizable(_witness(lives))


def _counted(actions: Sequence[Action]) -> Outcome:
    adds = sorted((a for a in actions if a.call.f in ADDS), key=lambda a: a.invoked)
    takes = sorted((a for a in actions if a.call.f not in ADDS and a.certain), key=lambda a: a.returned)
    for at, take in enumerate(takes):
        if at >= len(adds) or adds[at].invoked > take.returned:
            return Contradiction(takes[: at + 1])
    order = [(add.invoked, 0, add) for at, add in enumerate(adds) if add.certain or at < len(takes)]
    order += [(take.returned - 1, 1, take) for take in takes]
    order.sort(key=lambda each: each[:2])
    return Linearizable([action for _, _, action in order])


def _witness(lives: Lives) -> list[Action]:
    """Everything with its moment, in order; as in fifo.py, but for the order of elements."""
    empties = sorted(lives.empties, key=lambda empty: empty.moment)
    places = [empty.moment for empty in empties]
    found = [(empty.moment, place, 2, empty.action) for place, empty in enumerate(empties)]
    for life in lives:
        place = bisect_left(places, life.taken_from)
        added = max(life.added_from, places[place - 1] if place else -NEVER)
        found.append((added, place, 0, life.add))
        if life.take is not None:
            found.append((max(added, life.taken_from), place, 1, life.take))
    found.sort(key=lambda each: each[:3])
    return once(each[3] for each in found)
