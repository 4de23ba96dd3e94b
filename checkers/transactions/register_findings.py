"""Rw-register: anomalies that are no circles of transactions.

| kind | what happened |
|---|---|
| garbage-read | a read shows what nobody wrote |
| G1a | a read shows what a transaction wrote that certainly failed |
| G1b | a read shows what its transaction then wrote over: a state in the middle of it |
| dirty-update | a transaction read what a failed one had written, and wrote the same key |
| internal, future-read | within.py |
| lost-update | two transactions read the same version of a key, and both wrote it |
| cyclic-versions | versions of a key each of which was written over the one before it, in a circle |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from checkers.transactions import words
from checkers.transactions.findings import Finding, finding, tell
from checkers.transactions.registers import Registers
from checkers.transactions.table import FAIL, OK, Bools, Integers
from checkers.transactions.within import future_read, internal_of_registers
from checkers.verdict import Anomaly


def find(registers: Registers) -> list[Finding]:
    table, writer = registers.table, registers.writer
    known = writer >= 0
    failed = known & (table.outcome[table.txn[writer]] == FAIL) if len(table.txn) else known
    foreign = known & (table.txn[writer] != registers.txn) if len(table.txn) else known
    middle = foreign & ~failed & ~table.final[writer] if len(table.txn) else known
    garbage = ~known & ~registers.initial
    ends = np.flatnonzero(failed & _written_after(registers))
    return [
        *_of_one("garbage-read", registers, np.flatnonzero(garbage), "which nobody wrote"),
        *_of_two("G1a", registers, np.flatnonzero(failed), "which T2 wrote, and T2 certainly did not happen"),
        *_of_two("G1b", registers, np.flatnonzero(middle), "which T2 wrote before it wrote over it"),
        *_of_two("dirty-update", registers, ends, "which the failed T2 had written, and then wrote it itself"),
        *_inside(registers),
        *_lost(registers),
        *_circular(registers),
    ]


def _of_one(kind: str, registers: Registers, reads: Integers, what: str) -> list[Finding]:
    def each() -> Iterator[Anomaly]:
        for read in reads.tolist():
            text = f"T1 read {_read(registers, read)}, {what}"
            yield tell(registers.table, kind, [int(registers.txn[read])], text, _key(registers, read))

    return finding(kind, len(reads), each())


def _of_two(kind: str, registers: Registers, reads: Integers, what: str) -> list[Finding]:
    def each() -> Iterator[Anomaly]:
        for read in reads.tolist():
            txns = [int(registers.txn[read]), int(registers.table.txn[registers.writer[read]])]
            yield tell(registers.table, kind, txns, f"T1 read {_read(registers, read)}, {what}", _key(registers, read))

    return finding(kind, len(reads), each())


def _written_after(registers: Registers) -> Bools:
    """Read -> whether its transaction goes on to write the same key."""
    table = registers.table
    ends = table.write_steps[table.final[table.write_steps]]
    ends = ends[np.argsort(table.place[ends], kind="stable")]
    if not len(ends):
        return np.zeros(len(registers.reads), bool)
    places = table.place[registers.reads]
    at = np.minimum(np.searchsorted(table.place[ends], places), len(ends) - 1)
    follows: Bools = (table.place[ends[at]] == places) & (ends[at] > registers.reads)
    return follows


def _inside(registers: Registers) -> list[Finding]:
    table = registers.table
    internal: list[Anomaly] = []
    future: list[Anomaly] = []
    for txn in suspects(registers).tolist():
        steps = table.operations[txn].value
        if (wrong := internal_of_registers(steps)) is not None:
            _, key, shown = steps[wrong[0]]
            was = words.value(wrong[1])
            text = f"T1 read {words.name(key)} as {words.value(shown)}, after its own steps had shown it to be {was}"
            internal.append(tell(table, "internal", [txn], text, key))
        if (early := future_read(steps)) is not None:
            (_, key, shown) = steps[early[0]]
            text = f"T1 read {words.name(key)} as {words.value(shown)}, before it wrote that itself"
            future.append(tell(table, "future-read", [txn], text, key))
    return [*finding("internal", len(internal), internal), *finding("future-read", len(future), future)]


def suspects(registers: Registers) -> Integers:
    """Transactions with a read that does not show what their last step on its key did, or that shows what they write
    later. Those that are not among them are right in themselves."""
    table = registers.table
    source = np.full(len(table.txn), -2)
    source[registers.reads] = np.where(registers.initial, -1, np.where(registers.writer >= 0, registers.writer, -3))
    source[table.write_steps] = table.write_steps
    steps = table.by_key[table.outcome[table.txn[table.by_key]] == OK]
    same = table.place[steps[1:]] == table.place[steps[:-1]]
    before, after = source[steps[:-1]], source[steps[1:]]
    wrong = same & ~table.writes[steps[1:]] & ((before != after) | (after == -3))
    known = np.flatnonzero(registers.writer >= 0)
    own = known[table.txn[registers.writer[known]] == registers.txn[known]]
    early = own[registers.writer[own] > registers.reads[own]]
    return np.unique(np.concatenate([table.txn[steps[1:][wrong]], registers.txn[early]]))


def _lost(registers: Registers) -> list[Finding]:
    """Reads of a version that come first of their transaction on their key, which it then writes."""
    reads = np.flatnonzero((registers.seen >= 0) & _written_after(registers) & _first(registers))
    order = reads[np.argsort(registers.seen[reads], kind="stable")]
    pairs = np.flatnonzero(registers.seen[order[1:]] == registers.seen[order[:-1]])

    def each() -> Iterator[Anomaly]:
        for at in pairs.tolist():
            one, other = int(order[at]), int(order[at + 1])
            txns = [int(registers.txn[one]), int(registers.txn[other])]
            text = f"T1 and T2 both read {_read(registers, one)}, and both wrote it"
            yield tell(registers.table, "lost-update", txns, text, _key(registers, one))

    return finding("lost-update", len(pairs), each())


def _first(registers: Registers) -> Bools:
    """Read -> whether it is its transaction's first step on its key."""
    table = registers.table
    steps = table.by_key
    first = np.zeros(len(table.txn), bool)
    if len(steps):
        first[steps[np.concatenate([[True], table.place[steps[1:]] != table.place[steps[:-1]]])]] = True
    opens: Bools = first[registers.reads]
    return opens


def _circular(registers: Registers) -> list[Finding]:
    labels = registers.circular_labels
    groups = np.unique(labels)

    def each() -> Iterator[Anomaly]:
        for label in groups.tolist():
            versions = registers.circular[labels == label]
            txns = list(dict.fromkeys(registers.version_txn[versions].tolist()))
            key = registers.table.keys[registers.version_key[versions[0]]]
            values = [registers.table.steps[registers.versions[v - len(registers.table.keys)]][2] for v in versions]
            told = ", ".join(map(words.value, values[:8])) + (", ..." if len(values) > 8 else "")
            text = f"{told} of {words.name(key)} were each written by a transaction that had read another of them"
            yield tell(registers.table, "cyclic-versions", txns[:8], text, key)

    return finding("cyclic-versions", len(groups), each())


def _key(registers: Registers, read: int) -> Any:
    return registers.table.keys[registers.key[read]]


def _read(registers: Registers, read: int) -> str:
    shown = registers.table.steps[registers.reads[read]][2]
    return f"{words.name(_key(registers, read))} as {words.value(shown)}"
