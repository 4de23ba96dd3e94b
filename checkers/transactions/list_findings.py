"""List-append: anomalies that are no circles.

| kind | what happened |
|---|---|
| duplicate-elements | a read shows an element twice |
| garbage-read | a read shows an element that nobody appended |
| incompatible-order | two reads of a key, neither of which is a beginning of the other |
| G1a | a read shows what a transaction appended that certainly failed |
| G1b | a read ends with an append that its transaction followed by another one: a state in the middle of it |
| dirty-update | a transaction appended after what a failed one had appended |
| internal, future-read | within.py |
| lost-update | two transactions read the same version of a key, and both appended to it |

Whole arrays say where to look; what is found there is then looked at step by step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from checkers.transactions import words
from checkers.transactions.findings import Finding, finding, tell
from checkers.transactions.lists import Lists
from checkers.transactions.table import FAIL, INFO, NOWHERE, OK, Bools, Integers
from checkers.transactions.within import future_read, internal_of_lists
from checkers.verdict import Anomaly


def find(lists: Lists) -> list[Finding]:
    repeated = lists.told_read[lists.repeated]
    garbage = np.flatnonzero(lists.told_writer < 0)
    return [
        *_strange("duplicate-elements", lists, repeated, lists.repeated, "shows {element} twice"),
        *_strange("garbage-read", lists, lists.told_read[garbage], garbage, "shows {element}, which nobody appended"),
        *_incompatible(lists),
        *_aborted(lists),
        *_intermediate(lists),
        *_dirty(lists),
        *_inside(lists),
        *_lost(lists),
    ]


def _strange(kind: str, lists: Lists, reads: Integers, told: Integers, what: str) -> list[Finding]:
    """Elements that should not be there; one anomaly for each."""

    def each() -> Iterator[Anomaly]:
        for read, at in zip(reads.tolist(), told.tolist(), strict=True):
            element = words.value(lists.shown(read)[lists.told_place[at]])
            strange = what.replace("{element}", element)
            text = f"T1 read {_key(lists, read)} as {words.seen(lists.shown(read))}, which {strange}"
            yield tell(lists.table, kind, [lists.txn[read]], text, _raw_key(lists, read))

    return finding(kind, len(reads), each())


def _incompatible(lists: Lists) -> list[Finding]:
    apart = np.flatnonzero(~lists.agrees)

    def each() -> Iterator[Anomaly]:
        for read in apart.tolist():
            other = int(lists.longest[lists.key[read]])
            txns = list(dict.fromkeys([int(lists.txn[read]), int(lists.txn[other])]))
            text = (
                f"T1 read {_key(lists, read)} as {words.seen(lists.shown(read))}, and T{len(txns)} as "
                f"{words.seen(lists.shown(other))}: neither is a beginning of the other"
            )
            yield tell(lists.table, "incompatible-order", txns, text, _raw_key(lists, read))

    return finding("incompatible-order", len(apart), each())


def _aborted(lists: Lists) -> list[Finding]:
    """Every read that shows a failed element, not the longest alone."""
    table = lists.table
    failed = np.flatnonzero((lists.told_writer >= 0) & (table.outcome[table.txn[lists.told_writer]] == FAIL))
    spine = failed[lists.told_read[failed] == lists.longest[lists.key[lists.told_read[failed]]]]
    first = np.full(len(table.keys), len(lists.elements))
    np.minimum.at(first, lists.key[lists.told_read[spine]], lists.told_place[spine])
    # A read shows the failed element if it is long enough and agrees so far.
    shows = (lists.length > first[lists.key]) & (lists.common > first[lists.key])
    shows[lists.told_read[failed]] = True
    reads = np.flatnonzero(shows)

    def each() -> Iterator[Anomaly]:
        for read in reads.tolist():
            writer, element = _failed_element(lists, read)
            key = _key(lists, read)
            text = (
                f"T1 read {key} as {words.seen(lists.shown(read))}; {element} in it was appended by T2, which "
                "certainly did not happen"
            )
            yield tell(table, "G1a", [int(lists.txn[read]), writer], text, _raw_key(lists, read))

    return finding("G1a", len(reads), each())


def _failed_element(lists: Lists, read: int) -> tuple[int, str]:
    begin, count = int(lists.start[read]), int(lists.length[read])
    writers = lists.writers.find(np.full(count, lists.key[read]), lists.elements[begin : begin + count])
    table = lists.table
    at = next(at for at, step in enumerate(writers.tolist()) if step >= 0 and table.outcome[table.txn[step]] == FAIL)
    return int(table.txn[writers[at]]), words.value(lists.shown(read)[at])


def _intermediate(lists: Lists) -> list[Finding]:
    table = lists.table
    known = np.flatnonzero(lists.last_writer >= 0)
    writer = lists.last_writer[known]
    foreign = (table.txn[writer] != lists.txn[known]) & (table.outcome[table.txn[writer]] != FAIL)
    reads = known[foreign & ~table.final[writer]]

    def each() -> Iterator[Anomaly]:
        for read in reads.tolist():
            step = int(lists.last_writer[read])
            text = (
                f"T1 read {_key(lists, read)} as {words.seen(lists.shown(read))}, up to the "
                f"{words.value(table.steps[step][2])} that T2 appended before it appended more"
            )
            yield tell(table, "G1b", [int(lists.txn[read]), int(table.txn[step])], text, _raw_key(lists, read))

    return finding("G1b", len(reads), each())


def _dirty(lists: Lists) -> list[Finding]:
    """On each spine, a failed append with one that happened somewhere after it: the nearest pairs."""
    table = lists.table
    steps = table.write_steps[lists.place[table.write_steps] >= 0]
    steps = steps[lists.place[steps] < lists.trusted[table.key[steps]]]
    steps = steps[table.outcome[table.txn[steps]] != INFO]
    steps = steps[np.lexsort((lists.place[steps], table.key[steps]))]
    failed = table.outcome[table.txn[steps]] == FAIL
    same = table.key[steps[1:]] == table.key[steps[:-1]]
    pairs = np.flatnonzero(failed[:-1] & ~failed[1:] & same)

    def each() -> Iterator[Anomaly]:
        for at in pairs.tolist():
            before, after = int(steps[at]), int(steps[at + 1])
            key = table.keys[table.key[before]]
            first, second = (words.value(table.steps[step][2]) for step in (before, after))
            text = (
                f"T2 appended {second} to {words.name(key)} after the {first} of T1, which certainly did not happen: "
                "what is committed stands on what was aborted"
            )
            yield tell(table, "dirty-update", [int(table.txn[before]), int(table.txn[after])], text, key)

    return finding("dirty-update", len(pairs), each())


def _inside(lists: Lists) -> list[Finding]:
    table = lists.table
    internal: list[Anomaly] = []
    future: list[Anomaly] = []
    for txn in suspects(lists).tolist():
        steps = table.operations[txn].value
        if (wrong := internal_of_lists(steps)) is not None:
            _, key, shown = steps[wrong[0]]
            text = f"T1 read {words.name(key)} as {words.seen(shown or [])}, after its own steps had made it {wrong[1]}"
            internal.append(tell(table, "internal", [txn], text, key))
        if (early := future_read(steps)) is not None:
            (_, key, shown), (_, _, element) = steps[early[0]], steps[early[1]]
            text = f"T1 read {words.name(key)} as {words.seen(shown)}, before it appended {words.value(element)} itself"
            future.append(tell(table, "future-read", [txn], text, key))
    return [*finding("internal", len(internal), internal), *finding("future-read", len(future), future)]


def suspects(lists: Lists) -> Integers:
    """Transactions whose own steps on one key do not follow each other as the spine says. Those that are not among
    them are right in themselves."""
    table = lists.table
    steps = table.by_key[table.outcome[table.txn[table.by_key]] == OK]
    if len(steps) < 2:
        return np.zeros(0, np.int64)
    read = ~table.writes[steps]
    number = np.full(len(table.txn), NOWHERE)
    number[lists.reads] = np.arange(len(lists.reads))
    length = np.where(read, lists.length[number[steps]] if len(lists.reads) else 0, 0)
    stranger = read & (~lists.agrees[number[steps]] if len(lists.reads) else False)
    same = table.place[steps[1:]] == table.place[steps[:-1]]
    wrong = _out_of_place(read, np.where(read, length, lists.place[steps]), _read_follows(table.place[steps], read))
    wrong |= stranger[1:] | stranger[:-1]
    return np.unique(table.txn[steps[1:][same & wrong]])


def _read_follows(place: Integers, read: Bools) -> Bools:
    """For each step but the first: whether it is a read, or a read of the same key follows it in its transaction."""
    begins = np.concatenate([[True], place[1:] != place[:-1]])
    group = np.cumsum(begins) - 1
    last = np.full(int(group[-1]) + 1, NOWHERE)
    at = np.flatnonzero(read)
    last[group[at]] = at
    follows: Bools = np.arange(1, len(place)) <= last[group[1:]]
    return follows


def _out_of_place(read: Bools, number: Integers, strict: Bools) -> Bools:
    """For each step and the one before it. `number`: the length of a read, the place of an append, which is negative
    where no read shows it. An append that no read of its transaction follows may lie anywhere later."""
    before, after = number[:-1], number[1:]
    expected = np.where(read[:-1], before, before + 1)
    exact = np.where(read[1:], after != expected, (after != expected) | (after < 0)) | (~read[:-1] & (before < 0))
    loose = (after >= 0) & ((after < before) | (~read[:-1] & (before < 0)))
    return np.where(strict, exact, loose)


def _lost(lists: Lists) -> list[Finding]:
    """Reads that come first of their transaction on their key, agree, and are followed by an append to it."""
    table = lists.table
    steps = table.by_key
    opens = np.ones(len(steps), bool)
    opens[1:] = table.place[steps[1:]] != table.place[steps[:-1]]
    group = np.cumsum(opens) - 1
    appends = np.zeros(int(group[-1]) + 1 if len(group) else 0, bool)
    appends[group[table.writes[steps]]] = True
    first = steps[np.flatnonzero(opens)]
    number = np.full(len(table.txn), NOWHERE)
    number[lists.reads] = np.arange(len(lists.reads))
    reads = number[first[appends & (number[first] >= 0)]]
    reads = reads[lists.agrees[reads]]
    order = reads[np.lexsort((lists.length[reads], lists.key[reads]))]
    equal = (lists.key[order[1:]] == lists.key[order[:-1]]) & (lists.length[order[1:]] == lists.length[order[:-1]])
    pairs = np.flatnonzero(equal)

    def each() -> Iterator[Anomaly]:
        for at in pairs.tolist():
            one, other = int(order[at]), int(order[at + 1])
            key = _key(lists, one)
            text = f"T1 and T2 both read {key} as {words.seen(lists.shown(one))}, and both appended to it"
            yield tell(table, "lost-update", [int(lists.txn[one]), int(lists.txn[other])], text, _raw_key(lists, one))

    return finding("lost-update", len(pairs), each())


def _raw_key(lists: Lists, read: int) -> object:
    return lists.table.keys[lists.key[read]]


def _key(lists: Lists, read: int) -> str:
    return words.name(_raw_key(lists, read))
