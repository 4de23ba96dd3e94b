"""What reads promise, and who judges it: the one place that maps read modes to checkers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from checkers.checker import Budget, Checker, Recording
from checkers.history import History
from checkers.linearizability import Linearizability
from checkers.sequential import SequentialByIndex, SequentialByValue
from checkers.values import NoInventedValues
from checkers.verdict import Result

LINEARIZABLE: Final = "linearizable"
LEASE: Final = "lease"
SEQUENTIAL: Final = "sequential"
STALE: Final = "stale"


def checkers_of(mode: str) -> Sequence[Checker]:
    """The checkers for histories whose reads were asked for in this mode. Writes are linearizable in every mode."""
    if is_strong(mode):
        return (Linearizability(),)
    writes = WithoutReads(Linearizability(name="linearizable-writes"))
    if mode == SEQUENTIAL:
        return (writes, SequentialByIndex(), SequentialByValue())
    assert mode == STALE, f"{mode!r} is no read mode"
    return (writes, NoInventedValues())


def is_strong(mode: str) -> bool:
    """Whether reads in this mode promise to be linearizable."""
    return mode in (LINEARIZABLE, LEASE)


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
