"""Small histories of one register: written as tables, and simulated at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from checkers.events import Event, EventType
from checkers.history import History, Operation

MATCHED = object()
Row = tuple[Any, ...]
"""(process, f, value, invoked, returned[, outcome]): two moments in milliseconds, outcome ok where none is named, and
returned None where there is no completion. f is r, w, c ([expected, new], matched) or m ([expected, new, seen])."""
NAMES = {"r": "read", "w": "write", "c": "cas", "m": "cas"}


def history(rows: Sequence[Row], key: str | None = "k") -> History:
    """Events in the order of their moments, which are all different."""
    events: list[tuple[int, Event]] = []
    for row in rows:
        process, f, value, invoked, returned = row[:5]
        kind = EventType(row[5]) if len(row) > 5 else EventType.OK
        common = {"process": process, "f": NAMES[f], "key": key}
        asked = None if f == "r" else value[:2] if f == "m" else value
        events.append((invoked, _event(invoked, EventType.INVOKE, asked, **common)))
        if returned is not None:
            seen = {"actual": value[2]} if f == "m" and kind is EventType.OK else {}
            events.append((returned, _event(returned, kind, value if f == "r" else asked, **common, **seen)))
    events.sort(key=lambda each: each[0])
    assert len({moment for moment, _ in events}) == len(events)
    return History([msgspec.structs.replace(event, index=at) for at, (_, event) in enumerate(events)])


def operations(rows: Sequence[Row]) -> Sequence[Operation]:
    return history(rows).operations


def _event(moment: int, kind: EventType, value: Any, **fields: Any) -> Event:
    return Event(index=0, time=moment * 1_000_000, type=kind, value=value, **fields)


@dataclass(frozen=True)
class Shape:
    """What is simulated. `wrong`: how often an answer is made up. `appends`: get, put, append instead."""

    least_operations: int = 1
    most_operations: int = 9
    most_processes: int = 5
    distinct: bool = True
    wrong: float = 0.0
    appends: bool = False

    @property
    def initial(self) -> Any:
        return "" if self.appends else None


class Simulation:
    """Processes at a register that works; some answers are lost, and some operations never arrive or are late."""

    def __init__(self, rng: random.Random, shape: Shape) -> None:
        self.rng, self.shape = rng, shape
        self.state = shape.initial
        self.written = [shape.initial]
        self.events: list[Event] = []
        self.counter = 0
        self.pending: dict[int, list[Any]] = {}
        """Process -> [f, value, what it saw, whether it took effect]."""
        self.late: list[list[Any]] = []
        """Answered as unknown before they took effect."""

    def run(self) -> History:
        left = self.rng.randint(self.shape.least_operations, self.shape.most_operations)
        processes = self.rng.randint(1, self.shape.most_processes)
        while left or self.pending:
            idle = [process for process in range(processes) if process not in self.pending]
            if left and idle and (not self.pending or self.rng.random() < 0.5):
                left -= 1
                self._invoke(self.rng.choice(idle))
            else:
                self._go_on(self.rng.choice(list(self.pending)))
        return History(self.events)

    def _invoke(self, process: int) -> None:
        functions = ("get", "put", "append") if self.shape.appends else ("read", "write", "cas")
        f = functions[self.rng.choice((0, 0, 1, 2, 2))]
        value = None if f in ("read", "get") else self._new()
        if f == "cas":
            value = [self.rng.choice([self.state, *self.written[-3:]]), value]
        self.pending[process] = [f, value, None, False]
        self._record(process, EventType.INVOKE, f, value)

    def _new(self) -> Any:
        self.counter += 1
        fresh = self.shape.distinct and self.rng.random() < 0.98
        number = self.counter if fresh else self.rng.randint(1, 3)
        value = chr(96 + number) if self.shape.appends else number
        self.written.append(value)
        return value

    def _go_on(self, process: int) -> None:
        if self.late and self.rng.random() < 0.3:
            self._take_effect(self.late.pop())
        elif not self.pending[process][3] and self.rng.random() < 0.75:
            self._take_effect(self.pending[process])
        else:
            self._complete(process, *self.pending.pop(process))

    def _take_effect(self, call: list[Any]) -> None:
        f, value = call[:2]
        call[2], call[3] = self.state, True
        if f in ("write", "put"):
            self.state = value
        elif f == "append":
            self.state += value
        elif f == "cas" and value[0] == self.state:
            self.state, call[2] = value[1], MATCHED

    def _complete(self, process: int, f: str, value: Any, seen: Any, happened: bool) -> None:
        wrong = self.rng.random() < self.shape.wrong
        if not happened or (wrong and f not in ("read", "get")):
            kind = EventType.FAIL if self.rng.random() < 0.5 else EventType.INFO
            if kind is EventType.INFO and not happened:
                self.late.append([f, value, None, False])
            self._record(process, kind, f, value)
        elif self.rng.random() < 0.2:
            self._record(process, EventType.INFO, f, value)
        elif f in ("read", "get"):
            self._record(process, EventType.OK, f, self.rng.choice(self.written) if wrong else seen)
        elif f == "cas" and seen is not MATCHED:
            self._record(process, EventType.OK, f, value, actual=seen)
        else:
            self._record(process, EventType.OK, f, value)

    def _record(self, process: int, kind: EventType, f: str, value: Any, **more: Any) -> None:
        at = len(self.events)
        fields: dict[str, Any] = {"index": at, "time": at * 1_000_000, "process": process, "type": kind, "key": "k"}
        self.events.append(Event(f=f, value=value, **fields, **more))
