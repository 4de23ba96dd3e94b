"""Sequential consistency by the values alone, over all keys together; log indexes are not trusted.

Three attempts, cheapest first:

1. A witness: the order that the nodes claim (log indexes) is only a guess here, and is checked like any other. An
   order that keeps every process's own order and in which every read returns the last value written proves the
   history valid.
2. A refutation: saturation (`order`), polynomial. A cycle proves it invalid, and is the explanation.
3. A search, within the budget (`search`). What it cannot decide is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checkers.checker import Budget, OutOfTime, Recording
from checkers.history import Operation
from checkers.sequential.explain import explain
from checkers.sequential.order import Order, UnwrittenValue
from checkers.sequential.search import search
from checkers.sequential.steps import INITIAL, AmbiguousValues, Step, describe, steps
from checkers.verdict import Anomaly, Result, Verdict


@dataclass(frozen=True)
class SequentialByValue:
    search_steps: int = 500_000
    """The most states that the search visits."""
    name: str = "sequential-by-value"

    def check(self, recording: Recording, budget: Budget) -> Result:
        all_steps = steps(recording.history.operations)
        result = Result(checker=self.name, verdict=Verdict.VALID, operations=len(all_steps))
        if is_witness(all_steps, claimed_order(all_steps)):
            result.algorithm = "witness: the order of the reported log indexes, checked by value"
            return result
        try:
            order = Order(all_steps)
        except UnwrittenValue as error:
            return _refuted(result, _unwritten(all_steps[error.step].operation), "a value that nobody wrote")
        except AmbiguousValues as error:
            result.verdict, result.reason = Verdict.UNKNOWN, f"{error}, so that values do not tell writes apart"
            return result
        if order.saturate(budget) is None:
            return _refuted(result, explain(order, budget), "saturation (Zennou et al., CAV 2019)")
        return self._searched(order, result, budget)

    def _searched(self, order: Order, result: Result, budget: Budget) -> Result:
        result.algorithm = "bounded search after saturation"
        try:
            found = search(order, budget, self.search_steps)
        except OutOfTime:
            result.verdict, result.reason = Verdict.UNKNOWN, "saturation found no contradiction and the search no order"
            return result
        if found is None:
            result.verdict = Verdict.INVALID
            result.anomalies = [_no_order(order.steps)]
        else:
            assert is_witness(order.steps, found)
        return result


def _refuted(result: Result, anomaly: Anomaly, algorithm: str) -> Result:
    result.verdict, result.anomalies, result.algorithm = Verdict.INVALID, [anomaly], algorithm
    return result


def _unwritten(read: Operation) -> Anomaly:
    return Anomaly(
        kind="invented-value",
        key=read.key,
        operations=[read.invoked],
        text=f"{describe(read)}, and nobody ever wrote that value there",
    )


def _no_order(all_steps: Sequence[Step]) -> Anomaly:
    return Anomaly(
        kind="no-sequential-order",
        operations=[step.operation.invoked for step in all_steps],
        text=f"all orders of these {len(all_steps)} operations that keep each process's own order were tried, "
        "and in each some read returns a value that is not the last one written",
    )


def claimed_order(all_steps: Sequence[Step]) -> list[int]:
    """The steps by the log indexes that they report: reads after the writes at their index, an unknown write just
    before the first read of its value. A step without an index stands where its session last was."""
    first_seen: dict[tuple[str | None, bytes], int] = {}
    for step in all_steps:
        index = _claimed(step)
        if index is not None and step.reads is not None:
            at = index - (step.writes is not None)
            place = (step.key, step.reads)
            first_seen[place] = min(at, first_seen.get(place, at))
    last: dict[int, int] = {}
    ranked: list[tuple[int, int, int]] = []
    for number, step in enumerate(all_steps):
        index = _claimed(step)
        if index is None and step.writes is not None:
            index = first_seen.get((step.key, step.writes))
        at = last.get(step.session, 0) if index is None else index
        last[step.session] = max(at, last.get(step.session, 0))
        ranked.append((at, int(step.writes is None), number))
    return [number for _, _, number in sorted(ranked)]


def _claimed(step: Step) -> int | None:
    completion = step.operation.completion
    return completion.log_index if completion is not None else None


def is_witness(all_steps: Sequence[Step], order: Sequence[int]) -> bool:
    """Whether the order holds every step once, keeps each session's own order, and explains every read: the
    definition of sequential consistency, word for word."""
    if sorted(order) != list(range(len(all_steps))):
        return False
    state: dict[str | None, bytes] = {}
    last: dict[int, int] = {}
    for number in order:
        step = all_steps[number]
        if last.get(step.session, -1) > number:
            return False
        last[step.session] = number
        if step.reads is not None and state.get(step.key, INITIAL) != step.reads:
            return False
        if step.writes is not None:
            state[step.key] = step.writes
    return True
