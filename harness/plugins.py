"""Workloads, systems and faults are found by entry points, so that another package can add its own.

Groups: raftstorm.workloads, raftstorm.systems, raftstorm.faults.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from harness.errors import BadInput


def names(kind: str) -> list[str]:
    """The names there are of a kind: "workload", "system" or "fault"."""
    return sorted({point.name for point in entry_points(group=f"raftstorm.{kind}s")})


def load(kind: str, name: str) -> Any:
    """The object behind a name. Raises BadInput with the nearest name where there is none."""
    for point in entry_points(group=f"raftstorm.{kind}s"):
        if point.name == name:
            return point.load()
    raise unknown(kind, name, names(kind))


def unknown(kind: str, name: str, known: list[str]) -> BadInput:
    """The error for a name that does not exist, with the nearest that does."""
    nearest = get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(known)}."
    return BadInput(f"There is no {kind} named {name!r}: {hint}")
