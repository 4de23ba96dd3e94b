"""Explaining a refutation: a smallest set of operations that already contradict each other, and the cycle in words.

The cycle that saturation found, with the edges that its derived edges rest on, gives a first set. Then every read
that is not needed is left out, and with it every write that nobody reads any more: leaving out reads and unobserved
writes takes nothing away from any order that explained the whole, so no contradiction is invented.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from checkers.checker import Budget, OutOfTime
from checkers.sequential.order import Edge, Order, Why
from checkers.sequential.steps import Step, describe
from checkers.verdict import Anomaly

_STARTS = 50
"""Cycles are looked for from that many steps; the shortest is taken."""


def explain(order: Order, budget: Budget) -> Anomaly:
    """The anomaly of an order that has a cycle."""
    chosen = _support(order, _shortest_cycle(order))
    kept = _shrink([order.steps[number] for number in sorted(chosen)], order.writes_in_time, budget)
    small = Order(kept, order.writes_in_time)
    assert small.saturate(Budget()) is None
    cycle = _shortest_cycle(small)
    return Anomaly(
        kind="not-sequential",
        operations=[step.operation.invoked for step in kept],
        text="no order of these operations is possible: " + "; ".join(_sentence(small, edge) for edge in cycle),
        details={"cycle": [small.steps[edge.source].operation.invoked for edge in cycle]},
    )


def _cyclic(order: Order) -> set[int]:
    """The steps on or between cycles: what is left when ends are peeled off from both sides."""
    into, out = list(order.sources_count), [len(targets) for targets in order.targets]
    sources: list[list[int]] = [[] for _ in order.steps]
    for source, target in order.edges:
        sources[target].append(source)
    left = set(range(len(order.steps)))
    for counts, onward in ((into, order.targets), (out, sources)):
        ends = [number for number in left if not counts[number]]
        while ends:
            number = ends.pop()
            left.discard(number)
            for neighbour in onward[number]:
                counts[neighbour] -= 1
                if not counts[neighbour] and neighbour in left:
                    ends.append(neighbour)
    return left


def _shortest_cycle(order: Order) -> list[Edge]:
    inside = _cyclic(order)
    best: list[Edge] | None = None
    for start in sorted(inside)[:_STARTS]:
        path = _path(order, start, start, inside, rounds=None)
        if path is not None and (best is None or len(path) < len(best)):
            best = path
    if best is None:  # none of the first steps is itself on a cycle
        best = next(path for start in sorted(inside) if (path := _path(order, start, start, inside, rounds=None)))
    return best


def _path(order: Order, start: int, goal: int, inside: set[int] | None, rounds: int | None) -> list[Edge] | None:
    """A shortest path of at least one edge, of edges found before that round."""
    came: dict[int, Edge] = {}
    queue = deque([start])
    while queue:
        number = queue.popleft()
        for target in order.targets[number]:
            edge = order.edges[number, target]
            if target in came or (inside is not None and target not in inside):
                continue
            if rounds is not None and edge.round >= rounds:
                continue
            came[target] = edge
            if target == goal:
                return _trace_back(came, start, goal)
            queue.append(target)
    return None


def _trace_back(came: dict[int, Edge], start: int, goal: int) -> list[Edge]:
    path = [came[goal]]
    while path[-1].source != start:
        path.append(came[path[-1].source])
    return path[::-1]


def _support(order: Order, cycle: Sequence[Edge]) -> set[int]:
    """The steps of the cycle and of the paths that its derived edges rest on, all the way down."""
    chosen: set[int] = set()
    waiting = list(cycle)
    seen: set[tuple[int, int]] = set()
    while waiting:
        edge = waiting.pop()
        if (edge.source, edge.target) in seen:
            continue
        seen.add((edge.source, edge.target))
        chosen |= {edge.source, edge.target}
        waiting.extend(_grounds(order, edge))
        if edge.read is not None:
            chosen.add(edge.read)
            source = order.source[edge.read]
            chosen |= {source} if source is not None else set()
    return chosen | _sources_of(order, chosen)


def _grounds(order: Order, edge: Edge) -> list[Edge]:
    if edge.read is None or edge.why is Why.INITIAL:
        return []
    if edge.why is Why.OVERWRITTEN_BEFORE:
        begin, end = edge.source, edge.read
    else:
        source = order.source[edge.read]
        assert source is not None
        begin, end = source, edge.target
    return _path(order, begin, end, None, edge.round) or []


def _sources_of(order: Order, chosen: set[int]) -> set[int]:
    """A read stands for nothing without the write that it read; a compare-and-set may have read another's."""
    added: set[int] = set()
    waiting = list(chosen)
    while waiting:
        source = order.source.get(waiting.pop())
        if source is not None and source not in chosen | added:
            added.add(source)
            waiting.append(source)
    return added


def _contradicts(kept: Sequence[Step], writes_in_time: bool, budget: Budget) -> bool:
    return Order(kept, writes_in_time).saturate(budget) is None


def _shrink(kept: list[Step], writes_in_time: bool, budget: Budget) -> list[Step]:
    """Leaves out what can be left out, one step at a time, until everything is needed, or time is up: what is
    contradictory stays so, only not the smallest."""
    before = len(kept) + 1
    try:
        while len(kept) < before:
            before = len(kept)
            for step in kept[::-1]:
                fewer = [other for other in kept if other is not step]
                if _may_leave_out(step, fewer) and _contradicts(fewer, writes_in_time, budget):
                    kept = fewer
    except OutOfTime:
        pass
    return kept


def _may_leave_out(step: Step, others: Sequence[Step]) -> bool:
    return step.writes is None or not any(other.key == step.key and other.reads == step.writes for other in others)


def _sentence(order: Order, edge: Edge) -> str:
    before, after = (describe(order.steps[number].operation) for number in (edge.source, edge.target))
    if edge.why is Why.PROCESS:
        return f"{before}, and then {after}"
    if edge.why is Why.READS_FROM:
        return f"{before}, which must precede that {after}"
    if edge.why is Why.TIME:
        return f"{before}, which ended before this was begun: {after}"
    if edge.why is Why.INITIAL:
        return f"{before}, the initial value, so this must precede that {after}"
    assert edge.read is not None
    read = describe(order.steps[edge.read].operation)
    return f"{before}, which must precede that {after} ({read}, {edge.why.value})"
