"""Rw-register: what reads and writes of distinct values tell about the order of versions.

A read of a register shows who wrote the value, and nothing of what was there before. The order of two versions is known
only where something implies it:

- **initial state**: null comes before everything that was written.
- **writes follow reads**: where a transaction read one version and wrote another, what it wrote is the later one.
- **process order** (sequential keys): a process that met one version and later another met them in their order. This
  assumes that each key by itself keeps the order of each process.
- **real time** (linearizable keys): the same of transactions of which one had returned before the other was invoked.
  This assumes that each key by itself is linearizable.

The first two hold at every level that forbids G1. The other two hold where the promised model keeps process order or
real time, and are used only then, or when asked for. An rw that rests on them counts as a process or real-time edge
(graph.py), so that no weaker model is ruled out by what it never promised.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from checkers.transactions import loops
from checkers.transactions.graph import components, spread
from checkers.transactions.table import (
    FAIL,
    NOWHERE,
    OK,
    Bools,
    Integers,
    Reads,
    Table,
    Writers,
    number_values,
)

LONG: Final = 50_000
"""Meetings from which on compiling pays."""


class Registers(Reads):
    """Versions are numbered: for each key first its initial one, then all writes that stand at the end of a transaction
    that happened."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        shown = [table.steps[at][2] for at in self.reads.tolist()]
        written = [table.steps[at][2] for at in table.write_steps.tolist()]
        self.null_written = next((at for at, value in enumerate(written) if value is None), None)
        self.initial = np.fromiter((value is None for value in shown), bool, len(shown))
        """Read -> whether it shows the initial state."""
        named, found = number_values(written, [0 if value is None else value for value in shown])
        self.writers = Writers(table, named)
        self.writer = np.where(self.initial, NOWHERE, self.writers.find(table.key[self.reads], found))
        """Read -> the step that wrote what it shows, NOWHERE for the initial state and for what nobody wrote."""

    @cached_property
    def happened(self) -> Bools:
        """Transaction -> whether it certainly happened: it is ok, or unknown and somebody saw what it wrote."""
        happened: Bools = self.table.outcome == OK
        happened[self.table.txn[self.writer[self.writer >= 0]]] = True
        happened &= self.table.outcome != FAIL
        return happened

    @cached_property
    def versions(self) -> Integers:
        """Version -> the step that wrote it, from the first one that was written on."""
        steps = self.table.write_steps
        return steps[self.table.final[steps] & self.happened[self.table.txn[steps]]]

    @property
    def count(self) -> int:
        return len(self.table.keys) + len(self.versions)

    @cached_property
    def version_key(self) -> Integers:
        return np.concatenate([np.arange(len(self.table.keys)), self.table.key[self.versions]])

    @cached_property
    def version_txn(self) -> Integers:
        """Version -> the transaction that wrote it, NOWHERE for initial ones."""
        return np.concatenate([np.full(len(self.table.keys), NOWHERE), self.table.txn[self.versions]])

    @cached_property
    def written(self) -> Integers:
        """Step -> the version that it wrote, NOWHERE for all others."""
        version = np.full(len(self.table.txn), NOWHERE)
        version[self.versions] = len(self.table.keys) + np.arange(len(self.versions))
        return version

    @cached_property
    def seen(self) -> Integers:
        """Read -> the version that it shows, NOWHERE where that is none, or was written by its own transaction."""
        version = np.where(self.writer >= 0, self.written[self.writer] if len(self.written) else NOWHERE, NOWHERE)
        version = np.where(self.initial, self.key, version)
        own = (version >= 0) & (self.version_txn[version] == self.txn)
        return np.where(own, NOWHERE, version)

    @cached_property
    def _follows(self) -> tuple[Integers, Integers]:
        """Pairs (version read, version written) of one transaction on one key, without repetitions."""
        table = self.table
        writes = self.versions[np.argsort(table.place[self.versions], kind="stable")]
        reads = np.flatnonzero(self.seen >= 0)
        at = np.searchsorted(table.place[writes], table.place[self.reads[reads]])
        inside = np.minimum(at, max(len(writes) - 1, 0))
        if not len(writes):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        both = (at < len(writes)) & (table.place[writes[inside]] == table.place[self.reads[reads]])
        both &= self.reads[reads] < writes[inside]
        pairs = np.unique(self.seen[reads[both]] * self.count + self.written[writes[inside[both]]])
        return pairs // self.count, pairs % self.count

    @cached_property
    def circular(self) -> Integers:
        """Versions that come before themselves, by what transactions read and wrote."""
        labels = components(self.count, *self._follows)
        return np.flatnonzero(np.bincount(labels, minlength=self.count)[labels] > 1)

    @cached_property
    def circular_labels(self) -> Integers:
        return components(self.count, *self._follows)[self.circular]

    @cached_property
    def later(self) -> tuple[Integers, Integers]:
        """Pairs of versions of which the second is later, by the initial state and by writes that follow reads; what
        follows from other pairs is left out. Nothing is said of keys with circular versions."""
        sound = np.ones(len(self.table.keys), bool)
        sound[self.version_key[self.circular]] = False
        first, second = self._follows
        kept = sound[self.version_key[first]] & (first >= len(self.table.keys))
        first, second = first[kept], second[kept]
        roots = np.ones(self.count, bool)
        roots[: len(self.table.keys)] = False
        roots[second] = False
        root = np.flatnonzero(roots & sound[self.version_key])
        return np.concatenate([first, self.version_key[root]]), np.concatenate([second, root])

    @cached_property
    def _meetings(self) -> tuple[Integers, Integers]:
        """(transaction, version) of every meeting: an ok transaction that wrote or read a version; of unknown ones
        that happened, what they wrote."""
        reads = np.flatnonzero(self.seen >= 0)
        txn = np.concatenate([self.txn[reads], self.table.txn[self.versions]])
        return txn, np.concatenate([self.seen[reads], self.written[self.versions]])

    @cached_property
    def later_by_process(self) -> tuple[Integers, Integers]:
        """Pairs of versions that one process met one after the other."""
        txn, version = self._meetings
        order = np.lexsort((txn, self.version_key[version], self.table.process[txn]))
        txn, version = txn[order], version[order]
        process, key = self.table.process[txn], self.version_key[version]
        if not len(txn):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        heads = np.flatnonzero(np.concatenate([[True], (txn[1:] != txn[:-1]) | (key[1:] != key[:-1])]))
        count = np.diff(np.concatenate([heads, [len(txn)]]))
        before, after = heads[:-1], heads[1:]
        linked = np.flatnonzero((process[before] == process[after]) & (key[before] == key[after]))
        linked = linked[self.table.returned[txn[before[linked]]] < self.table.invoked[txn[after[linked]]]]
        # Every version that the one transaction met, with every one that the next one met.
        source = spread(before[linked], count[linked])
        targets = np.repeat(count[linked + 1], count[linked])
        first = version[np.repeat(source, targets)]
        second = version[spread(np.repeat(after[linked], count[linked]), targets)]
        differ = first != second
        return first[differ], second[differ]

    @cached_property
    def later_in_time(self) -> tuple[Integers, Integers]:
        """Pairs of versions of which the second was met after the first had been met, in real time."""
        txn, version = self._meetings
        invoked, returned = self.table.invoked[txn], self.table.returned[txn]
        key = self.version_key[version]
        order = np.lexsort((invoked, key))
        version, invoked, returned, key = version[order], invoked[order], returned[order], key[order]
        met = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(met, version, returned)
        wide = int(invoked.max(initial=0)) + 2
        # Of what has not been met, or never definitely, nothing is later: its range is empty.
        begin = np.searchsorted(key * wide + invoked, self.version_key * wide + np.minimum(met, wide - 1))
        end = np.searchsorted(key, self.version_key, side="right")
        if len(version) < LONG:
            return loops.next_versions(version, invoked, returned, begin, end)
        from checkers.transactions import kernels

        return kernels.next_versions(version, invoked, returned, begin, end)
