"""How soon after a fault was lifted the system served again.

Of each fault, from the nemesis event that tells that it was lifted (or, where it was not lifted by itself, that all was
healed), three times: to the first answer, to the first answer to a write, and to the first second of normal throughput.
Normal is at least half of the median of the calm seconds: those in which no fault was in force and something was asked.
Answers count that were recorded after that event.

Where another fault is in force meanwhile, the times tell of both. So they are given with the others that were in force
between the lifting and the first answers, to a write too; such times are not held against a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from checkers.events import Event, EventType
from checkers.history import Operation
from checkers.invariants.served import NS, Times, done_ns, is_served, is_write

NORMAL_SHARE: Final = 0.5
HEAL: Final = "heal"
TIMES: Final = ("first_ok_ms", "first_write_ms", "normal_ms")


@dataclass
class Window:
    """A fault that was in force, from when it was asked for to the event that tells that it was lifted, if any does."""

    fault: str
    kind: str
    begin_ns: int
    end: Event | None = None

    @property
    def end_ns(self) -> int:
        return 1 << 62 if self.end is None else self.end.time


def windows(nemesis: Sequence[Event]) -> list[Window]:
    """The faults that took effect, or may have, in the order in which they were begun."""
    begun: dict[str, int] = {}
    found: dict[str, Window] = {}
    for event in nemesis:
        if event.f == HEAL and event.type is EventType.OK:
            for window in found.values():
                window.end = window.end or event
        elif event.fault is not None:
            _place(event, event.fault, begun, found)
    return list(found.values())


def _place(event: Event, fault: str, begun: dict[str, int], found: dict[str, Window]) -> None:
    action = event.value.get("action") if isinstance(event.value, dict) else None
    if event.type is EventType.INVOKE:
        if action == "begin":
            begun[fault] = event.time
    elif action == "begin" and event.type is not EventType.FAIL:
        found[fault] = Window(fault, event.f, begun.get(fault, event.time))
    elif action == "end" and event.type is EventType.OK and fault in found:
        found[fault].end = event


class Recovery:
    """Over all operations of a run."""

    def __init__(self, operations: Sequence[Operation], nemesis: Sequence[Event]) -> None:
        self.windows = windows(nemesis)
        served = sorted(
            (op.completion.index, done_ns(op), is_write(op))
            for op in operations
            if op.completion is not None and is_served(op)
        )
        self._indexes = np.array([index for index, _, _ in served], dtype=np.int64)
        self._times = np.array([time_ns for _, time_ns, _ in served], dtype=np.int64)
        self._writes = np.flatnonzero(np.array([write for _, _, write in served], dtype=bool))
        calls = [(op.invoke.time, is_write(op)) for op in operations]
        self.last_calls_ns = (
            max((time_ns for time_ns, _ in calls), default=0),
            max((time_ns for time_ns, write in calls if write), default=0),
        )
        """When the last operation was called, and the last write."""
        self.normal = self._calm_rate(operations, nemesis)
        """Served a second in calm seconds; None without any."""
        per_second = np.searchsorted(self._times, self._times + NS) - np.arange(len(self._times))
        self._normal_from = (
            np.flatnonzero(per_second >= self._enough()) if self.normal else np.array([], dtype=np.int64)
        )

    def _enough(self) -> float:
        return NORMAL_SHARE * (self.normal or 0)

    def _calm_rate(self, operations: Sequence[Operation], nemesis: Sequence[Event]) -> float | None:
        """The median of served operations in calm seconds of the main phase, which ends with the healing."""
        healed = [event.time for event in nemesis if event.f == HEAL and event.type is EventType.INVOKE]
        seconds = min([self.last_calls_ns[0], *healed]) // NS
        asked = _per_second(np.array([op.invoke.time for op in operations], dtype=np.int64), seconds)
        calm = asked > 0
        for window in self.windows:
            calm[window.begin_ns // NS : min(window.end_ns // NS + 1, seconds)] = False
        return float(np.median(_per_second(self._times, seconds)[calm])) if calm.any() else None

    def rows(self) -> list[dict[str, Any]]:
        return [self._row(window) for window in self.windows]

    def _row(self, window: Window) -> dict[str, Any]:
        row: dict[str, Any] = {"fault": window.fault, "kind": window.kind, "lifted_s": None, **dict.fromkeys(TIMES)}
        row["meanwhile"] = []
        if window.end is None:
            return row
        row["lifted_s"] = round(window.end.time / NS, 3)
        times_ns = dict(zip(TIMES, self._times_after(window.end), strict=True))
        row |= {name: None if time_ns is None else round(time_ns / 1e6, 1) for name, time_ns in times_ns.items()}
        answers = [time_ns for name, time_ns in times_ns.items() if name != "normal_ms" and time_ns is not None]
        until_ns = window.end.time + max(answers, default=0)
        row["meanwhile"] = [
            other.fault
            for other in self.windows
            if other is not window and other.begin_ns <= until_ns and other.end_ns > window.end.time
        ]
        return row

    def _times_after(self, end: Event) -> tuple[int | None, int | None, int | None]:
        """To the first answer, the first to a write, and the first normal second, in nanoseconds."""
        first = int(np.searchsorted(self._indexes, end.index))
        write = int(np.searchsorted(self._writes, first))
        answer_ns = int(self._times[first]) - end.time if first < len(self._times) else None
        write_ns = int(self._times[self._writes[write]]) - end.time if write < len(self._writes) else None
        return answer_ns, write_ns, self._normal_after(end.time, first)

    def _normal_after(self, end_ns: int, first: int) -> int | None:
        if not self.normal:
            return None
        at_once = int(np.searchsorted(self._times, end_ns + NS)) - first
        if at_once >= self._enough():
            return 0
        place = int(np.searchsorted(self._normal_from, first))
        return int(self._times[self._normal_from[place]]) - end_ns if place < len(self._normal_from) else None


def _per_second(times: Times, seconds: int) -> Times:
    counts: Times = np.bincount(times // NS, minlength=seconds)[:seconds]
    return counts


def by_kind(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each kind of fault: how many were lifted, and median and worst of each time (null where there is none)."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["lifted_s"] is not None:
            kinds.setdefault(row["kind"], []).append(row)
    return [
        {"kind": kind, "lifted": len(own)} | {name: _middle_and_worst([row[name] for row in own]) for name in TIMES}
        for kind, own in kinds.items()
    ]


def _middle_and_worst(times_ms: Sequence[float | None]) -> dict[str, float] | None:
    known = sorted(time_ms for time_ms in times_ms if time_ms is not None)
    return {"p50": known[len(known) // 2], "max": known[-1]} if known else None
