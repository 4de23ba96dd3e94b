"""Locks, with or without fencing tokens.

A process *believes to hold* a lock from the answer to its acquire until the next release of it is invoked, whatever
comes of that release: one whose answer never comes may have happened. (A release that certainly failed because the
connection was refused ends nothing; one that failed with `not-held` ends the belief.) Releases belong to the acquire
that gave their token; without tokens, to the last acquire of their own process.

What must hold depends on the lock:

- A **plain lock** has one holder. Two that believe to hold it at once contradict each other, and so does a holder that
  is told `not-held`. Where locks are **mortal**, a hold ends with its holder, so nothing is believed any more after an
  operation of unknown outcome: the process has ended with it.
- A **lease** runs out, and nobody can tell its holder in time: a process that was paused believes to hold what others
  hold by now. So beliefs may overlap, which is counted and no finding; what makes such a lock safe is its tokens.

Of tokens everything is promised always: an acquire that begins after another was acknowledged gets a greater one, none
is given twice, none is released twice or by one who never got it; the lock takes no release of a token after it has
given out a greater one; and what the lock guards, once it has taken a greater one (`use`), takes no smaller one.
(Martin Kleppmann, "How to do distributed locking", 2016, on fencing.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import PENDING, Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PLAIN: Final = "A lock has one holder at a time. Its tokens grow, and an old one is refused."
LEASE: Final = "The lock's tokens grow, and an old one is refused: leases may overlap in their holders' eyes."


class Hold(NamedTuple):
    """An acquire that was acknowledged, and the event at which its process ceased to believe that it held the lock."""

    acquire: Operation
    until: int
    end: Operation | None
    """The release that ended it, if any did."""


@dataclass(frozen=True)
class FencedLocks:
    """`lease`: the locks run out by themselves. `mortal`: they end with their holders."""

    lease: bool = False
    mortal: bool = False
    name: str = "fenced-locks"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        acquired, overlaps = 0, list[int]()
        deaths = _deaths(recording.history.operations) if self.mortal else {}
        for key, operations in by_key(recording.history.operations).items():
            budget.spend()
            lock = _Lock(key, operations, findings, deaths)
            acquired += len(lock.acquires)
            overlaps += lock.judge_holders(self.lease)
            lock.judge_tokens()
        return findings.result(
            self.name,
            LEASE if self.lease else PLAIN,
            operations=acquired,
            unknown=None if acquired else "no lock was acquired",
            acquired=acquired,
            overlapping_beliefs=len(overlaps),
            longest_overlap_ms=round(max(overlaps, default=0) / 1e6, 3),
        )


class _Lock:
    """The operations of one lock."""

    def __init__(
        self, key: str | None, operations: Iterable[Operation], findings: Findings, deaths: Mapping[int, int]
    ) -> None:
        own = [op for op in operations if op.f in ("acquire", "release", "use")]
        self.key = key
        self.acquires = [op for op in own if op.f == "acquire" and op.outcome is EventType.OK]
        self._unknown_acquires = [op for op in own if op.f == "acquire" and op.outcome is EventType.INFO]
        self._releases = [op for op in own if op.f == "release"]
        self._uses = [op for op in own if op.f == "use" and op.outcome is EventType.OK]
        self._findings = findings
        self._deaths = deaths

    # Who holds it.

    def judge_holders(self, lease: bool) -> list[int]:
        """How long (ns) each hold overlaps with the longest of those before it. Findings in plain locks."""
        overlaps = []
        longest: Hold | None = None
        for hold in sorted(self._holds(), key=lambda hold: hold.acquire.returned):
            if longest is not None and hold.acquire.returned < longest.until:
                overlaps.append(_overlap_ns(longest, hold))
                if not lease:
                    self._two_holders(longest, hold)
            if longest is None or hold.until > longest.until:
                longest = hold
            if not lease and hold.end is not None and hold.end.outcome is EventType.FAIL:
                self._told_not_held(hold, hold.end)
        return overlaps

    def _holds(self) -> list[Hold]:
        ends: dict[object, list[Operation]] = defaultdict(list)
        for op in self._releases:
            if op.outcome is not EventType.FAIL or _says(op, "not-held"):
                ends[_owner(op)].append(op)
        holds = [_hold(acquire, ends.get(_owner(acquire), ())) for acquire in self.acquires]
        return [hold._replace(until=min(hold.until, self._death(hold))) for hold in holds]

    def _death(self, hold: Hold) -> int:
        return self._deaths.get(hold.acquire.process, PENDING)

    def _two_holders(self, one: Hold, other: Hold) -> None:
        first, second = one.acquire, other.acquire

        def tell() -> Told:
            until = f"until its release {at(one.end.invoke.time)}" if one.end is not None else "and never released it"
            text = (
                f"process {first.process} held the lock{_with(first)} from {answered_ns(first) / 1e9:.3f} s {until}, "
                f"and process {second.process} was given it{_with(second)} {at(answered_ns(second))}"
            )
            return text, (first, second)

        self._findings.add("two-holders", tell, key=self.key)

    def _told_not_held(self, hold: Hold, release: Operation) -> None:
        def tell() -> Told:
            text = (
                f"process {hold.acquire.process} was given the lock{_with(hold.acquire)} "
                f"{at(answered_ns(hold.acquire))}, nobody else can have released it, and its release was refused "
                f"{at(answered_ns(release))}: not held"
            )
            return text, (hold.acquire, release)

        self._findings.add("holder-told-not-held", tell, key=self.key)

    # Its tokens.

    def judge_tokens(self) -> None:
        self._judge_given()
        released = [op for op in self._releases if op.outcome is EventType.OK]
        self._judge_stale(released, self.acquires, "was given out")
        self._judge_stale(self._uses, self._uses, "was taken")
        self._judge_released(released)

    def _judge_given(self) -> None:
        first: dict[object, Operation] = {}
        for op in self.acquires:
            other = first.setdefault(op.value, op) if op.value is not None else op
            if other is not op:
                self._add("token-used-twice", other, op, f"was given the token {value(op.value)} too")
        for op, greatest in _greatest_before(self.acquires, self.acquires):
            if greatest.value > op.value:
                self._add("token-went-back", greatest, op, f"was given the token {op.value} after that")

    def _judge_stale(self, accepted: Sequence[Operation], newer: Sequence[Operation], how: str) -> None:
        for op, greatest in _greatest_before(accepted, newer):
            if greatest.value > op.value:
                what = "release" if op.f == "release" else "use"
                self._add(
                    "stale-token-accepted", greatest, op, f"had its {what} with the token {op.value} accepted", how
                )

    def _judge_released(self, released: Sequence[Operation]) -> None:
        given: dict[object, list[Operation]] = defaultdict(list)
        for op in self.acquires:
            given[_owner(op)].append(op)
        before: Counter[object] = Counter()
        last: dict[object, Operation] = {}
        for op in sorted(released, key=lambda op: op.returned):
            owner = _owner(op)
            sources = bisect_left(given[owner], op.returned, key=lambda acquire: acquire.invoked)
            if before[owner] >= sources and not (sources == 0 and self._may_hold(op)):
                self._not_its_own(op, last.get(owner))
            before[owner] += 1
            last[owner] = op

    def _may_hold(self, release: Operation) -> bool:
        """Whether it may be of an acquire whose answer never came."""
        return bool(self._unknown_acquires) and self._unknown_acquires[0].invoked < release.returned

    def _not_its_own(self, op: Operation, before: Operation | None) -> None:
        def tell() -> Told:
            text = f"process {op.process}'s release{_with(op)} was accepted {at(answered_ns(op))}, "
            if before is None:
                return f"{text}and nobody had been given the lock so", (op,)
            return f"{text}and it had been released already {at(answered_ns(before))}", (before, op)

        self._findings.add("released-without-holding" if before is None else "released-twice", tell, key=self.key)

    def _add(self, kind: str, one: Operation, other: Operation, what: str, how: str = "was given out") -> None:
        def tell() -> Told:
            text = (
                f"the token {value(one.value)} {how} to process {one.process} {at(answered_ns(one))}, and process "
                f"{other.process} {what} {at(answered_ns(other))}"
            )
            return text, (one, other)

        self._findings.add(kind, tell, key=self.key, tokens=[one.value, other.value])


def _deaths(operations: Iterable[Operation]) -> dict[int, int]:
    """Process -> the event at which its operation of unknown outcome ended, if it had one: it is heard of no more."""
    ended = ((op.process, op.completion) for op in operations if op.outcome is EventType.INFO)
    return {process: completion.index for process, completion in ended if completion is not None}


def _owner(op: Operation) -> object:
    """What pairs a release with its acquire: the token, or else the process."""
    return ("token", op.value) if op.value is not None else ("process", op.process)


def _hold(acquire: Operation, ends: Sequence[Operation]) -> Hold:
    """`ends`: by invocation."""
    place = bisect_left(ends, acquire.invoked, key=lambda op: op.invoked)
    end = ends[place] if place < len(ends) else None
    return Hold(acquire, PENDING if end is None else end.invoked, end)


def _overlap_ns(one: Hold, other: Hold) -> int:
    """Until the first of them ended; where none did, what is known of it."""
    ends = [hold.end.invoke.time for hold in (one, other) if hold.end is not None]
    return max(0, min(ends) - answered_ns(other.acquire)) if ends else 0


def _greatest_before(operations: Sequence[Operation], others: Sequence[Operation]) -> list[tuple[Operation, Operation]]:
    """Each operation, with the one of the others that has the greatest token of those answered before it began."""
    known = sorted((op for op in others if type(op.value) is int), key=lambda op: op.returned)
    found, place = [], 0
    greatest: Operation | None = None
    for op in operations:
        if type(op.value) is not int:
            continue
        while place < len(known) and known[place].returned < op.invoked:
            if greatest is None or known[place].value > greatest.value:
                greatest = known[place]
            place += 1
        if greatest is not None:
            found.append((op, greatest))
    return found


def _says(op: Operation, error: str) -> bool:
    return op.completion is not None and (op.completion.error or "").split(":")[0] == error


def _with(op: Operation) -> str:
    return "" if op.value is None else f" with the token {value(op.value)}"
