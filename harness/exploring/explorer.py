"""The explorer: trial after trial, until something is found or the time is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import msgspec

from checkers.verdict import Verdict
from harness.experiment import Experiment
from harness.exploring.book import Book
from harness.exploring.choice import Blind, Learner
from harness.exploring.pool import Pool
from harness.exploring.trial import Outcome, Trial


@dataclass
class Tally:
    """What a search has come to, all its sessions together. `states`: distinct ones."""

    runs: int = 0
    unknown: int = 0
    """Runs that were neither valid nor a finding."""
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    states: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    findings: list[Outcome] = field(default_factory=list)
    troubles: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome, new_states: int) -> None:
        self.runs += 1
        self.unknown += outcome.verdict is Verdict.UNKNOWN
        self.virtual_s += outcome.virtual_s
        self.cpu_s += outcome.cpu_s
        self.states += new_states
        self.faults.update(outcome.faults)
        if outcome.verdict is Verdict.INVALID:
            self.findings.append(outcome)
        if outcome.trouble is not None:
            self.troubles.append(outcome)


class Explorer:
    """`experiment`: that of every trial, without its seed. `ends`: asked before each trial is begun, with the number of
    runs of this session so far."""

    def __init__(self, experiment: Experiment, book: Book, *, ends: Callable[[int], bool], keep_going: bool) -> None:
        self.tally = Tally()
        self._experiment = experiment
        self._book = book
        self._ends = ends
        self._keep_going = keep_going
        self._chooser = (Learner if book.search.learns else Blind)(book.search.first_seed)
        self._done: set[int] = set()
        for outcome in book.outcomes():
            self._take(outcome)
        self._numbers = (number for number in count() if number not in self._done)
        self._begun = 0
        self._found = False

    def explore(self, pool: Pool, tick: Callable[[], object]) -> Iterator[tuple[Experiment, Outcome]]:
        """The findings, as they come, each with what makes it again."""
        for trial, outcome in pool.run(self._next, tick):
            self._book.add(outcome)
            self._take(outcome)
            if outcome.verdict is Verdict.INVALID:
                self._found = True
                yield trial.experiment, outcome

    def _next(self) -> Trial | None:
        if self._ends(self._begun) or (self._found and not self._keep_going):
            return None
        self._begun += 1
        choice = self._chooser.choose(next(self._numbers))
        experiment = msgspec.structs.replace(self._experiment, seed=choice.seed, fork=choice.fork)
        return Trial(experiment, choice.number, choice.parent, coverage=True)

    def _take(self, outcome: Outcome) -> None:
        self._done.add(outcome.number)
        self.tally.add(outcome, self._chooser.saw(outcome))
