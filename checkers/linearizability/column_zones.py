"""zones.py over columns: the same theory with numpy, for long histories.

The steps are those of zones.py, which is the reference in the tests. What is a cluster there is a node here: the row of
the action that wrote the value, or one more row for the initial value; every action that happened is at home in one
node. Nodes that compare-and-sets join are a block, named by its first node.

Of a contradiction this file only says which actions hold it: whole blocks, or all that compare-and-sets link to a
value. zones.py then finds it among them, as it would have among all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from checkers.columns import NONE, Column, Mask
from checkers.linearizability.actions import CAS, IMPOSSIBLE, READ
from checkers.linearizability.clusters import Ambiguous
from checkers.linearizability.columns import INITIAL, ActionColumns
from checkers.linearizability.zones import BEFORE_ALL

AFTER_ALL = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Order:
    """The actions' rows in an order that explains everything. It is made when it is asked for."""

    actions: ActionColumns
    home: Column
    """The node of each action, NONE for one that never happened."""
    place: Column
    """Of each node in the order."""

    def rows(self) -> Column:
        happened = np.flatnonzero(self.home != NONE)
        read = self.actions.kind[happened] == READ
        return happened[np.argsort(2 * self.place[self.home[happened]] + read, kind="stable")]


@dataclass(frozen=True)
class Suspects:
    """Rows of actions that contradict each other, whatever all others did."""

    rows: Column


def decide(actions: ActionColumns) -> Order | Suspects:
    """Raises Ambiguous if a value that was seen may have more than one writer."""
    seen = _Seen(actions)
    wrong = seen.contradiction()
    if wrong is not None:
        return wrong
    blocks = _Blocks(actions, seen)
    wrong = blocks.in_a_circle() or blocks.inside() or blocks.between()
    return wrong or Order(actions, blocks.home, blocks.places())


class _Seen:
    """Steps 1 and 2: who wrote what was seen. Raises Ambiguous when created."""

    def __init__(self, actions: ActionColumns) -> None:
        self._actions = actions
        writes = np.flatnonzero(actions.kind != READ)
        self._times = np.bincount(actions.value[writes], minlength=len(actions.values))
        self.writer = np.full(len(actions.values), NONE)
        """Of each value: the first that wrote it, or NONE."""
        self.writer[actions.value[writes][::-1]] = writes[::-1]
        self.seen = np.zeros(len(actions.values), np.bool_)
        self._needs = actions.needs()
        self.seen[self._needs[actions.certain & (self._needs != NONE)]] = True
        self._unknown_too()
        self._refuse_ambiguous()
        self.happened = actions.certain.copy()
        self.happened[self.writer[self.seen & (self.writer != NONE)]] = True
        self.cas = np.flatnonzero(self.happened & (actions.kind == CAS))

    def _unknown_too(self) -> None:
        """What an unknown compare-and-set expects is seen if its new value is."""
        actions = self._actions
        unknown = np.flatnonzero(~actions.certain & (actions.kind == CAS))
        expects = defaultdict(list)
        for new, expected in zip(actions.value[unknown].tolist(), actions.expected[unknown].tolist(), strict=True):
            expects[new].append(expected)
        todo = [value for value in expects if self.seen[value]]
        while todo:
            for expected in expects.pop(todo.pop(), ()):
                self.seen[expected] = True
                todo.append(expected)

    def _refuse_ambiguous(self) -> None:
        ambiguous = self.seen & (self._times > 1)
        ambiguous[INITIAL] = self.seen[INITIAL] and self._times[INITIAL] > 0
        if not ambiguous.any():
            return
        needy = np.flatnonzero(self._actions.certain & (self._needs != NONE))
        needy = needy[ambiguous[self._needs[needy]]]
        value = self._needs[needy[0]] if len(needy) else np.flatnonzero(ambiguous)[0]
        raise Ambiguous(self._actions.values.all()[value])

    def contradiction(self) -> Suspects | None:
        """Before time comes into it: what cannot happen, values without a writer, two that replaced one value."""
        actions = self._actions
        impossible = np.flatnonzero(actions.kind == IMPOSSIBLE)
        if len(impossible):
            return Suspects(impossible[:1])
        missing = self.seen & (self.writer == NONE)
        missing[INITIAL] = False
        if missing.any():
            return self._linked(np.flatnonzero(missing)[0])
        replaced = np.bincount(actions.expected[self.cas], minlength=len(actions.values)) > 1
        return self._linked(np.flatnonzero(replaced)[0]) if replaced.any() else None

    def _linked(self, value: int) -> Suspects:
        """All actions of the values that compare-and-sets link to this one."""
        actions, links = self._actions, defaultdict(list)
        for one, other in zip(actions.value[self.cas].tolist(), actions.expected[self.cas].tolist(), strict=True):
            links[one].append(other)
            links[other].append(one)
        linked, todo = {int(value)}, [int(value)]
        while todo:
            fresh = set(links[todo.pop()]) - linked
            linked |= fresh
            todo += fresh
        return Suspects(np.flatnonzero(np.isin(actions.value, list(linked)) & (self.happened | (actions.kind != READ))))

    def node_of_value(self) -> Column:
        """NONE for what nobody saw; the initial value's is the row after all."""
        node = np.where(self.seen, self.writer, NONE)
        node[INITIAL] = len(self._actions)
        return node


