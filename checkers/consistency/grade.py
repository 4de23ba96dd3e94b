"""Grading one read mode: every level, cheapest first, and what follows from what has been found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from checkers.checker import Budget, OutOfTime, Recording
from checkers.consistency import sequential
from checkers.consistency.eventual import converged, quiet_of
from checkers.consistency.explain import explain, invented
from checkers.consistency.finding import Finding
from checkers.consistency.levels import SESSION_GUARANTEES, WEAKER, Level
from checkers.consistency.record import Record, record_of
from checkers.consistency.refute import Wishes, all_keys, by_key, causal_witness, wishes
from checkers.consistency.write_order import Circle
from checkers.events import EventType
from checkers.history import READS, History
from checkers.linearizability import Linearizability
from checkers.sequential.steps import INITIAL, Step, encode, steps
from checkers.verdict import Result, Verdict

Findings = dict[Level, Finding]

_REGISTER: Final = (*READS, "write", "put", "cas")
_STARTS: Final = ("kill", "power", "memory", "disk", "replace")
"""Faults that end servers, and start them when they end."""
_NULL: Final = b"null where null is not the initial value"


@dataclass(frozen=True)
class Graded:
    findings: Mapping[Level, Finding]
    record: Record | None
    """None for operations that have no steps (appends)."""


def grade(history: History, mode: str | None, initial: Any, restarts: Sequence[int], budget: Budget) -> Graded:
    """All levels of the reads that were asked for in this mode, with all writes."""
    own = only_mode(history, mode)
    findings: Findings = {Level.LINEARIZABLE: _linearizable(own, initial, budget)}
    record = None
    if all(operation.f in _REGISTER for operation in own.operations):
        record = record_of(_normal(steps(own.operations), encode(initial)), INITIAL, restarts)
    if findings[Level.LINEARIZABLE].holds:
        _follow(findings, Level.LINEARIZABLE)
    elif record is None:
        _all_others(findings, Finding(None, "appended values tell nobody which writes they come from"))
    else:
        _grade_steps(findings, record, own, initial, budget)
        _in_time(findings, Level.EVENTUAL, lambda: _eventual(own, record))
    return Graded({level: findings[level] for level in Level}, record)


def only_mode(history: History, mode: str | None) -> History:
    """The history with the reads of this mode alone. Event indexes stay as they are."""
    others = {op.invoked for op in history.operations if op.f in READS and op.invoke.read != mode}
    if not others:
        return history
    others |= {op.completion.index for op in history.operations if op.invoked in others and op.completion is not None}
    return replace(history, events=[event for event in history.events if event.index not in others])


def _normal(all_steps: Sequence[Step], initial: bytes) -> Sequence[Step]:
    """The same with null for the initial value."""
    if initial == INITIAL:
        return all_steps
    new = {initial: INITIAL, INITIAL: _NULL}
    return [replace(s, reads=_new(s.reads, new), writes=_new(s.writes, new)) for s in all_steps]


def _new(value: bytes | None, new: Mapping[bytes, bytes]) -> bytes | None:
    return None if value is None else new.get(value, value)


def _linearizable(history: History, initial: Any, budget: Budget) -> Finding:
    result = _time_bound(lambda: Linearizability(initial=initial).check(Recording(history), budget))
    if result is None:
        return Finding(None, "time ran out")
    holds = {Verdict.VALID: True, Verdict.INVALID: False}.get(result.verdict)
    return Finding(holds, result.reason or result.algorithm or "", result.anomalies)


def _time_bound(ask: Callable[[], Result]) -> Result | None:
    try:
        return ask()
    except OutOfTime:
        return None


def _in_time(findings: Findings, level: Level, ask: Callable[[], Finding]) -> None:
    if level not in findings:
        try:
            findings[level] = ask()
        except OutOfTime:
            findings[level] = Finding(None, "time ran out")


def _follow(findings: Findings, level: Level) -> None:
    for weaker in WEAKER[level]:
        findings.setdefault(weaker, Finding(True, f"follows from {level.value}"))


def _all_others(findings: Findings, finding: Finding) -> None:
    for level in Level:
        findings.setdefault(level, finding)


def _grade_steps(findings: Findings, record: Record, history: History, initial: Any, budget: Budget) -> None:
    """The levels from sequential down to the session guarantees."""
    past_based = [level for level in Level if level not in (Level.LINEARIZABLE, Level.EVENTUAL)]
    why_not = _without_any_order(record, history, initial, budget)
    if why_not is not None:
        findings.update(dict.fromkeys(past_based, why_not))
        return
    claimed = sequential.claimed(record.steps)
    if claimed is not None:
        findings[Level.SEQUENTIAL] = claimed
        _follow(findings, Level.SEQUENTIAL)
        return
    try:
        _grade_pasts(findings, record, budget)
    except OutOfTime:
        for level in past_based:
            findings.setdefault(level, Finding(None, "time ran out"))


def _without_any_order(record: Record, history: History, initial: Any, budget: Budget) -> Finding | None:
    """Why no level holds, or why nothing can be said, before reads are looked at one by one."""
    if record.invented:
        return Finding(False, "a value from nowhere", [invented(record, number) for number in record.invented[:1]])
    writes = replace(history, events=[event for event in history.events if event.f not in READS])
    finding = _linearizable(writes, initial, budget)
    if finding.holds is None:
        return Finding(None, f"whether the writes are linearizable is not known: {finding.how}")
    return None if finding.holds else Finding(False, "the writes alone are not linearizable", finding.anomalies)


def _grade_pasts(findings: Findings, record: Record, budget: Budget) -> None:
    found = wishes(record, (*SESSION_GUARANTEES, Level.CAUSAL), budget)
    assert found is not None, "linearizable writes and no read of the future: nothing precedes itself"
    doubt = _doubt(record)
    for level in SESSION_GUARANTEES:
        circle = by_key(record, found[level], budget)
        findings[level] = _found(record, level, circle, doubt, budget)
    findings[Level.CAUSAL] = _refuted(findings, SESSION_GUARANTEES) or _causal(record, found, doubt, budget)
    refuted = _refuted(findings, [Level.CAUSAL])
    findings[Level.SEQUENTIAL] = refuted or _sequential(record, found, budget)
    if findings[Level.SEQUENTIAL].holds:
        unknown = [level for level in WEAKER[Level.SEQUENTIAL] if findings[level].holds is None]
        findings |= dict.fromkeys(unknown, Finding(True, "follows from sequential"))


def _found(record: Record, level: Level, circle: Circle | None, doubt: Finding | None, budget: Budget) -> Finding:
    if circle is not None:
        return Finding(False, "a circle in the order of the writes", [explain(record, level, circle, budget)])
    return doubt or Finding(True, "no circle in the order of the writes")


def _refuted(findings: Findings, weaker: Sequence[Level]) -> Finding | None:
    """What refutes a weaker level refutes a stronger one."""
    broken = next((level for level in weaker if findings[level].holds is False), None)
    return None if broken is None else Finding(False, f"not {broken.value}", findings[broken].anomalies)


def _causal(record: Record, found: Mapping[Level, Wishes], doubt: Finding | None, budget: Budget) -> Finding:
    wanted = found[Level.CAUSAL]
    circle = by_key(record, wanted, budget) or all_keys(record, wanted, budget)
    if circle is None and doubt is None and causal_witness(record, wanted, budget) is None:
        return Finding(None, "compare-and-sets leave too many orders open")
    return _found(record, Level.CAUSAL, circle, doubt, budget)


def _sequential(record: Record, found: Mapping[Level, Wishes], budget: Budget) -> Finding:
    built = sequential.built(record, found[Level.CAUSAL].values(), budget)
    return built or sequential.searched(record, budget)


def _doubt(record: Record) -> Finding | None:
    if not record.ambiguous:
        return None
    first = record.steps[record.ambiguous[0]].operation
    return Finding(
        None,
        f"{len(record.ambiguous)} operations saw values that more than one write may have put there, the first at "
        f"event {first.invoked}",
    )


def _eventual(history: History, record: Record) -> Finding:
    quiet = quiet_of(history)
    found = converged(record.steps, quiet.after, INITIAL)
    if not found.final_reads:
        return Finding(None, "no read was invoked when all writes had ended and all faults were lifted")
    if found.anomalies and not quiet.settled:
        return Finding(None, "final reads disagree, but nodes perhaps had no time to catch up", found.anomalies)
    if found.anomalies:
        return Finding(False, "final reads", found.anomalies)
    return Finding(True, f"{found.final_reads:,} final reads agree")


def restarts(history: History) -> list[int]:
    """Event indexes at which nodes were stopped or started: a node's state may go back there. While nodes are restarted
    again and again (`restart`) that is everywhere, for those restarts have no events of their own."""
    found = {event.index for event in history.nemesis if event.f in _STARTS or event.type is EventType.INFO}
    begun: dict[str | None, int] = {}
    for event in history.nemesis:
        if event.f != "restart":
            continue
        if event.fault not in begun:
            begun[event.fault] = event.index
        found.update(range(begun[event.fault], event.index + 1))
    return sorted(found)
