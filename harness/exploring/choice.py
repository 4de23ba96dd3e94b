"""Which trial comes next: fresh seeds one after another (Blind), or also variations of trials that were somewhere new
(Learner).

What a Learner does is greybox fuzzing, of runs in the place of inputs. The trials that reached a state first are its
corpus. A variation has the same seed and the same choices up to the moment at which a rare state was first reached, and
others from there on (a fork); or from the beginning on, of one kind of choices: other faults of the same swarm, another
swarm, other operations. Energy goes to what is rare: a state counts the less the more trials have been there (Boehme et
al., "Coverage-based Greybox Fuzzing as Markov Chain", CCS 2016), and an entry the less the more often it was varied.
Mallory (Meng et al., "Greybox Fuzzing of Distributed Systems", CCS 2023) does the same to real clusters, which it
cannot bring back to where they were.

What is chosen depends on the first seed, the trial's number and the outcomes so far, in the order in which they came:
with one job the same every time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, Protocol

from harness.exploring.trial import Outcome
from harness.world.streams import Fork, stream

FRESH_SHARE: Final = 0.4
"""Of trials: seeds that nobody has tried. What a swarm leaves out no variation brings back."""
FORK_SHARE: Final = 0.7
"""Of variations: from a moment on. The others are of one kind of choices from the beginning on."""
BEFORE_S: Final = 1.0
"""A fork is up to so long before the moment at which the state was reached: it may be reached again, in another way."""
MOST_FORKS: Final = 4
"""Of one trial."""
KINDS: Final[Sequence[tuple[str, ...]]] = (("nemesis",), ("swarm",), ("network", "machine"), ("generator",))


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
    varied: int = 0


class Learner(Blind):
    def __init__(self, first_seed: int) -> None:
        super().__init__(first_seed)
        self._corpus: list[_Entry] = []

    def choose(self, number: int) -> Choice:
        rng = stream(self._first_seed, f"learning-{number}")
        if not self._corpus or rng.random() < FRESH_SHARE:
            return super().choose(number)
        entry = self._pick(rng)
        return Choice(number, entry.seed, self._varied(rng, entry, number), entry.number)

    def saw(self, outcome: Outcome) -> int:
        new = tuple(reached for reached in outcome.states if reached[0] not in self.states)
        super().saw(outcome)
        for entry in self._corpus:
            entry.varied += entry.number == outcome.parent
        if new:
            self._corpus.append(_Entry(outcome.number, outcome.seed, outcome.fork, new))
        return len(new)

    def _pick(self, rng: Random) -> _Entry:
        energies = list(accumulate(self._energy(entry) for entry in self._corpus))
        return self._corpus[bisect_left(energies, rng.random() * energies[-1])]

    def _energy(self, entry: _Entry) -> float:
        rarity = max(self._rarity(state) for state, _ in entry.states)
        return rarity / (1 + entry.varied)

    def _rarity(self, state: int) -> float:
        return 1 / self.states[state]

    def _varied(self, rng: Random, entry: _Entry, number: int) -> tuple[str, ...]:
        forks = entry.fork[-(MOST_FORKS - 1) :] if len(entry.fork) >= MOST_FORKS else entry.fork
        if rng.random() >= FORK_SHARE:
            return (*forks, str(Fork(0.0, number, rng.choice(KINDS))))
        rarest = max(entry.states, key=lambda reached: self._rarity(reached[0]))
        at_s = max(0.0, round(rarest[1] - BEFORE_S * rng.random(), 3))
        return (*(fork for fork in forks if not _later(fork, at_s)), str(Fork(at_s, number)))


def _later(fork: str, at_s: float) -> bool:
    """What was forked later is overtaken by a fork of everything."""
    return float(fork.split(":")[0]) > at_s