class _Blocks:
    """Steps 3 to 5. All columns but `home` have a row for each node; those of rows that are no node are not used."""

    def __init__(self, actions: ActionColumns, seen: _Seen) -> None:
        self._actions = actions
        node_of_value = seen.node_of_value()
        read = actions.kind == READ
        self.home = np.where(read, node_of_value[actions.value], np.where(seen.happened, np.arange(len(actions)), NONE))
        self._previous = np.full(len(actions) + 1, NONE)
        self._previous[seen.cas] = node_of_value[actions.expected[seen.cas]]
        self._nodes = np.append(np.flatnonzero(~read & seen.happened), len(actions))
        self._first, self._depth, self._circle = _follow(self._previous)
        self._begun = np.append(actions.invoked, BEFORE_ALL)
        self._ended = np.append(actions.returned, BEFORE_ALL)
        rows = np.flatnonzero(read)
        self._reads_end = np.full(len(actions) + 1, AFTER_ALL)
        np.minimum.at(self._reads_end, self.home[rows], actions.returned[rows])
        self._reads_begin = np.full(len(actions) + 1, BEFORE_ALL)
        self._reads_begin[self.home[rows]] = actions.invoked[rows]  # They ascend, and the last one stays.
        self._sort()

    def _sort(self) -> None:
        """Nodes by block and, in it, by their order; `starts` are where blocks begin."""
        nodes = self._nodes
        self._sorted = nodes = nodes[np.lexsort((self._depth[nodes], self._first[nodes]))]
        first = self._first[nodes]
        self._starts = np.flatnonzero(np.append(True, first[1:] != first[:-1]))
        self._f = np.minimum.reduceat(np.minimum(self._ended, self._reads_end)[nodes], self._starts)
        self._s = np.maximum.reduceat(np.maximum(self._begun, self._reads_begin)[nodes], self._starts)

    def in_a_circle(self) -> Suspects | None:
        circle = self._circle
        return Suspects(np.flatnonzero(np.append(circle, False)[self.home])) if circle.any() else None

    def inside(self) -> Suspects | None:
        """Step 3: the latest invocation before each group, by a running maximum that starts anew with each block."""
        nodes = self._sorted
        block = np.repeat(np.arange(len(self._starts)), np.diff(np.append(self._starts, len(nodes))))
        lift = block * (int(self._s.max()) + 2)
        last = np.maximum(self._begun, self._reads_begin)[nodes] + lift
        before = np.append(BEFORE_ALL, np.maximum.accumulate(last)[:-1]) - lift
        late = (self._ended[nodes] < before) & (nodes != len(self._actions))
        late |= self._reads_end[nodes] < np.maximum(before, self._begun[nodes])
        return self._whole(self._first[nodes[late][:1]]) if late.any() else None

    def between(self) -> Suspects | None:
        """Step 5."""
        by_place = self._by_place()
        f, s = self._f[by_place], self._s[by_place]
        latest = np.maximum.accumulate(s)
        wrong = np.flatnonzero(f[1:] < latest[:-1])
        if not len(wrong):
            return None
        later = int(wrong[0]) + 1
        pair = by_place[[int(np.argmax(s[:later])), later]]
        return self._whole(self._first[self._sorted[self._starts[pair]]])

    def places(self) -> Column:
        """Of each node in the order of blocks."""
        by_place = self._by_place()
        sizes = np.diff(np.append(self._starts, len(self._sorted)))
        begins = np.empty(len(sizes), np.int64)
        begins[by_place] = np.cumsum(sizes[by_place]) - sizes[by_place]
        place = np.full(len(self._actions) + 1, NONE)
        place[self._sorted] = np.repeat(begins - self._starts, sizes) + np.arange(len(self._sorted))
        return place

    def _by_place(self) -> Column:
        return np.argsort(np.minimum(self._f, self._s), kind="stable")

    def _whole(self, blocks: Column) -> Suspects:
        home = self.home
        return Suspects(np.flatnonzero((home != NONE) & np.isin(self._first[home], blocks)))


def _follow(previous: Column) -> tuple[Column, Column, Mask]:
    """Of each row the first of its chain, how far it is from there, and whether it has none since it is in a circle.

    Each round doubles how far everybody looks back."""
    rows = np.arange(len(previous))
    back = np.where(previous == NONE, rows, previous)
    depth = (previous != NONE).astype(np.int64)
    moving = np.flatnonzero(previous != NONE)
    for _ in range(len(previous).bit_length() + 1):
        if not len(moving):
            break
        ahead = back[moving]
        depth_ahead, further = depth[ahead], back[ahead]
        depth[moving] += depth_ahead
        back[moving] = further
        moving = moving[previous[further] != NONE]
    circle = np.zeros(len(previous), np.bool_)
    circle[moving] = True
    return back, depth, circle
