"""Unique ids: no id is handed out twice.

Two answers with the same id contradict each other whenever they were given; an answer that never came handed out
nothing that anybody knows of.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

from checkers.canonical import canonical
from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import Findings, Told, answered_ns
from checkers.linearizability.words import at, value
from checkers.verdict import Result

PROMISE: Final = "No id is handed out twice."


@dataclass(frozen=True)
class UniqueIds:
    name: str = "unique-ids"

    def check(self, recording: Recording, budget: Budget) -> Result:
        asked = [op for op in recording.history.operations if op.f == "generate"]
        generated = [op for op in asked if op.outcome is EventType.OK]
        findings = Findings()
        first: dict[tuple[str | None, Hashable], Operation] = {}
        for op in generated:
            other = first.setdefault((op.key, canonical(op.value)), op)
            if other is not op:
                _twice(findings, other, op)
        return findings.result(
            self.name,
            PROMISE,
            operations=len(generated),
            unknown=None if generated else "no id was generated",
            asked_for=len(asked),
            generated=len(generated),
            different=len(first),
            range=_range([op.value for op in generated]),
        )


def _twice(findings: Findings, one: Operation, other: Operation) -> None:
    def tell() -> Told:
        text = (
            f"process {one.process} was given the id {value(one.value)} {at(answered_ns(one))}, and process "
            f"{other.process} was given it too {at(answered_ns(other))}"
        )
        return text, (one, other)

    findings.add("duplicated-id", tell, key=one.key, id=one.value)


def _range(ids: list[Any]) -> list[int] | None:
    """The least and the greatest, where ids are whole numbers."""
    return [min(ids), max(ids)] if ids and all(type(one) is int for one in ids) else None
