"""From what a foreign line says to one of our events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS, Event, EventType
from checkers.history import READS, HistoryError

FUNCTIONS: Final = ("read", "write", "cas", "get", "put", "append")
EVENT_NS: Final = 1_000_000
"""Foreign files have no times that we could use, so their clock ticks once an event."""
READ_OF_NIL: Final = "read-of-nil: it says nothing"


class Builder:
    """Collects events. `nil_reads_say_nothing`: an ok read of nil matches any state, so its outcome is info."""

    def __init__(self, *, nil_reads_say_nothing: bool = False) -> None:
        self.events: list[Event] = []
        self._nil_reads_say_nothing = nil_reads_say_nothing
        self._open: dict[int | str, str] = {}

    def add(self, line: int, process: Any, type_: Any, f: Any, value: Any, key: Any = None, error: Any = None) -> None:
        """Raises HistoryError for what is no event, or does not follow from those before it."""
        event = Event(
            index=len(self.events),
            time=len(self.events) * EVENT_NS,
            process=_process(line, process),
            type=_type(line, type_),
            f=str(f),
            key=None if key is None else str(key),
            value=_json(line, value),
            error=None if error is None else str(error),
        )
        if event.process != NEMESIS:
            event = self._checked(line, event)
        self.events.append(event)

    def _checked(self, line: int, event: Event) -> Event:
        _check_operation(line, event)
        if event.type is EventType.INVOKE:
            if event.process in self._open:
                raise HistoryError(line, f"process {event.process} invokes before its last operation completed")
            self._open[event.process] = event.f
        elif self._open.pop(event.process, None) != event.f:
            raise HistoryError(line, f"process {event.process} completes a {event.f} that it never invoked")
        empty_read = event.f in READS and event.value is None and event.type is EventType.OK
        if empty_read and self._nil_reads_say_nothing:
            return msgspec.structs.replace(event, type=EventType.INFO, error=READ_OF_NIL)
        return event


def _process(line: int, process: Any) -> int | str:
    if process == NEMESIS or (isinstance(process, int) and not isinstance(process, bool)):
        return NEMESIS if process == NEMESIS else process
    raise HistoryError(line, f"process {process!r} is neither a number nor nemesis")


def _type(line: int, type_: Any) -> EventType:
    try:
        return EventType(type_)
    except ValueError:
        raise HistoryError(line, f"type {type_!r} is not one of invoke, ok, fail, info") from None


def _check_operation(line: int, event: Event) -> None:
    if event.f not in FUNCTIONS:
        raise HistoryError(line, f"{event.f!r} is not one of {', '.join(FUNCTIONS)}")
    if event.f == "cas" and event.type is not EventType.INFO and not _is_pair(event.value):
        raise HistoryError(line, f"a cas needs [expected new], not {event.value!r}")


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2


def _json(line: int, value: Any) -> Any:
    """EDN values as JSON values: names as strings, sequences as arrays, maps with names or strings as objects."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [_json(line, each) for each in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {str(name): _json(line, each) for name, each in value.items()}
    if isinstance(value, frozenset):
        return sorted((_json(line, each) for each in value), key=repr)
    raise HistoryError(line, f"{value!r} has no JSON form")
