"""From what foreign lines say to a history of ours.

A reader adds what it finds line by line, as it stands; `history` then looks at the whole:

- Order: as in the file; but by `:index` where every event has one of its own and the file is in another order.
- Times: those of the file, if every event has one; else the clock ticks a millisecond an event. They never go back,
  and where they do not begin near zero (as times of day do not), they are counted from the first event.
- Event indexes are positions from 0, without gaps, whatever the file's own are; `History.lines` tells each one's line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS, Event, EventType
from checkers.formats.values import as_json, as_text, name_of
from checkers.history import READS, History, HistoryError

EVENT_NS: Final = 1_000_000
"""How far the clock goes on with an event, where the file has no times."""
DAY_NS: Final = 24 * 3600 * 10**9
MOST: Final = 2**62
"""Greater process numbers and times are none."""
READ_OF_NIL: Final = "read-of-nil: it says nothing"
TYPES: Final = {str(type_): type_ for type_ in EventType}


class Line(msgspec.Struct, gc=False):
    """One event as the file has it: values in EDN's terms, nothing checked."""

    line: int
    process: Any
    type: Any
    f: Any
    value: Any = None
    key: Any = None
    error: Any = None
    index: Any = None
    time: Any = None
    pair_key: Any = None
    """The key that the value is a pair with, as export.py writes it."""


class Builder:
    """`nil_reads_say_nothing`: an ok read of nil matches any state, so its outcome is info. In a transaction on several
    registers, [:read k nil] is left out for the same reason."""

    def __init__(self, *, nil_reads_say_nothing: bool = False) -> None:
        self._nil_reads_say_nothing = nil_reads_say_nothing
        self._open: dict[int | str, tuple[str, str | None]] = {}
        self._keys: dict[str, Any] = {}

    def history(self, lines: Sequence[Line]) -> History:
        """Raises HistoryError for what is no event, does not follow from those before it, or is nothing at all."""
        ordered = in_order(lines)
        recorded = _times(ordered)
        times = recorded or range(0, len(ordered) * EVENT_NS, EVENT_NS)
        events = [self._event(at, line, times[at]) for at, line in enumerate(ordered)]
        if not any(event.process != NEMESIS for event in events):
            raise HistoryError(lines[0].line if lines else 1, "there is no operation of a client in it")
        return History(events, lines=[line.line for line in ordered], timed=recorded is not None)

    def _event(self, index: int, line: Line, time: int) -> Event:
        at = line.line
        process = _process(at, line.process)
        type_ = TYPES.get(line.type) if isinstance(line.type, str) else None
        if type_ is None:
            raise HistoryError(at, f"type {line.type!r} is not one of {', '.join(TYPES)}")
        if not isinstance(line.f, str):
            raise HistoryError(at, f"f {line.f!r} is no name")
        event = Event(
            index=index,
            time=time,
            process=process,
            type=type_,
            f=str(line.f),
            key=None if line.key is None else self._key(at, line.key),
            value=_nemesis_value(at, line.value) if process == NEMESIS else as_json(at, line.value),
            error=None if line.error is None else _words(at, line.error),
        )
        return event if process == NEMESIS else self._checked(line, event)

    def _key(self, line: int, key: Any) -> str:
        name = name_of(line, key)
        known = self._keys.setdefault(name, key)
        if known is not key and (known != key or type(known) is not type(key)):
            raise HistoryError(line, f"{key!r} and {known!r} are two keys that have the same name")
        return name

    def _checked(self, line: Line, event: Event) -> Event:
        process = event.process
        if event.type is EventType.INVOKE:
            if process in self._open:
                raise HistoryError(line.line, f"process {process} invokes before its last operation completed")
            self._open[process] = event.f, event.key
            return event
        invoked = self._open.pop(process, None)
        if invoked != (event.f, event.key):
            raise HistoryError(line.line, _not_invoked(event, invoked))
        if self._nil_reads_say_nothing and event.type is EventType.OK:
            return _without_nil_reads(line.value, event)
        return event


def _without_nil_reads(value: Any, event: Event) -> Event:
    """`value`: as the file has it, where nil is not yet the same as :nil."""
    if value is None and event.f in READS:
        return msgspec.structs.replace(event, type=EventType.INFO, error=READ_OF_NIL)
    if event.f == "txn" and isinstance(value, list | tuple) and any(map(_reads_nil, value)):
        kept = [each for raw, each in zip(value, event.value, strict=True) if not _reads_nil(raw)]
        return msgspec.structs.replace(event, value=kept)
    return event


def _reads_nil(micro: Any) -> bool:
    return isinstance(micro, list | tuple) and len(micro) == 3 and micro[0] == "read" and micro[2] is None


def _not_invoked(event: Event, invoked: tuple[str, str | None] | None) -> str:
    if invoked is not None and invoked[0] == event.f:
        return f"process {event.process} completes a {event.f} of {event.key} that it invoked of {invoked[1]}"
    return f"process {event.process} completes a {event.f} that it never invoked"


def in_order(lines: Sequence[Line]) -> Sequence[Line]:
    """By index, where that is sane; see above."""
    indexes = [line.index for line in lines]
    if not all(map(_is_whole, indexes)) or len(set(indexes)) != len(indexes):
        return lines
    return sorted(lines, key=lambda line: line.index)


def _times(lines: Sequence[Line]) -> Sequence[int] | None:
    times = [line.time for line in lines]
    if not times or not all(_is_whole(time) and 0 <= time < MOST for time in times):
        return None
    return [*_never_back(times, times[0] if times[0] > DAY_NS else 0)]


def _never_back(times: Iterable[int], start: int) -> Iterable[int]:
    latest = start
    for time in times:
        latest = max(latest, time)
        yield latest - start


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _process(line: int, process: Any) -> int | str:
    if _is_whole(process) and abs(process) < MOST:
        return int(process)
    if isinstance(process, str) and process == NEMESIS:
        return NEMESIS
    raise HistoryError(line, f"process {process!r} is neither a number nor nemesis")


def _words(line: int, error: Any) -> str:
    return str(error) if isinstance(error, str) else as_text(as_json(line, error))


def _nemesis_value(line: int, value: Any) -> Any:
    """It is shown, never judged, so whatever it is will do."""
    try:
        return as_json(line, value)
    except HistoryError:
        return repr(value)
