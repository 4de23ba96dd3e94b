"""Small histories of one object: written as tables, and simulated at random."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from checkers.events import Event, EventType
from checkers.history import History, Operation

Row = tuple[Any, ...]
"""(process, f, asked, answer, invoked, returned[, outcome]): two moments in milliseconds, outcome ok where none is
named, and returned None where there is no completion."""


def history(rows: Sequence[Row], key: str | None = None) -> History:
    """Events in the order of their moments, which are all different."""
    events: list[tuple[int, Event]] = []
    for row in rows:
        process, f, asked, answer, invoked, returned = row[:6]
        kind = EventType(row[6]) if len(row) > 6 else EventType.OK
        common = {"process": process, "f": f, "key": key}
        events.append((invoked, _event(invoked, EventType.INVOKE, asked, **common)))
        if returned is not None:
            events.append((returned, _event(returned, kind, answer if kind is EventType.OK else asked, **common)))
    events.sort(key=lambda each: each[0])
    assert len({moment for moment, _ in events}) == len(events)
    return History([msgspec.structs.replace(event, index=at) for at, (_, event) in enumerate(events)])


def operations(rows: Sequence[Row]) -> Sequence[Operation]:
    return history(rows).operations


def _event(moment: int, kind: EventType, value: Any, **fields: Any) -> Event:
    return Event(index=0, time=moment * 1_000_000, type=kind, value=value, **fields)


@dataclass(frozen=True)
class Shape:
    """What is simulated. `wrong`: how often an answer is made up. `repeats`: whether elements come again."""

    model: str
    wrong: float = 0.0
    repeats: bool = False
    unknown: float = 0.15
    least_operations: int = 1
    most_operations: int = 9
    most_processes: int = 5
    balance: float = 0.5
    """Of additions among additions and takings. Of sets: 0 for no reads of all elements, 1 for nothing but adds and
    those."""
    drains: float = 0.05
    """Of takings, where there are drains."""


FAILED = object()


class Simulation:
    """Processes at an object that works; some answers are lost, and some operations never arrive or are late."""

    def __init__(self, rng: random.Random, shape: Shape) -> None:
        self.rng, self.shape = rng, shape
        self.state = _OBJECTS[shape.model](rng, shape)
        self.events: list[Event] = []
        self.pending: dict[int, list[Any]] = {}
        """Process -> [f, asked, answer, whether it took effect]."""
        self.late: list[tuple[int, list[Any]]] = []
        """Answered as unknown before they took effect."""

    def run(self) -> History:
        left = self.rng.randint(self.shape.least_operations, self.shape.most_operations)
        processes = [*range(self.rng.randint(1, self.shape.most_processes))]
        while left or self.pending:
            idle = [at for at, process in enumerate(processes) if process not in self.pending]
            if left and idle and (not self.pending or self.rng.random() < 0.5):
                left -= 1
                self._invoke(processes[self.rng.choice(idle)])
            else:
                process = self.rng.choice(list(self.pending))
                if self._go_on(process) is EventType.INFO:
                    processes[processes.index(process)] += 10
        return History(self.events)

    def _invoke(self, process: int) -> None:
        f, asked = self.state.choose()
        self.pending[process] = [f, asked, None, False]
        self._record(process, EventType.INVOKE, f, asked)

    def _go_on(self, process: int) -> EventType | None:
        call = self.pending[process]
        if self.late and self.rng.random() < 0.2:
            self._take_effect(*self.late.pop())
        elif not call[3] and self.rng.random() < 0.75:
            self._take_effect(process, call)
        else:
            return self._complete(process, self.pending.pop(process))
        return None

    def _take_effect(self, process: int, call: list[Any]) -> None:
        call[2], call[3] = self.state.effect(process, call[0], call[1]), True

    def _complete(self, process: int, call: list[Any]) -> EventType:
        f, asked, answer, happened = call
        wrong = self.rng.random() < self.shape.wrong
        if not happened and not wrong:
            kind = EventType.FAIL if self.rng.random() < 0.5 else EventType.INFO
            if kind is EventType.INFO and self.rng.random() < 0.5:
                self.late.append((process, call))
        elif self.rng.random() < self.shape.unknown:
            kind = EventType.INFO
        elif answer is FAILED and not wrong:
            kind = EventType.FAIL
        else:
            kind = EventType.OK
            if wrong:
                answer = self.state.made_up(f, asked, answer)
        self._record(process, kind, f, answer if kind is EventType.OK else asked)
        return kind

    def _record(self, process: int, kind: EventType, f: str, value: Any) -> None:
        at = len(self.events)
        self.events.append(Event(index=at, time=at * 1_000_000, process=process, type=kind, f=f, value=value))


class _Object:
    def __init__(self, rng: random.Random, shape: Shape) -> None:
        self.rng, self.shape = rng, shape
        self.count = 0
        self.elements: list[Any] = []

    def fresh(self) -> int:
        self.count += 1
        return self.rng.randint(1, 3) if self.shape.repeats else self.count

    def choose(self) -> tuple[str, Any]:
        raise NotImplementedError

    def effect(self, process: int, f: str, asked: Any) -> Any:
        raise NotImplementedError

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        raise NotImplementedError


class _Container(_Object):
    adds, takes, has_drains = "enqueue", "dequeue", True

    def choose(self) -> tuple[str, Any]:
        if self.rng.random() < self.shape.balance:
            return self.adds, self.fresh()
        return ("drain" if self.has_drains and self.rng.random() < self.shape.drains else self.takes), None

    def effect(self, process: int, f: str, asked: Any) -> Any:
        if f == self.adds:
            self.elements.append(asked)
            return asked
        if f == "drain":
            taken, self.elements = self.elements, []
            return taken
        return self.elements.pop(self.next_out()) if self.elements else None

    def next_out(self) -> int:
        return 0

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        if f == self.adds:
            return asked
        if f == "drain":
            return [*(answer or ()), self.rng.randint(1, self.count + 1)]
        return self.rng.choice([None, self.rng.randint(1, self.count + 1), self.rng.randint(1, self.count + 1)])


class _Unordered(_Container):
    def next_out(self) -> int:
        return self.rng.randrange(len(self.elements))


class _Stack(_Container):
    adds, takes, has_drains = "push", "pop", False

    def next_out(self) -> int:
        return -1


class _Set(_Object):
    def choose(self) -> tuple[str, Any]:
        old = self.rng.randint(1, self.count + 1)
        f = self.rng.choice(["add", "add", "remove", "contains", "contains", "read"])
        if self.shape.balance > 0.9 and f in ("remove", "contains"):
            f = "read"
        if self.shape.balance < 0.1 and f == "read":
            f = "contains"
        return f, self.fresh() if f == "add" else None if f == "read" else old

    def effect(self, process: int, f: str, asked: Any) -> Any:
        if f == "add" and asked not in self.elements:
            self.elements.append(asked)
        if f == "remove" and asked in self.elements:
            self.elements.remove(asked)
        if f == "contains":
            return [asked, asked in self.elements]
        return sorted(self.elements) if f == "read" else asked

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        if f == "contains":
            return [asked, self.rng.random() < 0.5]
        if f == "read":
            return sorted({*(answer or ())} ^ {self.rng.randint(1, self.count + 1)})
        return asked


class _Counter(_Object):
    sum = 0

    def choose(self) -> tuple[str, Any]:
        return ("add", self.rng.choice([1, 1, 2, -1, 5])) if self.rng.random() < 0.5 else ("read", None)

    def effect(self, process: int, f: str, asked: Any) -> Any:
        self.sum += asked or 0
        return self.sum if f == "read" else asked

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        return self.sum + self.rng.choice([-2, -1, 1, 3]) if f == "read" else asked


class _Registers(_Object):
    def __init__(self, rng: random.Random, shape: Shape) -> None:
        super().__init__(rng, shape)
        self.values: dict[str, Any] = {}

    def choose(self) -> tuple[str, Any]:
        return "txn", [self._micro() for _ in range(self.rng.randint(1, 3))]

    def _micro(self) -> list[Any]:
        key = self.rng.choice("xyz")
        return ["r", key, None] if self.rng.random() < 0.5 else ["w", key, self.fresh()]

    def effect(self, process: int, f: str, asked: Any) -> Any:
        answer = []
        for kind, key, value in asked:
            if kind == "w":
                self.values[key] = value
            answer.append([kind, key, self.values.get(key)])
        return answer

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        found = answer or asked
        return [
            [kind, key, self.rng.randint(0, self.count) or None if kind == "r" else value] for kind, key, value in found
        ]


class _Lock(_Object):
    holder: int | None = None
    times = 0
    token = 0

    def choose(self) -> tuple[str, Any]:
        return self.rng.choice(["acquire", "release"]), None

    def effect(self, process: int, f: str, asked: Any) -> Any:
        reentrant, owned = self.shape.model == "reentrant-mutex", self.shape.model != "mutex"
        if f == "acquire":
            if self.holder is not None and not (reentrant and self.holder == process):
                return FAILED
            self.holder, self.times, self.token = process, self.times + 1, self.token + self.rng.randint(1, 3)
            return self.token if self.shape.model == "fenced-mutex" else None
        if self.holder is None or (owned and self.holder != process):
            return FAILED
        self.times -= 1
        self.holder = self.holder if self.times else None
        return None

    def made_up(self, f: str, asked: Any, answer: Any) -> Any:
        return self.rng.randint(0, self.token + 2) if f == "acquire" and self.shape.model == "fenced-mutex" else None


_OBJECTS: dict[str, type[_Object]] = {
    "fifo-queue": _Container,
    "unordered-queue": _Unordered,
    "stack": _Stack,
    "set": _Set,
    "counter": _Counter,
    "multi-register": _Registers,
    "mutex": _Lock,
    "owner-mutex": _Lock,
    "reentrant-mutex": _Lock,
    "fenced-mutex": _Lock,
}
