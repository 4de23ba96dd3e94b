"""Small histories as tables, with concurrency, several keys and modes; and drawn by Hypothesis."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import msgspec

from checkers.events import Event, EventType
from checkers.history import History

Row = tuple[Any, ...]
"""(process, f, key, value[, begin, end[, extra fields]]). Without moments a row follows the one before it. f is r, w,
c ([expected, new], matched) or m ([expected, new, seen]); end None: the answer never came."""
NAMES = {"r": "read", "w": "write", "c": "cas", "m": "cas"}


def history(rows: Sequence[Row], mode: str | None = "stale") -> History:
    events: list[tuple[float, Event]] = []
    now = 0.0
    for row in rows:
        process, f, key, value = row[:4]
        begin, end = row[4:6] if len(row) > 4 else (now + 1, now + 2)
        now = max(now, begin, end or 0)
        more = row[6] if len(row) > 6 else {}
        common = {"process": process, "f": NAMES[f], "key": key, "read": mode if f == "r" else None}
        asked = None if f == "r" else value[:2] if f == "m" else value
        events.append((begin, _event(begin, EventType.INVOKE, asked, **common)))
        seen = {"actual": value[2]} if f == "m" else {}
        if end is not None:
            events.append((end, _event(end, EventType.OK, value if f == "r" else asked, **common, **seen, **more)))
    return numbered(events)


def numbered(events: Sequence[tuple[float, Event]]) -> History:
    ordered = sorted(events, key=lambda each: each[0])
    assert len({moment for moment, _ in ordered}) == len(ordered), "moments must differ"
    return History([msgspec.structs.replace(event, index=at) for at, (_, event) in enumerate(ordered)])


def _event(moment: float, kind: EventType, value: Any, **fields: Any) -> Event:
    return Event(index=0, time=int(moment * 1_000_000), type=kind, value=value, **fields)


def drawn(rng: random.Random, *, most: int = 8, keys: str = "xy", cas: float = 0.15, distinct: bool = True) -> History:
    """Up to `most` operations of some processes: writes are those of a register that works, reads return anything
    that was written by then, mostly something recent. Some answers never come."""
    processes = list(range(rng.randint(1, 3)))
    pending: dict[int, list[Any]] = {}
    state: dict[str, list[Any]] = {key: [None] for key in keys}
    events: list[Event] = []
    counter, left, fresh = 0, rng.randint(1, most), 10

    def record(process: int, kind: EventType, f: str, key: str, value: Any, **more: Any) -> None:
        at = len(events)
        mode = "stale" if f == "read" else None
        events.append(
            Event(index=at, time=at * 10**6, process=process, type=kind, f=f, key=key, value=value, read=mode, **more)
        )

    while left or pending:
        idle = [process for process in processes if process not in pending]
        if left and idle and (not pending or rng.random() < 0.6):
            left -= 1
            process, key, drew = rng.choice(idle), rng.choice(keys), rng.random()
            counter += 1
            value = counter if distinct or rng.random() < 0.7 else rng.randint(1, 2)
            if drew < 0.5:
                call = ["read", key, None, False, None]
            elif drew < 1 - cas:
                call = ["write", key, value, False, None]
            else:
                call = ["cas", key, [rng.choice([state[key][-1], *state[key]]), value], False, None]
            pending[process] = call
            record(process, EventType.INVOKE, call[0], key, call[2])
            continue
        process = rng.choice(list(pending))
        call = pending[process]
        if not call[3] and call[0] != "read" and rng.random() < 0.9:
            take_effect(call, state)
            continue
        del pending[process]
        f, key, value, happened, actual = call
        if f == "read":
            known = state[key]
            value = rng.choice(known[-2:] if rng.random() < 0.6 else known)
            record(process, EventType.OK, f, key, value)
        elif not happened or rng.random() < 0.12:
            if rng.random() < 0.5 and not happened:
                record(process, EventType.FAIL, f, key, value)
            else:
                record(process, EventType.INFO, f, key, value)
                processes.remove(process)
                processes.append(fresh)
                fresh += 1
        elif actual is not None:
            record(process, EventType.OK, f, key, value, actual=actual[0])
        else:
            record(process, EventType.OK, f, key, value)
    return History(events)


def take_effect(call: list[Any], state: dict[str, list[Any]]) -> None:
    f, key, value = call[:3]
    call[3] = True
    now = state[key][-1]
    if f == "write":
        state[key].append(value)
    elif value[0] == now and value[0] != value[1]:
        state[key].append(value[1])
    else:
        call[4] = [now]
