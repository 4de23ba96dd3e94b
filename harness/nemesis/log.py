"""What the nemesis writes into the history: an invoke before anything is touched, a completion with the evidence.

`ok`: it took effect, proven. `fail`: it did not (no target, or no effect), and what was done is undone. `info`: the
harness lost control of a node on the way, so nobody knows; the fault counts as in force until it is lifted.
"""

from __future__ import annotations

from typing import Any, Protocol

from checkers.events import NEMESIS, EventType


class EventSink(Protocol):
    """A recorder, as far as the nemesis needs one."""

    def record(
        self,
        *,
        process: int | str,
        type: EventType,
        f: str,
        value: Any,
        error: str | None = None,
        fault: str | None = None,
        evidence: Any = None,
    ) -> object: ...


class Entry:
    """The two events of one thing that the nemesis does."""

    def __init__(self, sink: EventSink, f: str, value: dict[str, Any], *, fault: str | None = None) -> None:
        self._sink, self._f, self._value, self._fault = sink, f, value, fault
        self._record(EventType.INVOKE)

    def ok(self, evidence: Any) -> None:
        self._record(EventType.OK, evidence=evidence)

    def fail(self, error: str, evidence: Any = None) -> None:
        self._record(EventType.FAIL, error=error, evidence=evidence)

    def info(self, error: str, evidence: Any = None) -> None:
        self._record(EventType.INFO, error=error, evidence=evidence)

    def _record(self, type: EventType, *, error: str | None = None, evidence: Any = None) -> None:
        self._sink.record(
            process=NEMESIS,
            type=type,
            f=self._f,
            value=self._value,
            fault=self._fault,
            error=error,
            evidence=evidence,
        )
