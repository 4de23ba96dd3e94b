"""Databases in a few lines, each with the isolation that it promises, and histories of clients that use them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from checkers.events import Event, EventType
from checkers.history import History

Values = dict[str, tuple[int, ...]]
"""Key -> its elements, or all values that it has had."""


class Refused(Exception):
    """The database aborted the transaction."""


@dataclass
class Database:
    """What all have in common. `begin`, `step`, `commit` and `abort` are called as the client goes along."""

    committed: Values = field(default_factory=dict)
    versions: list[Values] = field(default_factory=lambda: [{}])
    rng: random.Random = field(default_factory=random.Random)

    def begin(self, txn: Running) -> None: ...

    def read(self, txn: Running, key: str) -> tuple[int, ...]:
        return (*self.committed.get(key, ()), *txn.own.get(key, ()))

    def write(self, txn: Running, key: str, value: int) -> None:
        txn.own[key] = (*txn.own.get(key, ()), value)

    def commit(self, txn: Running) -> None:
        for key, values in txn.own.items():
            self.committed[key] = (*self.committed.get(key, ()), *values)
        self.versions.append(dict(self.committed))

    def abort(self, txn: Running) -> None: ...


@dataclass
class Running:
    """A transaction under way."""

    process: int
    steps: list[list[Any]]
    done: list[list[Any]] = field(default_factory=list)
    own: Values = field(default_factory=dict)
    snapshot: int = 0
    begun: bool = False


class StrictSerializable(Database):
    """Whole transactions, one after another: all steps are taken in `commit`."""

    def read(self, txn: Running, key: str) -> tuple[int, ...]:
        return super().read(txn, key)


class SessionSerializable(Database):
    """The same, but transactions that only read may see an old state, as long as their process has not seen a newer
    one."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng=rng)
        self.seen: dict[int, int] = {}

    def begin(self, txn: Running) -> None:
        newest = len(self.versions) - 1
        oldest = self.seen.get(txn.process, 0)
        only_reads = all(step[0] == "r" for step in txn.steps)
        txn.snapshot = self.rng.randint(oldest, newest) if only_reads else newest

    def read(self, txn: Running, key: str) -> tuple[int, ...]:
        return (*self.versions[txn.snapshot].get(key, ()), *txn.own.get(key, ()))

    def commit(self, txn: Running) -> None:
        if txn.own:
            super().commit(txn)
            txn.snapshot = len(self.versions) - 1
        self.seen[txn.process] = txn.snapshot


class SnapshotIsolation(Database):
    """Reads from the state at the beginning; of two that wrote the same key, the first to commit wins."""

    def begin(self, txn: Running) -> None:
        txn.snapshot = len(self.versions) - 1

    def read(self, txn: Running, key: str) -> tuple[int, ...]:
        return (*self.versions[txn.snapshot].get(key, ()), *txn.own.get(key, ()))

    def commit(self, txn: Running) -> None:
        before = self.versions[txn.snapshot]
        if any(self.committed.get(key, ()) != before.get(key, ()) for key in txn.own):
            raise Refused
        super().commit(txn)


