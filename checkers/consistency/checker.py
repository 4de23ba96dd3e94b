"""The checker: each read mode with the strongest level that its reads reach, against what it promised."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from checkers.checker import Budget, OutOfTime, Recording
from checkers.consistency.finding import Finding
from checkers.consistency.grade import Graded, grade, restarts
from checkers.consistency.levels import WEAKER, Level, strongest
from checkers.consistency.record import is_write
from checkers.consistency.staleness import Told, stale_reads, summary, told
from checkers.events import EventType
from checkers.history import READS, History
from checkers.verdict import Anomaly, Result, Verdict, merge

Promises = Mapping[str | None, Collection[Level]]
"""Read mode (None: reads that name none) -> the levels that it promises."""

_WORDS: Final = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True)
class Mode:
    """What came of one read mode."""

    name: str | None
    promised: Sequence[Level]
    graded: Graded
    staleness: Mapping[str, Any] | None
    """None: there was no time left to measure it, or nothing that could be measured."""

    @property
    def reached(self) -> list[Level]:
        return strongest([level for level, finding in self.graded.findings.items() if finding.holds])

    @property
    def verdict(self) -> Verdict:
        """Eventual is broken by a history that settled; one that ends before has nothing to say about it."""
        held = [self.graded.findings[level].holds for level in self.promised]
        if False in held:
            return Verdict.INVALID
        unsaid = [
            level for level in self.promised if level is not Level.EVENTUAL and self._finding(level).holds is None
        ]
        return Verdict.UNKNOWN if unsaid else Verdict.VALID

    @property
    def more(self) -> bool:
        """Whether it reached what does not follow from its promise."""
        granted = {*self.promised, *(weaker for level in self.promised for weaker in WEAKER[level])}
        return any(finding.holds for level, finding in self.graded.findings.items() if level not in granted)

    def _finding(self, level: Level) -> Finding:
        return self.graded.findings[level]

    def broken(self) -> list[Anomaly]:
        """The contradictions of the promised levels, each once."""
        found = [
            a for level in self.promised if self._finding(level).holds is False for a in self._finding(level).anomalies
        ]
        return list({id(anomaly): anomaly for anomaly in found}.values())

    def unknown(self) -> list[str]:
        return [
            f"whether {self.name or 'the'} reads keep to {level.value} is unknown: {self._finding(level).how}"
            for level in self.promised
            if level is not Level.EVENTUAL and self._finding(level).holds is None
        ]

    def sentence(self) -> str:
        """'stale: monotonic reads, eventual'"""
        return f"{self.name or 'reads'}: {', '.join(level.value for level in self.reached) or 'none'}"

    def row(self) -> dict[str, Any]:
        """For tables, JSON values only."""
        return {
            "mode": self.name,
            "promised": [level.value for level in self.promised],
            "reached": [level.value for level in self.reached],
            "verdict": self.verdict.value,
            "more": self.more,
            "levels": [_level_row(level, finding) for level, finding in self.graded.findings.items()],
            "staleness": self.staleness,
        }


def _level_row(level: Level, finding: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {"level": level.value, "holds": _WORDS[finding.holds], "how": finding.how}
    if finding.anomalies:
        first = finding.anomalies[0]
        row |= {"why": first.text, "key": first.key, "operations": list(first.operations)}
    return row


@dataclass(frozen=True)
class ReadConsistency:
    """Grades every read mode that the history holds reads of, and reports how stale they were. A mode without a promise
    is graded all the same, and never invalid."""

    promised: Promises = field(default_factory=dict)
    initial: Any = None
    name: str = "read-consistency"

    def check(self, recording: Recording, budget: Budget) -> Result:
        history = recording.history
        known = told(history.operations)
        modes = [self._mode(history, mode, known, budget) for mode in _modes(history)]
        verdict = merge(mode.verdict for mode in modes)
        return Result(
            checker=self.name,
            verdict=verdict,
            anomalies=[anomaly for mode in modes for anomaly in mode.broken()],
            reason="; ".join(why for mode in modes for why in mode.unknown()) if verdict is Verdict.UNKNOWN else None,
            algorithm=f"the levels reached ({'; '.join(mode.sentence() for mode in modes)})" if modes else None,
            operations=sum(op.f in READS and op.outcome is EventType.OK for op in history.operations),
            details={"modes": [mode.row() for mode in modes]},
        )

    def _mode(self, history: History, mode: str | None, known: Told, budget: Budget) -> Mode:
        graded = grade(history, mode, self.initial, restarts(history), budget)
        own = self.promised.get(mode, ())
        promised = [level for level in Level if level in own]
        return Mode(mode, promised, graded, _staleness(graded, known, budget))


def _modes(history: History) -> list[str | None]:
    """The modes of all reads that were answered, in the order of their first."""
    reads = (op for op in history.operations if op.f in READS and op.outcome is EventType.OK)
    return list(dict.fromkeys(op.invoke.read for op in reads))


def _staleness(graded: Graded, known: Told, budget: Budget) -> dict[str, Any] | None:
    record = graded.record
    if record is None:
        return None
    measured = sum(not is_write(step) and number in record.source for number, step in enumerate(record.steps))
    try:
        return summary(record, stale_reads(record, known, budget), measured)
    except OutOfTime:
        return None
