"""What is graded: the writes of a history with the reads of one mode, and which write each read returned.

A read's source is known where only one write that was invoked before the read returned put that value there (or where
it can only be the initial value). Where several may have, the read is ambiguous: it is left out of every refutation,
which makes no refutation wrong, and a level that is not refuted without it is unknown. A read whose value nobody had
written by then is invented.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from checkers.events import EventType
from checkers.history import READS
from checkers.sequential.steps import Place, Step

INITIAL: Final = -1
"""In place of a step: the initial value of the key."""


@dataclass
class Record:
    """Steps are known by their number, their place in `steps`, which are ordered by invocation."""

    steps: Sequence[Step]
    source: Mapping[int, int]
    """Step that reads -> the step whose value it read, or INITIAL. Ambiguous and invented reads are not in it."""
    ambiguous: Sequence[int] = ()
    invented: Sequence[int] = ()
    restarts: Sequence[int] = ()
    """Event indexes at which nodes were stopped or started, ascending: their states may go back there."""

    def __post_init__(self) -> None:
        self.sessions: dict[int, list[int]] = {}
        """Session -> its steps in order."""
        self.position: list[int] = []
        """Step -> its place in its session."""
        for number, step in enumerate(self.steps):
            own = self.sessions.setdefault(step.session, [])
            self.position.append(len(own))
            own.append(number)

    def part(self, numbers: Collection[int]) -> Record:
        """These steps alone, with the sources that they have in the whole. Reads whose source is left out say
        nothing."""
        kept = sorted(numbers)
        new = {number: place for place, number in enumerate(kept)} | {INITIAL: INITIAL}
        source = {new[n]: new[self.source[n]] for n in kept if n in self.source and self.source[n] in new}
        return Record([self.steps[number] for number in kept], source, restarts=self.restarts)

    def before(self, number: int) -> Sequence[int]:
        """What its session did before, in order."""
        return self.sessions[self.steps[number].session][: self.position[number]]


def record_of(steps: Sequence[Step], initial: bytes, restarts: Sequence[int] = ()) -> Record:
    """The steps with the sources of their reads."""
    writers: dict[Place, list[int]] = {}
    for number, step in enumerate(steps):
        if step.writes is not None:
            writers.setdefault((step.key, step.writes), []).append(number)
    source: dict[int, int] = {}
    ambiguous: list[int] = []
    invented: list[int] = []
    for number, step in enumerate(steps):
        if step.reads is None:
            continue
        end = step.operation.returned
        own = writers.get((step.key, step.reads), ())
        possible = [w for w in own if w != number and steps[w].operation.invoked < end]
        possible += [INITIAL] if step.reads == initial else []
        if len(possible) == 1:
            source[number] = possible[0]
        else:
            (ambiguous if possible else invented).append(number)
    doubtful = _may_not_have_happened(steps, source)
    source = {number: of for number, of in source.items() if number not in doubtful}
    invented = [number for number in invented if number not in doubtful]
    return Record(steps, source, ambiguous, invented, restarts)


def _may_not_have_happened(steps: Sequence[Step], source: Mapping[int, int]) -> set[int]:
    """Unknown operations that nobody certainly saw, also not through others: what they would have read means
    nothing."""
    unknown = {number for number, step in enumerate(steps) if step.operation.outcome is not EventType.OK}
    seen = [source[number] for number in source if number not in unknown]
    while seen:
        number = seen.pop()
        if number in unknown:
            unknown.discard(number)
            seen += [source[number]] if number in source else []
    return unknown


def is_write(step: Step) -> bool:
    """Whether it belongs to the part that is linearizable in every mode: whatever is no read, also a compare-and-set
    that did not match."""
    return step.operation.f not in READS