class ReadCommitted(Database):
    """Reads what is committed; writes lock their keys to the end, and who finds a lock is aborted."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng=rng)
        self.locks: dict[str, Running] = {}

    def write(self, txn: Running, key: str, value: int) -> None:
        if self.locks.setdefault(key, txn) is not txn:
            raise Refused
        super().write(txn, key, value)

    def commit(self, txn: Running) -> None:
        super().commit(txn)
        self.abort(txn)

    def abort(self, txn: Running) -> None:
        self.locks = {key: holder for key, holder in self.locks.items() if holder is not txn}


class ReadUncommitted(ReadCommitted):
    """The same, but reads also show what is not committed yet."""

    def read(self, txn: Running, key: str) -> tuple[int, ...]:
        holder = self.locks.get(key)
        return (*self.committed.get(key, ()), *(holder.own.get(key, ()) if holder else ()))


ATOMIC = (StrictSerializable, SessionSerializable)
"""Databases that take all steps of a transaction at once."""


@dataclass(frozen=True)
class Shape:
    write: str = "append"
    txns: int = 7
    processes: int = 3
    keys: str = "xy"
    most_steps: int = 3
    unknown: float = 0.1
    failed: float = 0.1
    wrong: float = 0.0
    """Share of reads whose answer is changed."""
    read_at_end: bool = False


class Simulation:
    def __init__(self, rng: random.Random, shape: Shape, database: Database) -> None:
        self._rng, self._shape, self._database = rng, shape, database
        self._events: list[Event] = []
        self._values: dict[str, int] = {}
        self._begun = 0
        self._running: dict[int, Running] = {}
        self._ghosts: list[Running] = []
        self._processes = list(range(shape.processes))

    def run(self) -> History:
        rng = self._rng
        while self._begun < self._shape.txns or self._running:
            place = rng.randrange(len(self._processes))
            process = self._processes[place]
            if process in self._running:
                self._go_on(place, self._running[process])
            elif self._begun < self._shape.txns:
                self._invoke(process, self._steps())
            if self._ghosts and rng.random() < 0.2:
                self._settle(self._ghosts.pop())
        if self._shape.read_at_end:
            self._read_all()
        return History(self._events)

    def _steps(self) -> list[list[Any]]:
        rng = self._rng
        steps: list[list[Any]] = []
        for _ in range(rng.randint(1, self._shape.most_steps)):
            key = rng.choice(self._shape.keys)
            if rng.random() < 0.5:
                steps.append(["r", key, None])
            else:
                self._values[key] = self._values.get(key, 0) + 1
                steps.append([self._shape.write, key, self._values[key]])
        return steps

    def _invoke(self, process: int, steps: list[list[Any]]) -> None:
        self._begun += 1
        self._running[process] = Running(process, steps)
        self._event(process, EventType.INVOKE, steps)

    def _go_on(self, place: int, txn: Running) -> None:
        try:
            if not txn.begun:
                txn.begun = True
                self._database.begin(txn)
            if len(txn.done) < len(txn.steps):
                self._step(txn)
                while isinstance(self._database, ATOMIC) and len(txn.done) < len(txn.steps):
                    self._step(txn)
                if not isinstance(self._database, ATOMIC):
                    return
            self._end(place, txn)
        except Refused:
            self._database.abort(txn)
            self._answer(place, txn, EventType.FAIL)

    def _step(self, txn: Running) -> None:
        f, key, what = txn.steps[len(txn.done)]
        if f == "r":
            what = self._shown(self._database.read(txn, key))
        else:
            self._database.write(txn, key, what)
        txn.done.append([f, key, what])

    def _shown(self, values: Sequence[int]) -> Any:
        if self._shape.write == "w":
            return values[-1] if values else None
        return list(values)

    def _end(self, place: int, txn: Running) -> None:
        chance = self._rng.random()
        if chance < self._shape.failed:
            self._database.abort(txn)
            self._answer(place, txn, EventType.FAIL)
        elif chance < self._shape.failed + self._shape.unknown:
            self._ghosts.append(txn)
            self._answer(place, txn, EventType.INFO)
        else:
            self._database.commit(txn)
            self._answer(place, txn, EventType.OK)

    def _settle(self, txn: Running) -> None:
        """An unknown transaction happens after all, or does not. (Its locks are held until then.)"""
        try:
            if self._rng.random() < 0.7:
                if isinstance(self._database, ATOMIC):
                    txn.done, txn.own = [], {}
                    self._database.begin(txn)
                    for _ in txn.steps:
                        self._step(txn)
                self._database.commit(txn)
                return
        except Refused:
            pass
        self._database.abort(txn)

    def _answer(self, place: int, txn: Running, kind: EventType) -> None:
        del self._running[txn.process]
        self._event(txn.process, kind, self._spoilt(txn.done) if kind is EventType.OK else txn.steps)
        if kind is EventType.INFO:
            self._processes[place] += self._shape.processes

    def _spoilt(self, steps: list[list[Any]]) -> list[list[Any]]:
        return [
            [f, key, self._wrong(key, what)] if f == "r" and self._rng.random() < self._shape.wrong else [f, key, what]
            for f, key, what in steps
        ]

    def _wrong(self, key: str, what: Any) -> Any:
        rng, known = self._rng, self._values.get(key, 0)
        if self._shape.write == "w":
            return rng.choice([None, *range(1, known + 2)])
        choices: list[list[int]] = [what[:-1], what[1:], [*what, rng.randint(1, known + 1)], []]
        return rng.choice([*choices, rng.sample(what, len(what)), [*what, known]])

    def _read_all(self) -> None:
        """By a process of its own, when all has ended."""
        while self._ghosts:
            self._settle(self._ghosts.pop())
        steps = [["r", key, None] for key in self._shape.keys]
        values = [["r", key, self._shown(self._database.committed.get(key, ()))] for key in self._shape.keys]
        self._event(10_000, EventType.INVOKE, steps)
        self._event(10_000, EventType.OK, values)

    def _event(self, process: int, kind: EventType, steps: list[list[Any]]) -> None:
        index = len(self._events)
        value = [list(step) for step in steps]
        self._events.append(Event(index=index, time=index, process=process, type=kind, f="txn", value=value))


LEVELS: dict[str, Callable[[random.Random], Database]] = {
    "strict-serializable": lambda rng: StrictSerializable(rng=rng),
    "strong-session-serializable": SessionSerializable,
    "strong-snapshot-isolation": lambda rng: SnapshotIsolation(rng=rng),
    "strong-read-committed": ReadCommitted,
    "strong-read-uncommitted": ReadUncommitted,
}


def simulate(rng: random.Random, shape: Shape, level: str) -> History:
    return Simulation(rng, shape, LEVELS[level](rng)).run()


def shapes(write: str, wrong: float) -> Iterator[Shape]:
    """Small ones for the brute force."""
    base = Shape(write=write, wrong=wrong)
    yield base
    yield replace(base, keys="x", txns=6)
    yield replace(base, keys="xyz", processes=4, most_steps=2)
    yield replace(base, unknown=0.3)
