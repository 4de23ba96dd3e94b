"""Reads of several objects at once, put in order by what they saw.

Where every object only ever moves forward (a number that grows, a key that is inserted once), a read that saw less of
one came before a read that saw more of it. If all reads are snapshots of one history, these relations, and those of the
reads' own order, have no cycle; if they have none, there is an order of the reads in which every object moves forward.
So the question is exactly whether a graph has a cycle.

The graph is kept small by helping nodes: between two neighbouring levels of an object stands one node, that all reads
of the lower level lead to and that leads to all of the upper one; and each answer has one that leads to the next, and
to the reads that begin after it. Edges are then as many as values were read.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from checkers.history import Operation

MOST_CYCLES: Final = 5
STARTS: Final = 10
"""A shortest cycle is looked for from that many reads of each knot."""


class Snapshot(NamedTuple):
    """A read, and how far it saw each object."""

    read: Operation
    levels: Mapping[Hashable, int | float]


class Order:
    """The graph: the first nodes are the snapshots, by invocation; the helping nodes follow."""

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        self._snapshots = snapshots
        self._size = len(snapshots)
        self._sources: list[int] = []
        self._targets: list[int] = []
        self._by_level()

    def _by_level(self) -> None:
        seen: dict[Hashable, dict[int | float, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, snapshot in enumerate(self._snapshots):
            for name, level in snapshot.levels.items():
                seen[name][level].append(number)
        for levels in seen.values():
            ordered = sorted(levels)
            for lower, upper in pairwise(ordered):
                self._lead_through(levels[lower], levels[upper])

    def _lead_through(self, before: Sequence[int], after: Sequence[int]) -> None:
        between = self._node()
        for number in before:
            self._edge(number, between)
        for number in after:
            self._edge(between, number)

    def add_processes(self) -> None:
        """Each process reads in its own order."""
        last: dict[int, int] = {}
        for number, snapshot in enumerate(self._snapshots):
            process = snapshot.read.process
            if process in last:
                self._edge(last[process], number)
            last[process] = number

    def add_real_time(self) -> None:
        """What was answered before another began came before it."""
        answers = sorted(range(len(self._snapshots)), key=lambda number: self._snapshots[number].read.returned)
        place, latest = 0, None
        for number, snapshot in enumerate(self._snapshots):
            while place < len(answers) and self._snapshots[answers[place]].read.returned < snapshot.read.invoked:
                latest, previous = self._node(), latest
                self._edge(answers[place], latest)
                if previous is not None:
                    self._edge(previous, latest)
                place += 1
            if latest is not None:
                self._edge(latest, number)

    def cycles(self) -> Iterator[list[Snapshot]]:
        """One short cycle of each of the first knots: each comes before the next, and the last before the first."""
        knots = self._knots()
        if not knots:
            return
        onward: dict[int, list[int]] = defaultdict(list)
        for source, target in zip(self._sources, self._targets, strict=True):
            onward[source].append(target)
        for knot in knots[:MOST_CYCLES]:
            reads = sorted(number for number in knot if number < len(self._snapshots))
            found = [self._cycle(start, onward, knot) for start in reads[:STARTS]]
            yield [self._snapshots[number] for number in min(found, key=len)]

    def _knots(self) -> list[set[int]]:
        """The strongly connected components of more than one node."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        ones = np.ones(len(self._sources), dtype=np.int8)
        edges = (np.array(self._sources, dtype=np.int64), np.array(self._targets, dtype=np.int64))
        graph = coo_matrix((ones, edges), shape=(self._size, self._size))
        _, labels = connected_components(graph, directed=True, connection="strong")
        sizes = np.bincount(labels) if len(labels) else np.array([], dtype=np.int64)
        members: dict[int, set[int]] = {}
        for node in np.flatnonzero(sizes[labels] > 1).tolist():
            members.setdefault(int(labels[node]), set()).add(node)
        return sorted(members.values(), key=min)

    def _cycle(self, start: int, onward: Mapping[int, Sequence[int]], knot: set[int]) -> list[int]:
        """A cycle through `start` of fewest reads: what leaves a read costs one, what leaves a helping node nothing."""
        came: dict[int, int] = {}
        queue = deque([start])
        while start not in came:
            node = queue.popleft()
            helps = node >= len(self._snapshots)
            for target in onward[node]:
                if target in knot and target not in came:
                    came[target] = node
                    (queue.appendleft if helps else queue.append)(target)
        path, node = [start], came[start]
        while node != start:
            path += [node] if node < len(self._snapshots) else []
            node = came[node]
        return path[::-1]

    def _node(self) -> int:
        self._size += 1
        return self._size - 1

    def _edge(self, source: int, target: int) -> None:
        self._sources.append(source)
        self._targets.append(target)


def moved(before: Snapshot, after: Snapshot) -> Hashable | None:
    """An object that the second saw further than the first; None where there is none."""
    common = before.levels.keys() & after.levels.keys()
    further = [name for name in common if before.levels[name] < after.levels[name]]
    return min(further, key=str) if further else None
