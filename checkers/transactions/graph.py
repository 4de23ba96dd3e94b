"""The graph of dependencies: which transaction must come before which, and why.

| relation | from, to |
|---|---|
| ww | who wrote a version, who wrote a later one of the same key |
| wr | who wrote a version, who read it |
| rw | who read a version, who wrote a later one of the same key |
| process | what a process did, what it did afterwards |
| realtime | what had returned, what was invoked only then |

An rw may rest on process or real-time order itself, where the order of two versions is known by nothing else; then it
has a relation of its own, and counts only where that order does.

**Relations of many to many stay linear.** "Everything that had returned by then comes before everything that was
invoked after" has a square of edges. A node between transactions stands for the "by then": what had returned has an
edge to it, and it has edges to what was invoked after and to the next such moment. Entering such a node is a step and
leaving it is none, so that the shortest circles are those of the whole relation, not of a reduction of it. This is
exact: a moment lies where the first invocation follows a return, by event index.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from checkers.history import PENDING
from checkers.transactions.loops import Bytes
from checkers.transactions.table import Bools, Integers, Table

WW: Final = 1
WR: Final = 2
RW: Final = 4
PROCESS_ORDER: Final = 8
REALTIME_ORDER: Final = 16
RW_BY_PROCESS: Final = 32
RW_BY_REALTIME: Final = 64
ANY_RW: Final = RW | RW_BY_PROCESS | RW_BY_REALTIME
NAMES: Final = {
    WW: "ww",
    WR: "wr",
    RW: "rw",
    PROCESS_ORDER: "process",
    REALTIME_ORDER: "realtime",
    RW_BY_PROCESS: "rw",
    RW_BY_REALTIME: "rw",
}
_FEW: Final = 4
"""A node between pays where the pairs are more than so many times its edges."""
_MUTUAL: Final = 8


@dataclass
class Edges:
    """Edges as they are collected. `nodes` counts transactions and what stands between them so far."""

    nodes: int
    _sources: list[Integers] = field(default_factory=list)
    _targets: list[Integers] = field(default_factory=list)
    _relations: list[Bytes] = field(default_factory=list)

    def add(self, sources: Integers, targets: Integers, relation: int) -> None:
        other = sources != targets
        self._sources.append(sources[other])
        self._targets.append(targets[other])
        self._relations.append(np.full(int(other.sum()), relation, np.uint8))

    def add_all(self, a_group: Integers, a: Integers, b_group: Integers, b: Integers, relation: int) -> None:
        """From every `a` of a group to every `b` of the same group other than itself. Groups are small numbers.

        Where one transaction is both, it cannot use the node between, which would lead back to itself. Its edges are
        written out, but for no more than some: a second one in the same group has lost the other's update already."""
        if not len(a) or not len(b):
            return
        size = int(max(a_group.max(), b_group.max())) + 1
        a_count, b_count = np.bincount(a_group, minlength=size), np.bincount(b_group, minlength=size)
        many = a_count * b_count > _FEW * (a_count + b_count)
        self.add(*_pairs(a_group, a, b_group, b, ~many), relation)
        if many.any():
            self._through_nodes(a_group, a, b_group, b, many, relation)

    def _through_nodes(
        self, a_group: Integers, a: Integers, b_group: Integers, b: Integers, many: Bools, relation: int
    ) -> None:
        node = self.nodes + np.cumsum(many) - 1
        self.nodes += int(many.sum())
        most = int(max(a.max(), b.max())) + 1
        both = np.isin(a_group * most + a, b_group * most + b)
        enter, leave = many[a_group] & ~both, many[b_group]
        self.add(a[enter], node[a_group[enter]], relation)
        self.add(node[b_group[leave]], b[leave], relation)
        apart = np.flatnonzero(many[a_group] & both)
        apart = apart[_rank(a_group[apart]) < _MUTUAL]
        self.add(*_pairs(a_group[apart], a[apart], b_group, b, many), relation)

    def done(self) -> tuple[Integers, Integers, Bytes]:
        empty = np.zeros(0, np.int64)
        return (
            np.concatenate([empty, *self._sources]),
            np.concatenate([empty, *self._targets]),
            np.concatenate([empty.astype(np.uint8), *self._relations]),
        )


