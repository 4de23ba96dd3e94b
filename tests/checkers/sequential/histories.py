"""Small histories for tests, written as tables and drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from checkers.events import Event, EventType
from checkers.history import History, Operation

Row = tuple[int, str, str, Any, str, int | None]
"""process, f (r, w), key, value, outcome (ok, info), log index. Each row completes before the next is invoked."""


def history(rows: Sequence[Row]) -> History:
    """Operations one after another, in the order of the rows."""
    events: list[Event] = []
    for process, f, key, value, outcome, index in rows:
        common = {"process": process, "f": {"r": "read", "w": "write", "c": "cas"}[f], "key": key}
        invoked = None if f == "r" else value
        events.append(_event(len(events), EventType.INVOKE, invoked, **common))
        events.append(_event(len(events), EventType(outcome), value, log_index=index, **common))
    return History(events)


def _event(index: int, kind: EventType, value: Any, **fields: Any) -> Event:
    return Event(index=index, time=index * 1_000_000, type=kind, value=value, **fields)


def brute_force(operations: Sequence[Operation]) -> bool:
    """Whether some interleaving of the processes explains every read: tries them all. Unknown writes may be left
    out, which only ever helps."""
    chains: dict[int, list[Operation]] = {}
    for op in operations:
        if op.outcome is EventType.OK or (op.outcome is EventType.INFO and op.f == "write"):
            chains.setdefault(op.process, []).append(op)
    return _explained(list(chains.values()), {})


def _explained(chains: list[list[Operation]], state: dict[str | None, Any]) -> bool:
    if all(not chain or chain[0].outcome is EventType.INFO for chain in chains):
        return True
    for number, chain in enumerate(chains):
        if not chain:
            continue
        rest = [*chains[:number], chain[1:], *chains[number + 1 :]]
        op = chain[0]
        if op.f == "read" and state.get(op.key) == op.value and _explained(rest, state):
            return True
        if op.f == "write" and _explained(rest, state | {op.key: op.value}):
            return True
    return False


@st.composite
def small_histories(draw: st.DrawFn) -> History:
    """Up to nine operations of three processes on two keys; written values never repeat. Unknown writes end their
    process."""
    rows: list[Row] = []
    written: dict[str, list[int]] = {"x": [], "y": []}
    plan = draw(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("rrw"), st.sampled_from("xy")), max_size=9))
    ended: set[int] = set()
    for number, (_, f, key) in enumerate(plan):
        if f == "w":
            written[key].append(number + 1)
    for number, (process, f, key) in enumerate(plan):
        if process in ended:
            continue
        value = number + 1 if f == "w" else draw(st.sampled_from([None, *written[key]]))
        unknown = f == "w" and draw(st.integers(0, 7)) == 0
        ended |= {process} if unknown else set()
        rows.append((process, f, key, value, "info" if unknown else "ok", None))
    return history(rows)


def with_indexes(recorded: History, indexes: dict[int, int]) -> History:
    """The same history with other log indexes on its completions, by event index."""
    return History(
        [
            msgspec.structs.replace(event, log_index=indexes[event.index]) if event.index in indexes else event
            for event in recorded.events
        ]
    )
