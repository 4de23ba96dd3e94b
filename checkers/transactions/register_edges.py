"""Rw-register: dependencies between transactions, and each of them in words (registers.py says what is known)."""

from __future__ import annotations

import numpy as np

from checkers.transactions import words
from checkers.transactions.graph import RW, RW_BY_PROCESS, RW_BY_REALTIME, WR, WW, Edges
from checkers.transactions.registers import Registers
from checkers.transactions.table import Integers


def add_edges(edges: Edges, registers: Registers, *, by_process: bool, by_realtime: bool) -> None:
    """`by_process`, `by_realtime`: whether versions are also ordered by these."""
    table = registers.table
    known = np.flatnonzero(registers.writer >= 0)
    writer = table.txn[registers.writer[known]]
    happened = registers.happened[writer]
    edges.add(writer[happened], registers.txn[known[happened]], WR)
    first, second = registers.later
    written = registers.version_txn[first] >= 0
    edges.add(registers.version_txn[first[written]], registers.version_txn[second[written]], WW)
    _add_overwritten(edges, registers, registers.later, RW)
    if by_process:
        _add_overwritten(edges, registers, registers.later_by_process, RW_BY_PROCESS)
    if by_realtime:
        _add_overwritten(edges, registers, registers.later_in_time, RW_BY_REALTIME)


def _add_overwritten(edges: Edges, registers: Registers, later: tuple[Integers, Integers], relation: int) -> None:
    txns = registers.table.size
    reads = np.flatnonzero(registers.seen >= 0)
    readers = np.unique(registers.seen[reads] * txns + registers.txn[reads])
    first, second = later
    written = registers.version_txn[second] >= 0
    writers = np.unique(first[written] * txns + registers.version_txn[second[written]])
    edges.add_all(readers // txns, readers % txns, writers // txns, writers % txns, relation)


def because(registers: Registers, before: int, after: int, relation: int) -> tuple[str, str]:
    """The key, and why transaction `before` comes before `after`, in words with {a} and {b} for the two."""
    if relation == WR:
        return _because_read(registers, before, after)
    if relation == WW:
        return _because_written(registers, before, after)
    return _because_overwritten(registers, before, after, relation)


def _because_read(registers: Registers, before: int, after: int) -> tuple[str, str]:
    table = registers.table
    reads = np.flatnonzero((registers.txn == after) & (registers.writer >= 0))
    read = next(read for read in reads.tolist() if table.txn[registers.writer[read]] == before)
    key, value = _named(registers, int(registers.writer[read]))
    return key, f"{{a}} set {key} to {value}, which {{b}} read"


def _because_written(registers: Registers, before: int, after: int) -> tuple[str, str]:
    first, second = registers.later
    txn = registers.version_txn
    at = np.flatnonzero((txn[first] == before) & (txn[second] == after))[0]
    key, old = _version(registers, int(first[at]))
    return (
        key,
        f"{{b}} read {old} from {key}, which {{a}} had set, and set it to {_version(registers, int(second[at]))[1]}",
    )


def _because_overwritten(registers: Registers, before: int, after: int, relation: int) -> tuple[str, str]:
    later = {RW_BY_PROCESS: "later_by_process", RW_BY_REALTIME: "later_in_time"}.get(relation, "later")
    first, second = getattr(registers, later)
    seen = registers.seen[(registers.txn == before) & (registers.seen >= 0)]
    at = np.flatnonzero((registers.version_txn[second] == after) & np.isin(first, seen))[0]
    key, old = _version(registers, int(first[at]))
    new = _version(registers, int(second[at]))[1]
    if relation == RW_BY_PROCESS:
        return key, f"{{a}} read {key} as {old}, and {{b}} set it to {new}, which one process met after {old}"
    if relation == RW_BY_REALTIME:
        return key, f"{{a}} read {key} as {old}, and {{b}} set it to {new}, which was met only after {old} had been"
    if first[at] < len(registers.table.keys):
        return key, f"{{a}} read {key} as null, its initial state, before {{b}} set it to {new}"
    return key, f"{{a}} read {key} as {old}, which {{b}} read too and then set to {new}"


def _version(registers: Registers, version: int) -> tuple[str, str]:
    """Its key and its value, as they are written."""
    keys = len(registers.table.keys)
    if version < keys:
        return words.name(registers.table.keys[version]), "null"
    return _named(registers, int(registers.versions[version - keys]))


def _named(registers: Registers, step: int) -> tuple[str, str]:
    _, key, value = registers.table.steps[step]
    return words.name(key), words.value(value)
