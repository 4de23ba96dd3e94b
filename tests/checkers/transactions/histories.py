"""Histories of transactions, written short.

A line is one transaction: process, when it ran, its steps: `0 1-4 ax1 rx1,2 ry` is process 0's, invoked at 1 and
answered at 4, that appended 1 to x, read [1, 2] from x and [] from y. `1-` is unknown, `1-4!` failed. For registers
`wx1` writes, `rx1` reads 1, and `rx` reads null. Without times, transactions follow each other by lines and each is
concurrent to all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.history import History
from checkers.transactions import ListAppend, RwRegister
from checkers.verdict import Result

Step = Sequence[Any]


@dataclass(frozen=True)
class Txn:
    """`end` None: unknown."""

    process: int
    begin: int
    end: int | None
    steps: Sequence[Step]
    failed: bool = False


def history(txns: Iterable[Txn]) -> History:
    """Event indexes are the ranks of the times. What was not read is null in the invocation."""
    moments: list[tuple[int, int, Txn]] = []
    for txn in txns:
        moments.append((txn.begin, 1, txn))
        if txn.end is not None:
            moments.append((txn.end, 0, txn))
    moments.sort(key=lambda moment: moment[:2])
    return History([_event(index, *moment) for index, moment in enumerate(moments)])


def _event(index: int, time: int, invoke: int, txn: Txn) -> Event:
    asked = [[f, key, None if f == "r" else what] for f, key, what in txn.steps]
    kind = EventType.INVOKE if invoke else EventType.FAIL if txn.failed else EventType.OK
    value = [list(step) for step in txn.steps] if kind is EventType.OK else asked
    return Event(index=index, time=time * 1_000_000, process=txn.process, type=kind, f="txn", value=value)


def parse(text: str) -> list[Txn]:
    """Lines, or parts between semicolons."""
    lines = [line.split() for line in re.split("[\n;]", text) if line.strip()]
    registers = re.search(r"\bw", text) is not None
    return [_parse(number, words, len(lines), registers) for number, words in enumerate(lines)]


def _parse(number: int, words: list[str], lines: int, registers: bool) -> Txn:
    process = int(words.pop(0)) if words[0].isdigit() else number
    begin, end, failed = number, lines + number, False
    if words and words[0][0].isdigit():
        times = words.pop(0)
        failed = times.endswith("!")
        first, _, last = times.rstrip("!").partition("-")
        begin, end = int(first) * 10 if first else number, int(last) * 10 if last else -1
    return Txn(process, begin, None if end < 0 else end, [_step(word, registers) for word in words], failed)


def _step(word: str, registers: bool) -> Step:
    f, key, what = word[0], word[1], word[2:]
    if f == "a":
        return ["append", key, int(what)]
    if f == "w":
        return ["w", key, int(what)]
    if registers:
        return ["r", key, int(what) if what else None]
    return ["r", key, [int(each) for each in what.split(",") if each]]


def check_lists(txns: Iterable[Txn], promised: str = "strict-serializable") -> Result:
    return ListAppend(promised).check(Recording(history(txns)), Budget())


def check_registers(txns: Iterable[Txn], promised: str = "strict-serializable", **options: bool) -> Result:
    return RwRegister(promised, **options).check(Recording(history(txns)), Budget())
