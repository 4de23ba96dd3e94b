"""What must come before what, in every order that would explain a history: the saturation of Zennou, Biswas,
Bouajjani, Enea and Erradi, "Gradual Consistency Checking" (CAV 2019), section 5, on vector clocks.

The certain edges are process order, reads-from, and that a read of the initial value precedes every write to its key;
where writes are known to be linearizable, also that a write precedes those that were invoked after it had returned.
From them follow others, until nothing new follows. For a read r that returned what w wrote, and another write v to
the same key:

- if v precedes r, then v precedes w (else r would have seen v);
- if w precedes v, then r precedes v (else r would have seen v).

A cycle refutes sequential consistency. No cycle proves nothing yet, but the order found narrows every search.

Processes are chains, so "precedes" is kept as vector clocks (n steps x p processes, int32): u precedes v exactly if
clock[v, process(u)] > position(u). One round is a topological pass and one binary search for each (read, process);
in practice a handful of rounds suffice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from checkers.checker import Budget
from checkers.history import READS
from checkers.sequential.steps import INITIAL, Step, writers

Clocks = npt.NDArray[np.int32]

_CELLS = 1 << 22
"""Clock comparisons at once, so that memory stays in proportion to the history."""


class Why(StrEnum):
    PROCESS = "process order"
    READS_FROM = "reads from"
    INITIAL = "reads the initial value"
    TIME = "ended before"
    OVERWRITTEN_BEFORE = "else the read would have seen it instead"
    READ_BEFORE = "else the read would have seen it"


@dataclass(frozen=True, slots=True)
class Edge:
    """`source` precedes `target`. A derived edge says in which round it was found, and for which read."""

    source: int
    target: int
    why: Why
    round: int = 0
    read: int | None = None


class UnwrittenValue(Exception):
    """A read of a value that no step wrote. `step` is its position."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass
