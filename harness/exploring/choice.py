"""Which trial comes next: fresh seeds one after another (Blind), or also variations of trials that were somewhere new
(Learner).

What a Learner does is greybox fuzzing, of runs in the place of inputs. The trials that reached a state first are its
corpus. A variation has the same seed and the same choices up to the moment at which a rare state was first reached, and
others from there on (a fork); or from the beginning on, of some kinds of choices: other faults of the same swarm, all
but the swarm, another swarm, other operations. Energy goes to what is rare: a state counts the less the more trials
have been there (Boehme et al., "Coverage-based Greybox Fuzzing as Markov Chain", CCS 2016), an entry as much as its
states together, and the less the more often it was varied. Mallory (Meng et al., "Greybox Fuzzing of Distributed
Systems", CCS 2023) does the same to real clusters, which it cannot bring back to where they were.

Variations and fresh seeds get their turns by what they bring: as many as they share of the new states of late.

What is chosen depends on the first seed, the trial's number and the outcomes so far, in the order in which they came:
with one job the same every time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, Protocol, TypeVar

from harness.exploring.trial import Outcome
from harness.world.streams import STREAMS, Fork, stream

T = TypeVar("T")

LEAST_SHARE: Final = 0.2
"""Of trials: fresh seeds at least, since what a swarm leaves out no variation brings back; and variations at least."""
LATELY: Final = 0.95
"""What a trial before counts, of what this one does: what is new becomes less with time, for fresh seeds first."""
FORK_SHARE: Final = 0.7
"""Of variations: from a moment on. The others are of one kind of choices from the beginning on."""
BEFORE_S: Final = 1.0
"""A fork is up to so long before the moment at which the state was reached: it may be reached again, in another way."""
MOST_FORKS: Final = 4
"""Of one trial."""
KINDS: Final[Sequence[tuple[str, ...]]] = (
    ("nemesis",),
    ("swarm",),
    ("generator",),
    tuple(name for name in STREAMS if name != "swarm"),
)


@dataclass(frozen=True)
class Choice:
    """A seed, and the forks that make a variation of it."""

    number: int
    seed: int
    fork: tuple[str, ...] = ()
    parent: int | None = None
    """The number of the trial that it varies."""


class Chooser(Protocol):
    def choose(self, number: int) -> Choice: ...
    def saw(self, outcome: Outcome) -> int:
        """How many states were new."""


class Blind:
    """Seed after seed. `states`: all that were reached."""

    def __init__(self, first_seed: int) -> None:
        self.states: Counter[int] = Counter()
        """Each with the number of trials that were there."""
        self._first_seed = first_seed

    def choose(self, number: int) -> Choice:
        return Choice(number, self._first_seed + number)

    def saw(self, outcome: Outcome) -> int:
        before = len(self.states)
        self.states.update(state for state, _ in outcome.states)
        return len(self.states) - before


@dataclass
class _Entry:
    number: int
    seed: int
    fork: tuple[str, ...]
    states: tuple[tuple[int, float], ...]
    """Those that it reached first."""
    virtual_s: float
    varied: int = 0


@dataclass
class _Yield:
    """Of one of two ways to choose: trials and new states, the latest ones above all."""

    trials: float = 0.0
    new: float = 0.0

    def add(self, trials: int, new: int) -> None:
        self.trials = LATELY * self.trials + trials
        self.new = LATELY * self.new + new

    def each(self) -> float | None:
        """New states of a trial. None: nobody knows."""
        return self.new / self.trials if self.trials else None


class Learner(Blind):
    def __init__(self, first_seed: int) -> None:
        super().__init__(first_seed)
        self._corpus: list[_Entry] = []
        self._seeds = 0
        """Fresh ones that were begun: those that Blind would take, none left out."""
        self._fresh = _Yield()
        self._variations = _Yield()

    def choose(self, number: int) -> Choice:
        rng = stream(self._first_seed, f"learning-{number}")
        if not self._corpus or rng.random() >= self._varied_share():
            self._seeds += 1
            return Choice(number, self._first_seed + self._seeds - 1)
        entry = _drawn(rng, self._corpus, self._energy)
        return Choice(number, entry.seed, self._varied(rng, entry, number), entry.number)

    def saw(self, outcome: Outcome) -> int:
        new = tuple(reached for reached in outcome.states if reached[0] not in self.states)
        if outcome.parent is None:
            self._seeds = max(self._seeds, outcome.seed - self._first_seed + 1)
        if self.states:  # to the first one everything is new
            is_variation = outcome.parent is not None
            self._fresh.add(not is_variation, 0 if is_variation else len(new))
            self._variations.add(is_variation, len(new) if is_variation else 0)
        super().saw(outcome)
        for entry in self._corpus:
            entry.varied += entry.number == outcome.parent
        if new:
            self._corpus.append(_Entry(outcome.number, outcome.seed, outcome.fork, new, outcome.virtual_s))
        return len(new)

    def _varied_share(self) -> float:
        fresh, varied = self._fresh.each(), self._variations.each()
        if fresh is None or varied is None or fresh + varied == 0:
            return 0.5
        return min(max(varied / (fresh + varied), LEAST_SHARE), 1 - LEAST_SHARE)

    def _energy(self, entry: _Entry) -> float:
        return sum(self._rarity(state) for state, _ in entry.states) / (1 + entry.varied)

    def _rarity(self, state: int) -> float:
        return 1 / self.states[state]

    def _varied(self, rng: Random, entry: _Entry, number: int) -> tuple[str, ...]:
        forks = entry.fork[-(MOST_FORKS - 1) :] if len(entry.fork) >= MOST_FORKS else entry.fork
        if rng.random() >= FORK_SHARE:
            return (*forks, str(Fork(0.0, number, rng.choice(KINDS))))
        at_s = max(0.0, round(self._moment(rng, entry) - BEFORE_S * rng.random(), 3))
        return (*(fork for fork in forks if not _later(fork, at_s)), str(Fork(at_s, number)))

    def _moment(self, rng: Random, entry: _Entry) -> float:
        """When some rare state was reached. What is before a fork is known to find nothing: the earlier, the better."""

        def worth(reached: tuple[int, float]) -> float:
            state, at_s = reached
            return self._rarity(state) * max(entry.virtual_s - at_s, 0.001)

        return _drawn(rng, entry.states, worth)[1]


def _drawn(rng: Random, items: Sequence[T], weight: Callable[[T], float]) -> T:
    """One of them, each as often as it weighs."""
    sums = list(accumulate(weight(item) for item in items))
    return items[bisect_left(sums, rng.random() * sums[-1])]


def _later(fork: str, at_s: float) -> bool:
    """What was forked later is overtaken by a fork of everything."""
    return float(fork.split(":")[0]) > at_s
