"""Verdicts: what a checker answers.

Three values, everywhere. A checker that raises or runs out of time is unknown, with the reason; a time-out is never
a pass. Together, invalid beats unknown beats valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec


class Verdict(StrEnum):
    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Anomaly(msgspec.Struct, kw_only=True):
    """Why a history is invalid: operations that contradict each other, each of them needed."""

    kind: str
    """Kebab-case: stale-read, lost-write, two-leaders, ..."""
    text: str
    """The contradiction in words, with processes, values and times in seconds."""
    operations: list[int] = []
    """The event indexes of the invocations that take part."""
    key: str | None = None
    details: dict[str, Any] = {}


class Result(msgspec.Struct, kw_only=True):
    """One checker's answer."""

    checker: str
    verdict: Verdict
    anomalies: list[Anomaly] = []
    reason: str | None = None
    """For unknown: why. For valid: None."""
    algorithm: str | None = None
    """Which algorithm decided, where there is a choice."""
    operations: int = 0
    """How many operations it judged."""
    details: dict[str, Any] = {}
    """Numbers for tables and plots, JSON values only."""
    seconds: float = 0.0


def merge(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of all together: invalid beats unknown beats valid; nothing at all is valid."""
    seen = set(verdicts)
    for verdict in (Verdict.INVALID, Verdict.UNKNOWN):
        if verdict in seen:
            return verdict
    return Verdict.VALID
