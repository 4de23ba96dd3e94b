"""Fault coverage: were the faults that were asked for really there?

A fault is believed only with evidence from what it hit, recorded on the nemesis events: `ok` for a begin or an end
that took effect, `fail` for one that did not, `info` where the harness lost control. A run in which a kind of fault
that was asked for never took effect is unknown, not valid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from checkers.checker import Budget, Recording
from checkers.events import Event, EventType
from checkers.verdict import Result, Verdict


@dataclass(frozen=True)
class FaultCoverage:
    name: str = "faults"

    def check(self, recording: Recording, budget: Budget) -> Result:
        table = coverage(recording.history.nemesis, recording.asked_faults)
        reasons = [reason for row in table if (reason := _missing(row))]
        return Result(
            checker=self.name,
            verdict=Verdict.UNKNOWN if reasons else Verdict.VALID,
            reason="; ".join(reasons) or None,
            operations=sum(row["asked"] for row in table),
            details={"faults": table},
        )


def _missing(row: Mapping[str, Any]) -> str | None:
    if row["effective"]:
        return None
    if not row["asked"]:
        return f"no {row['kind']} was begun: the run was too short for it"
    return f"no {row['kind']} took effect of {row['asked']} asked for ({row['reason']})"


def coverage(nemesis: Sequence[Event], asked_kinds: Sequence[str]) -> list[dict[str, Any]]:
    """For each kind of fault: how many were asked for, took effect, and were lifted, and the last reason of one
    that did not take effect."""
    kinds = dict.fromkeys([*asked_kinds, *(event.f for event in nemesis if event.fault is not None)])
    rows = {kind: {"kind": kind, "asked": 0, "effective": 0, "lifted": 0, "reason": None} for kind in kinds}
    for event in nemesis:
        if event.fault is not None:
            _count(rows[event.f], event)
    return list(rows.values())


def _count(row: dict[str, Any], event: Event) -> None:
    ended = _action(event) == "end"
    if event.type is EventType.INVOKE:
        row["asked"] += not ended
    elif event.type is EventType.OK:
        row["lifted" if ended else "effective"] += 1
    elif not ended:
        row["reason"] = event.error


def _action(event: Event) -> str:
    return str(event.value.get("action")) if isinstance(event.value, dict) else ""
