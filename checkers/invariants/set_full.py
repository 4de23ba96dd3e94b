"""Sets, each element followed through the whole history.

An element is *known* from when an add of it was acknowledged, or a read saw it. It is

- **lost**: a read that began when it was known did not see it, and no read that ended after that one began did;
- **stale**: a read that began when it was known did not see it, but a later one did. It was missing for at least the
  time from when it was known to the last such read; where reads promise to be linearizable, that is a contradiction;
- **stable**: it was seen, and no read that began when it was known missed it;
- **never read**: no read says anything: none began after it was known, or its add was never acknowledged and no read
  saw it, which an unknown add is free to do.

A read may also see something **unexpected** (an element that nobody had added by then, or whose adds certainly failed),
have an element **twice**, or bring a removed element **back**: it sees it although it began after the remove was
acknowledged and no add can have come since. Removes may explain that an element is missing (sightings.py says exactly
when). Each element is judged alone, by operations that complete before others begin: for elements without removes that
is all that linearizability says of them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.invariants.sightings import NEVER, NO_TIME, Numbers, Sightings
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.stats import quantiles
from checkers.verdict import Result

PROMISE: Final = "What was added stays until it is removed, nothing else is ever seen, and nothing twice."
STRICT: Final = " A read that begins after an add was acknowledged sees it."
MOST_WORST: Final = 8


@dataclass(frozen=True)
class SetFull:
    """`linearizable`: reads promise to see what was acknowledged before they began, so a stale one is invalid."""

    linearizable: bool = True
    name: str = "set-full"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings, tally = Findings(), _Tally()
        judged = 0
        for key, operations in by_key(recording.history.operations).items():
            sightings = Sightings(operations, budget)
            judged += sightings.reads
            tally.count(key, sightings)
            _Teller(findings, key, sightings).tell_all(self.linearizable)
        return findings.result(
            self.name,
            PROMISE + (STRICT if self.linearizable else ""),
            operations=judged,
            unknown=_unknown(judged, tally),
            **tally.details(),
        )


def _unknown(reads: int, tally: _Tally) -> str | None:
    if not reads:
        return "no set was read"
    if not tally.counts["stable"] + tally.counts["stale"] and tally.counts["elements"]:
        return "no element was seen by any read"
    return None


class Outcomes:
    """Of one set: what became of each element, as masks over their numbers."""

    def __init__(self, sightings: Sightings) -> None:
        missing, seen = sightings.last_missing, sightings.last_seen
        self.lost = (missing != NEVER) & (seen < missing)
        self.stale = (missing != NEVER) & ~self.lost
        self.stable = (missing == NEVER) & (seen != NEVER)
        self.never_read = ~(self.lost | self.stale | self.stable)
        haunting = sightings.last_haunting
        self.back = haunting != NEVER
        self.back_for_good = self.back & (sightings.last_absent < haunting)


class _Tally:
    """Counts and times of all sets together."""

    def __init__(self) -> None:
        names = ("elements", "stable", "stale", "lost", "never_read", "unexpected", "duplicated", "back")
        self.counts = dict.fromkeys(names, 0)
        self._missing_ns: list[int] = []
        self._seen_ns: list[int] = []
        self._worst: list[dict[str, Any]] = []

    def count(self, key: str | None, of: Sightings) -> None:
        outcomes = Outcomes(of)
        self.counts["elements"] += len(of.numbers)
        for name in ("stable", "stale", "lost", "never_read", "back"):
            self.counts[name] += int(getattr(outcomes, name).sum())
        self.counts["unexpected"] += len(of.unexpected)
        self.counts["duplicated"] += len(of.repeated)
        self._time(key, of, outcomes)

    def _time(self, key: str | None, of: Sightings, outcomes: Outcomes) -> None:
        missing_ns = np.where(outcomes.stale, np.maximum(of.last_missing_ns - of.known_ns, 0), 0)
        self._missing_ns += missing_ns[outcomes.stale | outcomes.stable].tolist()
        seen_ns = np.where(of.last_seen_ns == NO_TIME, 0, np.maximum(of.last_seen_ns - of.known_ns, 0))
        self._seen_ns += seen_ns[outcomes.lost].tolist()
        worst: Numbers = np.argsort(-missing_ns, kind="stable")[:MOST_WORST]
        names = list(of.numbers)
        self._worst += [
            {"key": key, "element": _plain(names[number]), "stale_ms": round(int(missing_ns[number]) / 1e6, 3)}
            for number in worst
            if outcomes.stale[number]
        ]

    def details(self) -> dict[str, Any]:
        """`stable_latency`: from when an element was known to the last read that missed it: 0 for most. `lost_latency`:
        from when it was known to when it was last seen."""
        return {
            **self.counts,
            "stable_latency": quantiles(self._missing_ns) if self._missing_ns else None,
            "lost_latency": quantiles(self._seen_ns) if self._seen_ns else None,
            "worst_stale": sorted(self._worst, key=lambda one: -one["stale_ms"])[:MOST_WORST],
        }


def _plain(element: Any) -> Any:
    return element if isinstance(element, int | float | str | None) else str(element)


class _Teller:
    """Puts one set's findings into words."""

    def __init__(self, findings: Findings, key: str | None, sightings: Sightings) -> None:
        self._findings = findings
        self._key = key
        self._of = sightings
        self._outcomes = Outcomes(sightings)
        self._names = list(sightings.numbers)

    def tell_all(self, linearizable: bool) -> None:
        for number in np.flatnonzero(self._outcomes.lost):
            self._absent("lost", int(number))
        for number in np.flatnonzero(self._outcomes.stale) if linearizable else ():
            self._absent("stale", int(number))
        for number in np.flatnonzero(self._outcomes.back if linearizable else self._outcomes.back_for_good):
            self._back(int(number))
        for element, read in self._of.unexpected.values():
            self._unexpected(element, read)
        for read in self._of.repeated:
            self._twice(read)

    def _absent(self, kind: str, number: int) -> None:
        def tell() -> Told:
            read = self._read(int(self._of.last_missing[number]))
            known = self._evidence(number, read)
            text = (
                f"{_evident(known, element)}, and process {read.process}'s read, which began {at(read.invoke.time)}, "
            )
            if kind == "lost":
                return f"{text}did not see it, nor did any that ended later", (known, read)
            late_ms = (read.invoke.time - answered_ns(known)) / 1e6
            return f"{text}{late_ms:.1f} ms later, did not see it", (known, read)

        element = self._names[number]
        self._findings.add(kind, tell, key=self._key, element=_plain(element))

    def _back(self, number: int) -> None:
        def tell() -> Told:
            read = self._read(int(self._of.last_haunting[number]))
            gone = self._disappearance(number, read)
            how = "removed" if gone.f == "remove" else "read the set without"
            text = (
                f"process {gone.process} {how} {value(_plain(element))} {at(answered_ns(gone))}, nobody can have added "
                f"it again, and process {read.process}'s read, which began {at(read.invoke.time)}, saw it"
            )
            return text, (gone, read)

        element = self._names[number]
        self._findings.add("removed-but-seen", tell, key=self._key, element=_plain(element))

    def _unexpected(self, element: Any, read: Operation) -> None:
        def tell() -> Told:
            text = (
                f"process {read.process} saw {value(element)} {at(answered_ns(read))}, which nobody had added by then"
            )
            return text, (read,)

        self._findings.add("unexpected", tell, key=self._key, element=element)

    def _twice(self, read: Operation) -> None:
        def tell() -> Told:
            return f"process {read.process}'s read, answered {at(answered_ns(read))}, has an element twice", (read,)

        self._findings.add("duplicated", tell, key=self._key)

    # The operations that a finding rests on are looked up only for those that are told.

    def _read(self, invoked: int) -> Operation:
        return next(op for op in self._of.operations if op.invoked == invoked)

    def _evidence(self, number: int, read: Operation) -> Operation:
        """Why the element was known before the read began: the evidence that began last, an add where any will do."""
        known = [op for op in self._before(read) if _has(op, self._names[number])]
        return max(known, key=lambda op: (self._of.removes or op.f == "add", op.invoked))

    def _disappearance(self, number: int, read: Operation) -> Operation:
        gone = [op for op in self._before(read) if _has_not(op, self._names[number])]
        return max(gone, key=lambda op: op.invoked)

    def _before(self, read: Operation) -> list[Operation]:
        return [op for op in self._of.operations if op.returned < read.invoked and op.outcome is EventType.OK]


def _evident(known: Operation, element: Any) -> str:
    if known.f == "add":
        add = f"process {known.process}'s add of {value(known.value)}"
        return f"{add} was acknowledged {at(answered_ns(known))}"
    return f"process {known.process} saw {value(_plain(element))} {at(answered_ns(known))}"


def _has(op: Operation, element: Any) -> bool:
    """Whether its answer says that the element was in the set."""
    if op.f == "read":
        return any(canonical(one) == element for one in op.value)
    return op.f != "remove" and canonical(op.value[0] if op.f == "contains" else op.value) == element and _yes(op)


def _has_not(op: Operation, element: Any) -> bool:
    if op.f == "read":
        return not any(canonical(one) == element for one in op.value)
    return op.f != "add" and canonical(op.value[0] if op.f == "contains" else op.value) == element and not _yes(op)


def _yes(op: Operation) -> bool:
    return bool(op.value[1]) if op.f == "contains" else op.f == "add"