def _rank(groups: Integers) -> Integers:
    """How many of the same group come before each."""
    order = np.argsort(groups, kind="stable")
    begins = np.searchsorted(groups[order], groups[order])
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - begins
    return rank


def _pairs(a_group: Integers, a: Integers, b_group: Integers, b: Integers, groups: Bools) -> tuple[Integers, Integers]:
    """All pairs of an `a` and a `b` of the same group, of the groups that are chosen."""
    order = np.argsort(b_group, kind="stable")
    mine = np.flatnonzero(groups[a_group])
    begins = np.searchsorted(b_group[order], a_group[mine])
    counts = np.searchsorted(b_group[order], a_group[mine], side="right") - begins
    return np.repeat(a[mine], counts), b[order[spread(begins, counts)]]


def spread(begins: Integers, counts: Integers) -> Integers:
    """begins[0], begins[0] + 1, ... (counts[0] of them), begins[1], ..."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    places: Integers = np.arange(total) + np.repeat(begins - (ends - counts), counts)
    return places


def add_process_order(edges: Edges, table: Table, members: Integers) -> None:
    """`members`: transactions by invocation. What is not ok has no successor: its process was retired, or its answer
    is still to come."""
    order = members[np.argsort(table.process[members], kind="stable")]
    if len(order) < 2:
        return
    before, after = order[:-1], order[1:]
    follows = (table.process[before] == table.process[after]) & (table.returned[before] < table.invoked[after])
    place = edges.nodes + np.arange(len(before))
    edges.nodes += len(before)
    edges.add(before[follows], place[follows], PROCESS_ORDER)
    edges.add(place[follows], after[follows], PROCESS_ORDER)
    on = follows[:-1] & follows[1:]
    edges.add(place[:-1][on], place[1:][on], PROCESS_ORDER)


def add_realtime_order(edges: Edges, table: Table, members: Integers) -> None:
    """`members`: transactions by invocation."""
    invoked = table.invoked[members]
    definite = members[table.returned[members] < PENDING]
    # What had returned comes before all members from the first one that was invoked afterwards.
    successor = np.searchsorted(invoked, table.returned[definite])
    some = successor < len(members)
    moments = np.unique(successor[some])
    if not len(moments):
        return
    place = edges.nodes + np.arange(len(moments))
    edges.nodes += len(moments)
    edges.add(definite[some], place[np.searchsorted(moments, successor[some])], REALTIME_ORDER)
    edges.add(place[:-1], place[1:], REALTIME_ORDER)
    at = np.searchsorted(moments, np.arange(len(members)), side="right") - 1
    edges.add(place[at[at >= 0]], members[at >= 0], REALTIME_ORDER)


@dataclass(frozen=True)
class Graph:
    """Nodes 0 to txns - 1 are transactions; the rest stand between them."""

    txns: int
    nodes: int
    sources: Integers
    targets: Integers
    relations: Bytes

    @staticmethod
    def of(edges: Edges, txns: int) -> Graph:
        sources, targets, relations = edges.done()
        order = np.argsort(sources, kind="stable")
        return Graph(txns, edges.nodes, sources[order], targets[order], relations[order])

    @cached_property
    def offsets(self) -> Integers:
        return np.searchsorted(self.sources, np.arange(self.nodes + 1))

    def components(self, mask: int) -> Integers:
        """The strongly connected component of each node, over edges of the kinds in `mask`."""
        chosen = np.flatnonzero(self.relations & mask)
        return components(self.nodes, self.sources[chosen], self.targets[chosen])


def components(nodes: int, sources: Integers, targets: Integers) -> Integers:
    # scipy takes a fifth of a second to import, and is wanted only where there are edges.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ones: npt.NDArray[Any] = np.ones(len(sources), bool)
    matrix = coo_matrix((ones, (sources, targets)), shape=(nodes, nodes)).tocsr()
    labels: Integers = connected_components(matrix, directed=True, connection="strong")[1].astype(np.int64)
    return labels


def in_circles(labels: Integers, txns: int) -> Bools:
    """Which transactions share their component with another transaction."""
    counts: Integers = np.bincount(labels[:txns], minlength=int(labels.max(initial=0)) + 1)
    shared: Bools = counts[labels[:txns]] > 1
    return shared