class Order:
    """The steps of a history, and the edges known so far."""

    steps: Sequence[Step]
    writes_in_time: bool = False
    """Whether writes (whatever is no read) also keep to time: one that was acknowledged before another was invoked
    precedes it."""
    edges: dict[tuple[int, int], Edge] = field(default_factory=dict)
    source: dict[int, int | None] = field(default_factory=dict)
    """Reading step -> the step it read from; None: the initial value."""

    def __post_init__(self) -> None:
        self.chains: list[list[int]] = []
        self.chain = np.zeros(len(self.steps), dtype=np.int32)
        self.position = np.zeros(len(self.steps), dtype=np.int32)
        self.targets: list[list[int]] = [[] for _ in self.steps]
        self.sources_count = [0] * len(self.steps)
        self._writes: dict[str | None, list[npt.NDArray[np.int64]]] = {}
        self._reads: dict[str | None, npt.NDArray[np.int64]] = {}
        self._build_chains()
        self._build_sources()
        self._build_keys()
        if self.writes_in_time:
            self._build_times()

    def _build_chains(self) -> None:
        of_session: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            chain = of_session.setdefault(step.session, len(self.chains))
            if chain == len(self.chains):
                self.chains.append([])
            if self.chains[chain]:
                self.add(Edge(self.chains[chain][-1], number, Why.PROCESS))
            self.chain[number], self.position[number] = chain, len(self.chains[chain])
            self.chains[chain].append(number)

    def _build_sources(self) -> None:
        written = writers(self.steps)
        for number, step in enumerate(self.steps):
            if step.reads is None:
                continue
            writer = written.get((step.key, step.reads))
            if writer is None and step.reads != INITIAL:
                raise UnwrittenValue(number)
            self.source[number] = writer
            if writer is not None:
                self.add(Edge(writer, number, Why.READS_FROM))

    def _build_keys(self) -> None:
        writes: dict[str | None, dict[int, list[int]]] = {}
        reads: dict[str | None, list[int]] = {}
        for number, step in enumerate(self.steps):
            if step.writes is not None:
                writes.setdefault(step.key, {}).setdefault(int(self.chain[number]), []).append(number)
            if step.reads is not None:
                reads.setdefault(step.key, []).append(number)
        self._writes = {key: [np.array(own) for own in chains.values()] for key, chains in writes.items()}
        self._reads = {key: np.array(numbers) for key, numbers in reads.items()}

    def _build_times(self) -> None:
        """From each write to those that follow it in time with none between: at most as many as overlap."""
        writes = [number for number, step in enumerate(self.steps) if step.operation.f not in READS]
        by_return = sorted(writes, key=lambda number: self.steps[number].operation.returned)
        returned = [self.steps[number].operation.returned for number in by_return]
        latest = list(accumulate((self.steps[number].operation.invoked for number in by_return), max))
        for number in writes:
            end = bisect_left(returned, self.steps[number].operation.invoked)
            begin = bisect_left(returned, latest[end - 1]) if end else 0
            for before in by_return[begin:end]:
                self.add(Edge(before, number, Why.TIME))

    def add(self, edge: Edge) -> bool:
        """Whether it was new."""
        if (edge.source, edge.target) in self.edges:
            return False
        self.edges[edge.source, edge.target] = edge
        self.targets[edge.source].append(edge.target)
        self.sources_count[edge.target] += 1
        return True

    def clocks(self) -> Clocks | None:
        """Vector clocks, or None where the edges have a cycle."""
        clocks = np.zeros((len(self.steps), len(self.chains)), dtype=np.int32)
        missing = list(self.sources_count)
        ready = [number for number, count in enumerate(missing) if not count]
        done = 0
        while ready:
            number = ready.pop()
            done += 1
            own = clocks[number]
            own[self.chain[number]] = self.position[number] + 1
            for target in self.targets[number]:
                np.maximum(clocks[target], own, out=clocks[target])
                missing[target] -= 1
                if not missing[target]:
                    ready.append(target)
        return clocks if done == len(self.steps) else None

    def saturate(self, budget: Budget) -> Clocks | None:
        """Adds edges until nothing follows any more. The clocks then, or None where a cycle appeared."""
        number = 0
        while True:
            budget.spend()
            clocks = self.clocks()
            number += 1
            if clocks is None:
                return None
            if not sum(self.add(edge) for edge in self._derived(clocks, number)):
                return clocks

    def _derived(self, clocks: Clocks, number: int) -> Iterator[Edge]:
        for key, reads in self._reads.items():
            sources = np.array([-1 if (writer := self.source[read]) is None else writer for read in reads.tolist()])
            for own in self._writes.get(key, ()):
                yield from self._before_reads(clocks, reads, sources, own, number)
                yield from self._after_sources(clocks, reads, sources, own, number)

    def _before_reads(self, clocks: Clocks, reads: Any, sources: Any, own: Any, number: int) -> Iterator[Edge]:
        """v precedes r, so v precedes w: for the last such v of this chain (the others precede it)."""
        chain, positions = int(self.chain[own[0]]), self.position[own]
        last = np.searchsorted(positions, clocks[reads, chain], side="left") - 1
        # A step that both reads and writes is in its own past, and is not a write before itself.
        last -= (last >= 0) & (own[np.maximum(last, 0)] == reads)
        write = own[np.maximum(last, 0)]
        new = (last >= 0) & (sources != -1) & (write != sources) & (clocks[sources, chain] <= self.position[write])
        for at in np.flatnonzero(new):
            yield Edge(int(write[at]), int(sources[at]), Why.OVERWRITTEN_BEFORE, number, int(reads[at]))

    def _after_sources(self, clocks: Clocks, reads: Any, sources: Any, own: Any, number: int) -> Iterator[Edge]:
        """w precedes v, so r precedes v: for the first such v of this chain (the others follow it)."""
        for begin in range(0, len(reads), max(1, _CELLS // len(own))):
            part = slice(begin, begin + max(1, _CELLS // len(own)))
            yield from self._after_some_sources(clocks, reads[part], sources[part], own, number)

    def _after_some_sources(self, clocks: Clocks, reads: Any, sources: Any, own: Any, number: int) -> Iterator[Edge]:
        before = clocks[np.ix_(own, self.chain[sources])] <= self.position[sources]
        first = np.where(sources == -1, 0, before.sum(axis=0))
        for itself in (sources, reads):
            first += own[np.minimum(first, len(own) - 1)] == itself
        write = own[np.minimum(first, len(own) - 1)]
        new = (first < len(own)) & (clocks[write, self.chain[reads]] <= self.position[reads])
        for at in np.flatnonzero(new):
            why = Why.INITIAL if sources[at] == -1 else Why.READ_BEFORE
            yield Edge(int(reads[at]), int(write[at]), why, number, int(reads[at]))
