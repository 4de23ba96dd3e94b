"""The sequential level, whose decision is NP-complete: witnesses, polynomial refutations, then a bounded search.

1. A witness by log indexes: the order that the nodes claim is a guess, checked like any other.
2. A refutation: what is not causal is not sequential.
3. A witness that is built (`one_order`), helped by what the causal level wants of the writes.
4. A refutation by saturation, and a search that it narrows (checkers/sequential/), both with the writes in time.

What none of them decides is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from checkers.checker import Budget, OutOfTime
from checkers.consistency.finding import Finding
from checkers.consistency.one_order import OneOrder, every_reader
from checkers.consistency.record import INITIAL as INITIAL_SOURCE
from checkers.consistency.record import Record, is_write
from checkers.consistency.shrink import shrink
from checkers.consistency.words import MOST_TOLD, did
from checkers.consistency.write_order import Wanted
from checkers.sequential.by_value import claimed_order, is_witness
from checkers.sequential.explain import explain
from checkers.sequential.order import Order
from checkers.sequential.search import search
from checkers.sequential.steps import INITIAL, Step
from checkers.verdict import Anomaly

MOST_CELLS: Final = 30_000_000
"""Of vector clocks (steps times sessions, 4 bytes each) that saturation may take."""
MOST_STATES: Final = 20_000
"""That the search visits."""


def claimed(steps: Sequence[Step]) -> Finding | None:
    """Whether the claimed order is a witness."""
    order = claimed_order(steps)
    if keeps_time(steps, order) and is_witness(steps, order):
        return Finding(True, "witness: the order of the reported log indexes, checked by value")
    return None


def keeps_time(steps: Sequence[Step], order: Sequence[int]) -> bool:
    """Whether no write stands after one that was invoked only when it had returned, and nothing reads what was written
    only later."""
    latest = -1
    written: dict[str | None, int] = {}
    for number in order:
        step, operation = steps[number], steps[number].operation
        if step.reads is not None and written.get(step.key, -1) > operation.returned:
            return False
        if step.writes is not None:
            written[step.key] = operation.invoked
        if is_write(step):
            if operation.returned < latest:
                return False
            latest = max(latest, operation.invoked)
    return True


def built(record: Record, wanted: Iterable[Wanted], budget: Budget) -> Finding | None:
    """Whether an order can be built without going back on a choice."""
    found = _one_order(record, OneOrder(record, wanted, INITIAL, strict=every_reader), budget)
    return Finding(True, "witness: an order that was built step by step") if found else None


def _one_order(record: Record, order: OneOrder, budget: Budget) -> bool:
    if not order.run(budget):
        return False
    assert is_witness(record.steps, order.order)
    assert keeps_time(record.steps, order.order)
    return True


def searched(record: Record, budget: Budget) -> Finding:
    """Saturation, then the search."""
    cells = len(record.steps) * len(record.sessions)
    if cells > MOST_CELLS:
        return Finding(None, f"no order was found, and {len(record.sessions):,} sessions are too many to refute one")
    if record.ambiguous:
        return Finding(None, f"no order was found, and {len(record.ambiguous)} reads do not tell which write they saw")
    order = Order(told_apart(record, range(len(record.steps))), writes_in_time=True)
    if order.saturate(budget) is None:
        return Finding(False, "saturation (Zennou et al., CAV 2019)", [explain(order, budget)])
    if _one_order(record, OneOrder(record, (), INITIAL, strict=every_reader, also=order.edges), budget):
        return Finding(True, "witness: an order that was built step by step after saturation")
    try:
        found = search(order, budget, MOST_STATES)
    except OutOfTime:
        return Finding(None, "saturation found no contradiction and the search no order")
    if found is None:
        return Finding(False, "bounded search after saturation", [_no_order(record, budget)])
    return Finding(True, "bounded search after saturation")


def told_apart(record: Record, some: Sequence[int]) -> list[Step]:
    """These steps, with values that tell each write from every other."""
    values = {number: f"write {number}".encode() for number in some} | {INITIAL_SOURCE: INITIAL}
    return [
        replace(
            record.steps[number],
            reads=values[record.source[number]] if number in record.source else None,
            writes=None if record.steps[number].writes is None else values[number],
        )
        for number in some
    ]


def _no_order(record: Record, budget: Budget) -> Anomaly:
    kept = shrink(range(len(record.steps)), lambda some: _has_no_order(record, some, budget))
    operations = [record.steps[number].operation for number in kept]
    return Anomaly(
        kind="not-sequential",
        operations=[operation.invoked for operation in operations],
        text="all orders of these operations were tried, and in each some read returns what is not the last value "
        f"written: {'; '.join(did(operation) for operation in operations[:MOST_TOLD])}"
        + (f"; and {len(operations) - MOST_TOLD} more" if len(operations) > MOST_TOLD else ""),
    )


def _has_no_order(record: Record, some: Sequence[int], budget: Budget) -> bool:
    """Of steps among which each read has its source."""
    kept = set(some)
    if any(record.source.get(number, INITIAL_SOURCE) not in {*kept, INITIAL_SOURCE} for number in some):
        return False
    order = Order(told_apart(record, some), writes_in_time=True)
    return order.saturate(budget) is None or search(order, budget, MOST_STATES) is None
