"""Sets: exact, in O(n log n) and less, where each element is added at most once.

1. One element alone (checkers/models/sets.py splits sets so, if nobody read all elements), added at most once and
   removed at most once. There are five things that can have happened: nothing; only the add; only the remove; the add,
   then the remove; the remove, then the add. An operation that is certain happens in all. Who saw the element (`there`)
   did so between add and remove, who missed it (`missing`) before the add or after the remove. Moments are those of
   lives.py: moment m lies in an interval if invoked <= m < returned.
   - With the add alone, or last, its moment is at least its own invocation, those of the `missing`, and the remove's;
     the least such moment has to be before its own return and those of the `there`.
   - With the remove last, the add's moment is before the first return of the `there`, the remove's not before their
     last invocation. The later the add and the earlier the remove, the better for the `missing`. If they can meet in
     one moment, they do, and every `missing` has moments before or after. Otherwise the latest add and the earliest
     remove are right if any are.

2. All elements, where some read all, none was removed, and nobody looked at single ones (`snapshots`). A set that only
   grows is read in order of size, each read a subset of the next; an element that is first seen in the n-th different
   read was added after the one before that and before it, and what was never seen after all reads. That is a sequence
   of groups, in which no action may return before one of an earlier group was invoked. Actions of one group can stand
   in the order of their invocations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, cast

from checkers.history import PENDING
from checkers.models import Action
from checkers.objects.outcome import Contradiction, Linearizable, Outcome, OutOfReach

NAME: Final = "elements one by one, or reads by size; log-linear"


def decide(actions: Sequence[Action]) -> Outcome:
    """Raises OutOfReach."""
    if any(action.call.f == "read" for action in actions):
        return _snapshots(actions)
    if len({action.call.input for action in actions}) > 1:
        raise OutOfReach("the elements were not looked at one by one")
    return _one_element(actions)


def _once_at_most(actions: Sequence[Action], f: str) -> Action | None:
    found = [action for action in actions if action.call.f == f]
    if len(found) > 1:
        past = "added" if f == "add" else "removed"
        raise OutOfReach(f"an element may have been {past} more than once")
    return found[0] if found else None


def _one_element(actions: Sequence[Action]) -> Outcome:
    add, remove = _once_at_most(actions, "add"), _once_at_most(actions, "remove")
    there = [action for action in actions if action.call.f == "contains" and action.call.output]
    missing = [action for action in actions if action.call.f == "contains" and not action.call.output]
    tries: list[list[tuple[int, int, Action]] | None] = []
    if add is None or not add.certain:
        tries.append(_never_there(remove, there, missing))
    if add is not None:
        if remove is None or not remove.certain:
            tries.append(_add_last(add, None, there, missing))
        if remove is not None:
            tries += _add_last(add, remove, there, missing), _remove_last(add, remove, there, missing)
    for timed in tries:
        if timed is not None:
            timed.sort(key=lambda each: each[:2])
            return Linearizable([action for _, _, action in timed])
    return Contradiction(actions)


Timed = list[tuple[int, int, Action]]
"""Actions with their moments, and the order of those at one moment."""


def _never_there(remove: Action | None, there: Sequence[Action], missing: Sequence[Action]) -> Timed | None:
    if there:
        return None
    alone = [remove] if remove is not None and remove.certain else []
    return [(action.invoked, 0, action) for action in [*missing, *alone]]


def _add_last(add: Action, remove: Action | None, there: Sequence[Action], missing: Sequence[Action]) -> Timed | None:
    before = [*missing, *([remove] if remove is not None else [])]
    moment = max(action.invoked for action in [add, *before])
    if moment >= min(action.returned for action in [add, *there]):
        return None
    if remove is not None and remove.returned <= remove.invoked:
        return None
    return [
        *((action.invoked, 0, action) for action in before),
        (moment, 1, add),
        *((max(action.invoked, moment), 2, action) for action in there),
    ]


def _remove_last(add: Action, remove: Action, there: Sequence[Action], missing: Sequence[Action]) -> Timed | None:
    added = min(action.returned for action in [add, *there]) - 1
    removed = max(action.invoked for action in [remove, *there])
    if added < add.invoked or removed >= remove.returned or add.invoked >= remove.returned:
        return None
    if removed < added:
        added = removed = min(added, remove.returned - 1)
    late = [action for action in missing if action.invoked > added]
    if any(action.returned <= removed for action in late):
        return None
    return [
        *((action.invoked, 0, action) for action in missing if action.invoked <= added),
        (added, 1, add),
        *((max(action.invoked, added), 2, action) for action in there),
        (removed, 3, remove),
        *((max(action.invoked, removed), 4, action) for action in late),
    ]


def _snapshots(actions: Sequence[Action]) -> Outcome:
    if any(action.call.f in ("remove", "contains") for action in actions):
        raise OutOfReach("reads of all elements beside removes or looks at single ones")
    adds: dict[object, Action] = {}
    for action in actions:
        if action.call.f == "add" and adds.setdefault(action.call.input, action) is not action:
            raise OutOfReach("an element may have been added more than once")
    reads = [action for action in actions if action.call.f == "read"]
    reads.sort(key=lambda read: (len(_elements(read)), read.invoked))
    for smaller, larger in pairwise(reads):
        if not _elements(smaller) <= _elements(larger):
            return Contradiction([smaller, larger])
    if reads and not _elements(reads[-1]) <= adds.keys():
        return Contradiction([next(read for read in reads if not _elements(read) <= adds.keys())])
    return _in_groups(_groups(adds, reads))


def _elements(read: Action) -> frozenset[object]:
    return cast("frozenset[object]", read.call.output)


def _groups(adds: dict[object, Action], reads: Iterable[Action]) -> list[list[Action]]:
    """Adds and reads in turn: what was added before a read and not before the one before it, then that read, ..."""
    left = dict(adds)
    groups: list[list[Action]] = [[]]
    for read in reads:
        new = [left.pop(element) for element in _elements(read) if element in left]
        if new or len(groups) == 1:
            groups += new, [read]
        else:
            groups[-1].append(read)
    groups.append([action for action in left.values() if action.certain])
    return groups


def _in_groups(groups: Sequence[Sequence[Action]]) -> Outcome:
    latest: Action | None = None
    reads: list[Action] = []
    for group in groups:
        for action in group:
            if latest is not None and action.returned < latest.invoked and action.returned < PENDING:
                return Contradiction([action, latest, *_between(reads, action, latest)])
        reads += [action for action in group if action.call.f == "read"]
        latest = max([*group, *([latest] if latest is not None else [])], key=lambda a: a.invoked, default=None)
    return Linearizable([action for group in groups for action in sorted(group, key=lambda a: a.invoked)])


def _between(reads: Iterable[Action], later: Action, earlier: Action) -> list[Action]:
    """Of two adds, a read that saw the one and not the other."""
    if later.call.f == earlier.call.f == "add":
        return [next(r for r in reads if earlier.call.input in _elements(r) and later.call.input not in _elements(r))]
    return []
