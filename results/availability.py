"""What the availability checker found, as rows: for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from results.report.faults import Fault
from results.report.values import listing, mapping, mappings, plain

CHECKER: Final = "availability"
RECOVERY: Final = (("first_ok_ms", "first answer"), ("first_write_ms", "first write"), ("normal_ms", "normal rate"))
"""The times after a fault, and their titles."""
MOST_OTHERS: Final = 12


def availability(verdict: Mapping[str, Any]) -> Mapping[str, Any]:
    """The details of its result; empty where there is none."""
    results = mappings(verdict.get("checkers"))
    return next((mapping(one.get("details")) for one in results if one.get("checker") == CHECKER), {})


def share_text(share: Any) -> str:
    """ "99.2 %", cut and not rounded up: only all is 100 %."""
    if not isinstance(share, int | float):
        return "–"
    return "100 %" if share >= 1 else f"{int(share * 1000) / 10:.1f} %"


def gap_text(row: Mapping[str, Any]) -> str:
    """ "3.050 s, from 2.000 s" """
    length, begin = row.get("longest_gap_s"), row.get("longest_gap_from_s")
    if not isinstance(length, int | float) or not isinstance(begin, int | float):
        return "–"
    return f"{length:.3f} s, from {begin:.3f} s"


def time_text(time_ms: Any) -> str:
    """ "12 ms", "1.05 s", "never" """
    if not isinstance(time_ms, int | float):
        return "never"
    return f"{time_ms / 1000:.2f} s" if time_ms >= 1000 else f"{time_ms:.0f} ms"


def median_and_worst(times: Any) -> str:
    """ "12 ms, 1.05 s" """
    known = mapping(times)
    if not known:
        return "never"
    return f"{time_text(known.get('p50'))}, {time_text(known.get('max'))}"


def by_fault(details: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The times after each fault that was lifted, by the fault's id, and which others were in force meanwhile."""
    return {
        plain(row.get("fault"), 40): {
            "times": [(title, time_text(row.get(name))) for name, title in RECOVERY],
            "meanwhile": ", ".join(plain(one, 40) for one in listing(row.get("meanwhile"))[:MOST_OTHERS]),
        }
        for row in mappings(details.get("recovery"))
        if row.get("lifted_s") is not None
    }


def by_kind(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Median and worst of those times, for each kind of fault."""
    return [
        {
            "kind": plain(row.get("kind"), 40),
            "lifted": plain(row.get("lifted"), 20),
            "times": [median_and_worst(row.get(name)) for name, _ in RECOVERY],
        }
        for row in mappings(details.get("recovery_by_kind"))
    ]


def stretch_s(details: Mapping[str, Any]) -> float:
    """The width of a stretch of time in which shares are told."""
    width = details.get("width_s")
    return width if isinstance(width, int | float) and width > 0 else 1


def strips(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Workloads, then nodes: each with its numbers and, for each stretch of time in which operations ended, its place
    and the share that was served."""
    groups = [("workload", row) for row in mappings(details.get("workloads"))]
    groups += [("node", row) for row in mappings(details.get("nodes"))]
    return [
        {
            "what": what,
            "name": plain(row.get("name"), 40),
            "operations": row.get("operations"),
            "share": share_text(row.get("share")),
            "gap": gap_text(row),
            "bars": [
                (at, share) for at, share in enumerate(listing(row.get("shares"))) if isinstance(share, int | float)
            ],
            "length": len(listing(row.get("shares"))),
        }
        for what, row in groups
    ]


def _is_share(share: Any) -> bool:
    return isinstance(share, int | float) and 0 <= share <= 1


def spans(faults: Sequence[Fault], kinds: Sequence[str], end_ns: int, width_s: float) -> list[dict[str, Any]]:
    """For each kind of fault, when one was in force: begin and length in stretches of time."""
    scale = 1e9 * width_s
    rows = []
    for kind in kinds:
        own = [fault for fault in faults if fault.kind == kind and fault.in_force]
        bars = [(fault.from_ns / scale, (fault.to_ns(end_ns) - fault.from_ns) / scale, fault.name) for fault in own]
        rows += [{"kind": kind, "bars": bars}] if bars else []
    return rows
