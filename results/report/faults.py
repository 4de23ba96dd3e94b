"""Faults, out of the nemesis events: each begin paired with its end by the fault's id.

A fault may have held from the moment its beginning was asked for until its lifting was confirmed; that is what is
shaded. One that never took effect was never in force. One that was never lifted holds to the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from checkers.events import Event, EventType
from results.report.values import mapping, plain, shorten

KNOWN_KINDS: Final = ("partition", "kill", "pause", "clock")
"""They keep their colours from report to report; other kinds take the colours after these."""
COLOURS: Final = 8


@dataclass
class Fault:
    id: str
    kind: str
    variant: str = ""
    targets: str = ""
    begin: Event | None = None
    begun: Event | None = None
    end: Event | None = None
    ended: Event | None = None

    @property
    def effective(self) -> bool:
        return self.begun is not None and self.begun.type is EventType.OK

    @property
    def lifted(self) -> bool:
        return self.ended is not None and self.ended.type is EventType.OK

    @property
    def uncertain(self) -> bool:
        """The harness lost control, or was killed, while it began the fault."""
        return self.begun is None or self.begun.type is EventType.INFO

    @property
    def in_force(self) -> bool:
        return self.effective or self.uncertain

    @property
    def from_ns(self) -> int:
        event = self.begin or self.begun or self.end or self.ended
        return event.time if event is not None else 0

    def to_ns(self, end_ns: int) -> int:
        """When it was lifted, or `end_ns` if it never was."""
        return self.ended.time if self.lifted and self.ended is not None else max(end_ns, self.from_ns)

    @property
    def why_not(self) -> str:
        """The reason of a fault that did not take effect."""
        return plain(self.begun.error or "", 300) if self.begun is not None and not self.effective else ""

    @property
    def events(self) -> list[Event]:
        return [event for event in (self.begin, self.begun, self.end, self.ended) if event is not None]

    @property
    def name(self) -> str:
        """ "f3 partition isolate-leader n2", short enough to be a label."""
        return shorten(" ".join(part for part in (self.id, self.kind, self.variant, self.targets) if part), 60)


def pair(nemesis: Iterable[Event]) -> list[Fault]:
    """Faults in the order in which they were begun. Events without an id (healings) are no faults."""
    faults: dict[str, Fault] = {}
    for event in nemesis:
        if event.fault is not None:
            fault = faults.setdefault(event.fault, Fault(plain(event.fault, 40), plain(event.f, 40)))
            _place(fault, event)
    return list(faults.values())


def _place(fault: Fault, event: Event) -> None:
    value = mapping(event.value)
    fault.variant = fault.variant or plain(value.get("variant") or "", 40)
    fault.targets = fault.targets or targets_text(value.get("groups") or value.get("targets"))
    ends = value.get("action") == "end" or (fault.begun is not None and "action" not in value)
    invoked = event.type is EventType.INVOKE
    setattr(fault, ("end" if invoked else "ended") if ends else ("begin" if invoked else "begun"), event)


def targets_text(targets: Any) -> str:
    """ "n1 n2 | n3 n4 n5" for two sides, "n1 n2" for nodes, "n1: +200 ms" for a mapping."""
    if targets is None:
        return ""
    if isinstance(targets, dict):
        return ", ".join(f"{plain(name, 30)}: {targets_text(part)}" for name, part in targets.items())
    if isinstance(targets, list | tuple):
        nested = any(isinstance(part, list | tuple) for part in targets)
        return (" | " if nested else " ").join(targets_text(part) for part in targets)
    return plain(targets, 60)


def kinds(faults: Iterable[Fault]) -> list[str]:
    """The kinds that occur, the known ones first."""
    seen = {fault.kind for fault in faults}
    return [*(kind for kind in KNOWN_KINDS if kind in seen), *sorted(seen - set(KNOWN_KINDS))]


def colour(kind: str, among: Sequence[str]) -> int:
    """The number of a kind's colour, from 0 to COLOURS - 1."""
    if kind in KNOWN_KINDS:
        return KNOWN_KINDS.index(kind)
    others = [other for other in among if other not in KNOWN_KINDS]
    free = COLOURS - len(KNOWN_KINDS)
    return len(KNOWN_KINDS) + (others.index(kind) % free if kind in others else 0)
