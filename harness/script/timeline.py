"""What a script is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.client import Invocation
from harness.nemesis.commands import Begin, End
from harness.nemesis.schedule import Timed


@dataclass(frozen=True)
class ScriptedFault:
    """`at_s` < `until_s`, seconds since the main phase began. Either a variant, whose targets are chosen when it
    begins, or exact details (FaultKind.exact)."""

    at_s: float
    until_s: float
    kind: str
    variant: str | None = None
    exact: Mapping[str, Any] | None = None
    note: str = ""
    """For people: a comment in the file."""


@dataclass(frozen=True)
class Script:
    """A run's timeline. `operations`: each with its time in nanoseconds since the main phase began and the process that
    it is for, in the order of times; none: the workloads' generators make them up."""

    faults: tuple[ScriptedFault, ...] = ()
    operations: tuple[Invocation, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of fault that there are, sorted."""
        return tuple(sorted({fault.kind for fault in self.faults}))

    def commands(self) -> list[Timed]:
        """What the nemesis is told, in the order of times. Of one instant, what ends comes first."""
        ordered = sorted(self.faults, key=lambda fault: fault.at_s)
        commands = [
            timed
            for number, fault in enumerate(ordered, start=1)
            for timed in (Timed(fault.at_s, _begin(f"f{number}", fault)), Timed(fault.until_s, End(f"f{number}")))
        ]
        return sorted(commands, key=lambda timed: (timed.at_s, isinstance(timed.command, Begin)))


def _begin(name: str, fault: ScriptedFault) -> Begin:
    return Begin(name, fault.kind, fault.variant, insist=True, exact=fault.exact)
