"""What was found out about one level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from checkers.verdict import Anomaly


@dataclass(frozen=True)
class Finding:
    """`holds` None: unknown, and `how` says why; else `how` says how it was decided."""

    holds: bool | None
    how: str
    anomalies: Sequence[Anomaly] = ()
