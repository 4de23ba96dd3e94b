"""List-append: dependencies between transactions, and each of them in words.

After Adya ("Weak Consistency", section 3.1): ww from the writer of a version to the writer of the next, wr from the
writer of a version to who read it, rw from who read a version to the writer of the next. What is in no read follows the
whole spine (lists.py).
"""

from __future__ import annotations

import numpy as np

from checkers.transactions import words
from checkers.transactions.graph import RW, WR, WW, Edges
from checkers.transactions.lists import Lists
from checkers.transactions.table import NOWHERE


def add_edges(edges: Edges, lists: Lists) -> None:
    _add_orders(edges, lists)
    _add_reads(edges, lists)
    _add_late(edges, lists)


def _add_orders(edges: Edges, lists: Lists) -> None:
    table, order = lists.table, lists.order
    same = table.key[order[1:]] == table.key[order[:-1]]
    edges.add(table.txn[order[:-1][same]], table.txn[order[1:][same]], WW)


def _add_reads(edges: Edges, lists: Lists) -> None:
    table = lists.table
    known = np.flatnonzero(lists.last_writer >= 0)
    writer = table.txn[lists.last_writer[known]]
    happened = lists.happened[writer]
    edges.add(writer[happened], lists.txn[known[happened]], WR)
    following = lists.following
    some = np.flatnonzero(following >= 0)
    edges.add(lists.txn[some], table.txn[following[some]], RW)


def _add_late(edges: Edges, lists: Lists) -> None:
    table, late, order = lists.table, lists.late, lists.order
    if not len(late):
        return
    codes = np.unique(table.key[late] * edges.nodes + table.txn[late])
    key, txn = codes // edges.nodes, codes % edges.nodes
    readers = np.flatnonzero(lists.agrees & lists.clean[lists.key] & (lists.following == NOWHERE))
    reads = np.unique(lists.key[readers] * edges.nodes + lists.txn[readers])
    txns = edges.nodes
    edges.add_all(reads // txns, reads % txns, key, txn, RW)
    at = np.searchsorted(table.key[order], key, side="right") - 1
    after = (at >= 0) & (len(order) > 0)
    after[after] = table.key[order[at[after]]] == key[after]
    edges.add(table.txn[order[at[after]]], txn[after], WW)


def because(lists: Lists, before: int, after: int, relation: int) -> tuple[str, str]:
    """The key, and why transaction `before` comes before `after`, in words with {a} and {b} for the two."""
    if relation == WW:
        return _because_written(lists, before, after)
    if relation == WR:
        return _because_read(lists, before, after)
    return _because_overwritten(lists, before, after)


def _because_written(lists: Lists, before: int, after: int) -> tuple[str, str]:
    table, order = lists.table, lists.order
    for at in np.flatnonzero(table.txn[order] == after).tolist():
        earlier = order[at - 1] if at else NOWHERE
        if at and table.txn[earlier] == before and table.key[earlier] == table.key[order[at]]:
            key, value = _named(lists, order[at])
            return key, f"{{a}} appended {_named(lists, earlier)[1]} to {key} before {{b}} appended {value}"
    late = next(step for step in _late_of(lists, after) if _last(lists, step) == before)
    key, value = _named(lists, late)
    return key, f"{{b}} appended {value} to {key} after {{a}}, since no read that shows {{a}}'s append shows it"


def _late_of(lists: Lists, txn: int) -> list[int]:
    late: list[int] = lists.late[lists.table.txn[lists.late] == txn].tolist()
    return late


def _last(lists: Lists, late: int) -> int:
    table = lists.table
    same = lists.order[table.key[lists.order] == table.key[late]]
    return int(table.txn[same[-1]]) if len(same) else NOWHERE


def _because_read(lists: Lists, before: int, after: int) -> tuple[str, str]:
    table = lists.table
    reads = np.flatnonzero((lists.txn == after) & (lists.last_writer >= 0))
    read = next(read for read in reads.tolist() if table.txn[lists.last_writer[read]] == before)
    key, value = _named(lists, lists.last_writer[read])
    return key, f"{{a}} appended {value} to {key}, which {{b}} read as {words.seen(lists.shown(read))}"


def _because_overwritten(lists: Lists, before: int, after: int) -> tuple[str, str]:
    table = lists.table
    late = {int(table.key[step]): step for step in _late_of(lists, after)}
    for read in np.flatnonzero((lists.txn == before) & lists.agrees).tolist():
        following = int(lists.following[read])
        step = following if following >= 0 else late.get(int(lists.key[read]), NOWHERE)
        if step >= 0 and table.txn[step] == after:
            key, value = _named(lists, step)
            return key, f"{{a}} read {key} as {words.seen(lists.shown(read))}, without the {value} that {{b}} appended"
    raise AssertionError("an edge that nothing explains")


def _named(lists: Lists, step: int) -> tuple[str, str]:
    _, key, element = lists.table.steps[step]
    return words.name(key), words.value(element)
