"""Circles of dependencies: which kinds there are, and for each the shortest.

| kind | a circle of |
|---|---|
| G0 | ww |
| G1c | ww and wr, at least one wr |
| G-single | ww, wr, and exactly one rw |
| G-nonadjacent | ww, wr, and several rw, none of which follows another |
| G2-item | ww, wr, and several rw |

Each also with process order (-process) and with real-time order (-realtime). They are looked for in this order, from
the worst on, in the strongly connected components of the edges that the kind allows; a component that holds a circle
which is an example of the kind already is left out. So every circle of a component is of the kind looked for, except
for G-single, where each rw must be tried: is there a way back without another one? That search has a patience, and says
when it gave up. A G-nonadjacent lies in a component of the graph of (transaction, whether an rw led here); it may pass
a transaction twice (Cerone and Gotsman, "Analysing Snapshot Isolation", theorem 9, is about such walks).

Real-time order holds process order, so one graph with real time finds every transaction that is in any circle. In a
history that is right there is none, and nothing else is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from checkers.checker import Budget
from checkers.transactions import loops
from checkers.transactions.findings import MOST_TOLD
from checkers.transactions.graph import (
    ANY_RW,
    PROCESS_ORDER,
    REALTIME_ORDER,
    RW,
    RW_BY_PROCESS,
    RW_BY_REALTIME,
    WR,
    WW,
    Edges,
    Graph,
    add_process_order,
    add_realtime_order,
    components,
    in_circles,
)
from checkers.transactions.models import FORMS, PROCESS, REALTIME, implied
from checkers.transactions.table import Bools, Integers, Table

KINDS: Final = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
ORDERS: Final = {"": 0, PROCESS: PROCESS_ORDER, REALTIME: REALTIME_ORDER}
RWS: Final = {"": RW, PROCESS: RW | RW_BY_PROCESS, REALTIME: RW | RW_BY_PROCESS | RW_BY_REALTIME}
LONG: Final = 3_000
"""Edges from which on compiling pays."""
PATIENCE: Final = 20_000_000
"""Edges that one search looks at, and all searches for a G-single together."""
MOST_PARTS: Final = 2_000
"""Components in which a G-single is looked for."""


@dataclass(frozen=True)
class Circle:
    """relations[i] leads from txns[i] to the next one, the last to the first."""

    txns: Sequence[int]
    relations: Sequence[int]


@dataclass
class Circles:
    """`count`: kind -> in how many components there is one. `unsure`: kinds that may be there and were not found."""

    count: dict[str, int] = field(default_factory=dict)
    told: dict[str, list[Circle]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)


def find(edges: Edges, table: Table, happened: Bools, budget: Budget) -> Circles:
    """`edges`: the dependencies between the transactions that happened."""
    txns, members = table.size, np.flatnonzero(happened)
    sources, targets, relations = edges.done()
    whole = Edges(edges.nodes)
    add_realtime_order(whole, table, members)
    more_sources, more_targets, _ = whole.done()
    budget.spend()
    labels = components(whole.nodes, np.concatenate([sources, more_sources]), np.concatenate([targets, more_targets]))
    members = np.flatnonzero(in_circles(labels, txns))
    if not len(members):
        return Circles()
    budget.spend()
    return _search(_within(edges.nodes, (sources, targets, relations), labels, table, members), budget)


def _within(
    nodes: int,
    edges: tuple[Integers, Integers, loops.Bytes],
    labels: Integers,
    table: Table,
    members: Integers,
) -> Graph:
    """The graph of those that are in circles, with process and real-time order among them."""
    sources, targets, relations = edges
    kept = labels[sources] == labels[targets]
    found = Edges(nodes)
    for relation in np.unique(relations).tolist():
        chosen = kept & (relations == relation)
        found.add(sources[chosen], targets[chosen], relation)
    add_process_order(found, table, members)
    add_realtime_order(found, table, members)
    return Graph.of(found, table.size)


def _search(graph: Graph, budget: Budget) -> Circles:
    found, search = Circles(), _Search(graph)
    examples: list[tuple[str, int]] = []
    for form in FORMS:
        if form and not (graph.relations & ORDERS[form]).any():
            continue
        for kind in KINDS:
            if budget.seconds_left() <= 0:
                # What was found stands; of what was not looked for nothing is known.
                found.unsure.add(f"{kind}{form}")
                continue
            circles, places, sure = search.kind(kind, form, examples)
            # After a search that was given up, a worse circle than the one looked for may turn up.
            name = classify(circles[0]) if circles else f"{kind}{form}"
            examples += [(name, place) for place in places]
            if places:
                found.count[name] = len(places)
                found.told[name] = circles
            if not sure:
                found.unsure.add(f"{kind}{form}")
    return found


class _Search:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        size = 2 * graph.nodes
        self._seen = np.zeros(size, np.int64)
        self._parent = np.zeros(size, np.int64)
        self._depth = np.zeros(size, np.int64)
        self._entered = np.zeros(size, np.uint8)
        self._flat = np.zeros(graph.nodes, np.int64)
        self._stamp = 0

    def kind(self, kind: str, form: str, examples: Sequence[tuple[str, int]]) -> tuple[list[Circle], list[int], bool]:
        """Circles to tell of, a transaction of each component that has one, and whether that is sure to be all."""
        graph, order = self._graph, ORDERS[form]
        path = {"G0": WW, "G1c": WW | WR}.get(kind, WW | WR) | order
        mask = path if kind in ("G0", "G1c") else path | RWS[form]
        plain = graph.components(mask)
        done = [plain[txn] for name, txn in examples if f"{kind}{form}" in implied(name)]
        starts = self._starts(kind, form, mask, plain, done)
        if kind == "G-single":
            return self._singles(path, plain, starts)
        labels = np.repeat(plain, 2)
        if kind == "G-nonadjacent":
            labels = _alternating(graph, mask)
            states = 2 * graph.targets[starts] + 1
            starts = starts[labels[states] == labels[2 * graph.sources[starts]]]
        parts = plain[graph.sources[starts]]
        places = graph.sources[starts[np.unique(parts, return_index=True)[1]]].tolist()
        chosen = _fewest(parts)
        circles = (
            self._shortest(starts[parts == part], mask, labels, self._flat, kind == "G-nonadjacent")[0]
            for part in chosen
        )
        return sorted((each for each in circles if each), key=lambda circle: len(circle.txns)), places, True

    def _starts(self, kind: str, form: str, mask: int, plain: Integers, done: Sequence[int]) -> Integers:
        """Edges within components, each of a kind without which there is no circle of the kind looked for."""
        graph = self._graph
        needed = ORDERS[form] or {"G0": WW, "G1c": WR}.get(kind, 0)
        if kind not in ("G0", "G1c"):
            needed = RWS[form]
        usable = (graph.relations & needed > 0) & (graph.sources < graph.txns)
        usable &= plain[graph.sources] == plain[graph.targets]
        starts = np.flatnonzero(usable)
        return starts[~np.isin(plain[graph.sources[starts]], done)]

    def _singles(self, path: int, plain: Integers, starts: Integers) -> tuple[list[Circle], list[int], bool]:
        """rw edges from whose end a way of `path` leads back to their beginning."""
        graph = self._graph
        inner = graph.components(path)
        level = _levels(graph, path, inner)
        starts = starts[level[graph.targets[starts]] <= level[graph.sources[starts]]]
        parts = plain[graph.sources[starts]]
        labels = np.repeat(plain, 2)
        circles: list[Circle] = []
        chosen, patience, sure = np.unique(parts), PATIENCE, True
        for part in chosen[:MOST_PARTS].tolist():
            circle, patience = self._shortest(starts[parts == part], path, labels, level, False, patience)
            circles += [circle] if circle else []
            sure &= circle is not None or patience > 0
        circles.sort(key=lambda circle: len(circle.txns))
        return circles[:MOST_TOLD], [circle.txns[0] for circle in circles], sure and len(chosen) <= MOST_PARTS

    def _shortest(
        self,
        starts: Integers,
        mask: int,
        labels: Integers,
        level: Integers,
        alternate: bool,
        patience: int = PATIENCE,
    ) -> tuple[Circle | None, int]:
        """The shortest circle through any of the start edges, and what is left of the patience."""
        chosen, closing, relation, left = self._nearest(starts, mask, labels, level, alternate, patience)
        if chosen < 0:
            return None, left
        # The marks are those of the last search; the chosen start's are wanted.
        again = starts[chosen : chosen + 1]
        _, closing, relation, _ = self._nearest(again, mask, labels, level, alternate, PATIENCE)
        return self._circle(int(self._graph.sources[again[0]]), closing, relation), left

    def _nearest(
        self, starts: Integers, mask: int, labels: Integers, level: Integers, alternate: bool, patience: int
    ) -> tuple[int, int, int, int]:
        graph = self._graph
        nearest = loops.nearest
        if len(graph.relations) > LONG:
            from checkers.transactions import kernels

            nearest = kernels.nearest
        answer = nearest(
            graph.offsets,
            graph.targets,
            graph.relations,
            graph.txns,
            labels,
            level,
            starts,
            graph.sources[starts],
            mask,
            ANY_RW,
            alternate,
            patience,
            self._stamp,
            self._seen,
            self._parent,
            self._entered,
            self._depth,
        )
        self._stamp += len(starts)
        return answer

    def _circle(self, source: int, closing: int, relation: int) -> Circle:
        txns, relations, state = [], [], closing
        while state != 2 * source:
            if state >> 1 < self._graph.txns:
                txns.append(int(state >> 1))
                relations.append(int(relation))
            relation, state = self._entered[state], self._parent[state]
        return Circle([source, *reversed(txns)], [int(relation), *reversed(relations)])


def _fewest(parts: Integers) -> list[int]:
    """The parts with the fewest start edges, as many as are told."""
    names, counts = np.unique(parts, return_counts=True)
    chosen: list[int] = names[np.argsort(counts, kind="stable")][:MOST_TOLD].tolist()
    return chosen


def _alternating(graph: Graph, mask: int) -> Integers:
    """The component of each state (twice a node, plus one after an rw) where no rw follows an rw."""
    usable = np.flatnonzero(graph.relations & mask)
    sources, targets = graph.sources[usable], graph.targets[usable]
    rw = graph.relations[usable] & ANY_RW > 0
    between = sources >= graph.txns
    # Leaving a node between transactions is no step: the state stays what it was.
    calm, turn, on = ~between & ~rw, ~between & rw, between
    begin = [2 * sources[calm], 2 * sources[calm] + 1, 2 * sources[turn], 2 * sources[on], 2 * sources[on] + 1]
    end = [2 * targets[calm], 2 * targets[calm], 2 * targets[turn] + 1, 2 * targets[on], 2 * targets[on] + 1]
    return components(2 * graph.nodes, np.concatenate(begin), np.concatenate(end))


def _levels(graph: Graph, mask: int, labels: Integers) -> Integers:
    """A level for each node, the same within a component, that never goes down along an edge of `mask`."""
    usable = np.flatnonzero(graph.relations & mask)
    sources, targets = labels[graph.sources[usable]], labels[graph.targets[usable]]
    outside = sources != targets
    sources, targets = sources[outside], targets[outside]
    order = np.argsort(sources, kind="stable")
    count = int(labels.max()) + 1
    offsets = np.searchsorted(sources[order], np.arange(count + 1))
    levels = loops.levels
    if len(sources) > LONG:
        from checkers.transactions import kernels

        levels = kernels.levels
    return levels(offsets, targets[order], np.bincount(targets, minlength=count).astype(np.int64))[labels]


def classify(circle: Circle) -> str:
    """The kind of a circle by its relations, as the table above has it."""
    rws = [bool(relation & ANY_RW) for relation in circle.relations]
    kinds = set(circle.relations)
    if sum(rws) > 1:
        adjacent = any(one and other for one, other in _around(rws))
        base = "G2-item" if adjacent else "G-nonadjacent"
    elif sum(rws) == 1:
        base = "G-single"
    else:
        base = "G1c" if WR in kinds else "G0"
    if kinds & {REALTIME_ORDER, RW_BY_REALTIME}:
        return base + REALTIME
    return base + PROCESS if kinds & {PROCESS_ORDER, RW_BY_PROCESS} else base


def _around(flags: Sequence[bool]) -> Iterator[tuple[bool, bool]]:
    return zip(flags, [*flags[1:], *flags[:1]], strict=True)
