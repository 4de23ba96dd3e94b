"""What happened in a run, as a script: the faults that took effect, with what they hit, and the operations.

A fault is replayed from the completion of its begin, when it was proven to hold, to the invocation of its end; one
that comes only after so many effects, from the invocation of its begin, since it will wait for as many again. What
never took effect is left out; a fault that was never ended, or only when everything was healed, holds to the end of the
main phase.
"""

from __future__ import annotations

from collections.abc import Iterator

from checkers.events import Event, EventType
from checkers.history import History
from harness import plugins
from harness.client import Invocation
from harness.errors import BadInput
from harness.generator.base import NS
from harness.nemesis.exact import WAITING
from harness.nemesis.fault import FaultKind
from harness.script.timeline import Script, ScriptedFault


def replayed(history: History, *, begins_ns: int, ends_ns: int, operations: bool = False) -> Script:
    """`begins_ns`, `ends_ns`: of the main phase; what began later (final reads) is left out. Raises BadInput for a kind
    of fault that is not installed, or a begin that does not say what it hit."""
    faults = sorted(_faults(history, begins_ns, ends_ns), key=lambda fault: fault.at_s)
    return Script(tuple(faults), tuple(_operations(history, begins_ns, ends_ns)) if operations else ())


def _faults(history: History, begins_ns: int, ends_ns: int) -> Iterator[ScriptedFault]:
    asked = {
        str(event.fault): event.time
        for event in history.nemesis
        if event.fault is not None and event.type is EventType.INVOKE and _action(event) == "begin"
    }
    ended = {
        str(event.fault): event.time
        for event in reversed(history.nemesis)
        if event.fault is not None and event.type is EventType.INVOKE and _action(event) == "end"
    }
    for event in history.nemesis:
        begun = event.fault is not None and event.type is EventType.OK and _action(event) == "begin"
        if begun and begins_ns <= event.time < ends_ns:
            until_ns = min(ended.get(str(event.fault), ends_ns), ends_ns)
            times = asked.get(str(event.fault), event.time), event.time, max(until_ns, event.time + 1)
            yield _fault(event, *(max(time - begins_ns, 0) for time in times))


def _fault(event: Event, asked_ns: int, held_ns: int, until_ns: int) -> ScriptedFault:
    kind: FaultKind = plugins.load("fault", event.f)
    try:
        exact = kind.details_of(event.value)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"Event {event.index} does not say what the {event.f} hit: it cannot be replayed.") from error
    note = f"{event.fault} {event.value.get('variant', '')}".strip()
    at_ns = asked_ns if WAITING & exact.keys() else held_ns
    return ScriptedFault(at_ns / NS, until_ns / NS, event.f, exact=exact, note=note)


def _action(event: Event) -> str:
    return str(event.value.get("action")) if isinstance(event.value, dict) else ""


def _operations(history: History, begins_ns: int, ends_ns: int) -> Iterator[Invocation]:
    for operation in history.operations:
        invoke = operation.invoke
        if begins_ns <= invoke.time < ends_ns:
            yield Invocation(
                f=invoke.f,
                key=invoke.key,
                value=invoke.value,
                read=invoke.read,
                time=invoke.time - begins_ns,
                process=operation.process,
            )
