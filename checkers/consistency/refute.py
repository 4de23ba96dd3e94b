"""Whether a level is refuted, from the causal level down: polynomial, and exact but where compare-and-sets leave the
causal level open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from checkers.checker import Budget
from checkers.consistency.levels import Level
from checkers.consistency.one_order import OneOrder, only_writes
from checkers.consistency.pasts import Circular, Pasts
from checkers.consistency.record import INITIAL, Record
from checkers.consistency.write_order import Circle, KeyOrder, Wanted

Wishes = Mapping[tuple[int, int], Wanted]


def wishes(record: Record, levels: Collection[Level], budget: Budget) -> Mapping[Level, Wishes] | None:
    """What the reads want of the order of the writes, level by level; None where session order and reads-from alone
    run in a circle. (With reads that no write of the future explains, and linearizable writes, they never do.)"""
    pasts = Pasts(record, levels, budget)
    try:
        pasts.run()
    except Circular:
        return None
    return pasts.wanted


def by_key(record: Record, wanted: Wishes, budget: Budget) -> Circle | None:
    """A key whose writes cannot be ordered as wanted, or None: all can. Exact for the session guarantees."""
    keys: dict[str | None, list[Wanted]] = {}
    for each in wanted.values():
        keys.setdefault(record.steps[each.read].key, []).append(each)
    steps: dict[str | None, list[int]] = {key: [] for key in keys}
    for number, step in enumerate(record.steps):
        if step.key in steps:
            steps[step.key].append(number)
    for key, own in keys.items():
        budget.spend()
        circle = KeyOrder(record, steps[key]).circle(own)
        if circle is not None:
            return circle
    return None


def all_keys(record: Record, wanted: Wishes, budget: Budget) -> Circle | None:
    """The same over all keys together, with session order and reads-from, as the causal level needs it: exact but
    for compare-and-sets, whose place right behind their source is looked at key by key alone."""
    impossible = next((each for each in wanted.values() if each.then == INITIAL), None)
    if impossible is not None:
        return Circle([impossible.first], [impossible])
    order = OneOrder(record, wanted.values(), b"")
    return None if order.run(budget) else order.circle()


def causal_witness(record: Record, wanted: Wishes, budget: Budget) -> Sequence[int] | None:
    """An order of all steps that shows the causal level, if one is found."""
    order = OneOrder(record, wanted.values(), b"", strict=only_writes)
    return order.order if order.run(budget) else None


def circle(record: Record, level: Level, budget: Budget) -> Circle | None:
    """What refutes a session guarantee or the causal level, or None where nothing does."""
    found = wishes(record, (level,), budget)
    if found is None:
        return Circle(range(len(record.steps)), ())
    wanted = found[level]
    return by_key(record, wanted, budget) or (all_keys(record, wanted, budget) if level is Level.CAUSAL else None)
