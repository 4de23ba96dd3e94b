"""What reads promise, and who judges it: the one place that maps read modes to checkers.

What a stale read of a Raft node promises: it shows what the node has applied, which is the state after some beginning
of the log. The log is in one order that keeps to time, so whoever reads from one node sees no write without those that
its writer had written or read before. A node that was restarted may show an older state than before, and another node
an older one than this; so a process does not always read its own writes, and may go back. Once writes have stopped and
nodes are reached again, all of them apply the same last entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from checkers.checker import Budget, Checker, Recording
from checkers.consistency import Level, Promises, ReadConsistency
from checkers.history import History
from checkers.linearizability import Linearizability
from checkers.sequential import LinearizableByIndex, SequentialByIndex, SequentialByValue, StaleByIndex
from checkers.values import NoInventedValues
from checkers.verdict import Result

LINEARIZABLE: Final = "linearizable"
LEASE: Final = "lease"
SEQUENTIAL: Final = "sequential"
STALE: Final = "stale"

PROMISED: Final[Promises] = {
    LINEARIZABLE: (Level.LINEARIZABLE,),
    LEASE: (Level.LINEARIZABLE,),
    SEQUENTIAL: (Level.SEQUENTIAL, Level.EVENTUAL),
    STALE: (Level.MONOTONIC_WRITES, Level.WRITES_FOLLOW_READS, Level.EVENTUAL),
}
"""Read mode -> the levels that it promises."""


def checkers_of(mode: str, judged: str | None = None) -> Sequence[Checker]:
    """The checkers for histories whose reads were asked for in this mode. Writes are linearizable in every mode.
    `judged`: the mode by whose promise they are judged instead, whatever they promise themselves."""
    promised = PROMISED if judged is None else dict.fromkeys(PROMISED, PROMISED[judged])
    mode = judged or mode
    graded = ReadConsistency({**promised, None: PROMISED[mode]})
    if is_strong(mode):
        return (Linearizability(), LinearizableByIndex(), graded)
    writes = WithoutReads(Linearizability(name="linearizable-writes"))
    if mode == SEQUENTIAL:
        return (writes, SequentialByIndex(), SequentialByValue(), graded)
    assert mode == STALE, f"{mode!r} is no read mode"
    return (writes, NoInventedValues(), StaleByIndex(), graded)


def is_strong(mode: str) -> bool:
    """Whether reads in this mode promise to be linearizable."""
    return mode in (LINEARIZABLE, LEASE)


def as_judged(checkers: Sequence[Checker], judged: str | None) -> Sequence[Checker]:
    """The checkers, those of strong reads shown all reads where all are judged as such."""
    if judged is None or not is_strong(judged):
        return checkers
    return tuple(checker.checker if isinstance(checker, StrongReads) else checker for checker in checkers)


@dataclass(frozen=True)
class StrongReads:
    """Another checker, shown no reads but those that were asked to be linearizable: others promise less than it
    judges."""

    checker: Checker

    @property
    def name(self) -> str:
        return self.checker.name

    def check(self, recording: Recording, budget: Budget) -> Result:
        events = [event for event in recording.history.events if event.read is None or is_strong(event.read)]
        return self.checker.check(replace(recording, history=replace(recording.history, events=events)), budget)


@dataclass(frozen=True)
class WithoutReads:
    """Another checker, shown everything but the reads. (A compare-and-set is a write, also where it does not match:
    the leader answers it through the log.)"""

    checker: Checker

    @property
    def name(self) -> str:
        return self.checker.name

    def check(self, recording: Recording, budget: Budget) -> Result:
        return self.checker.check(replace(recording, history=without_reads(recording.history)), budget)


def without_reads(history: History) -> History:
    """The history without its reads. Event indexes stay as they are."""
    return replace(history, events=[event for event in history.events if event.f != "read"])
