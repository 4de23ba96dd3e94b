"""EDN histories, as Knossos and Porcupine's key-value tests keep them: maps with :process, :type, :f and :value, and
perhaps :key and :error; in one vector or list, or one after another."""

from __future__ import annotations

from typing import Any

from checkers.formats.building import Builder
from checkers.formats.edn import elements_of
from checkers.formats.text import decoded
from checkers.history import History, HistoryError


def read_edn_history(data: bytes, *, nil_reads_say_nothing: bool = False) -> History:
    """Raises HistoryError. `nil_reads_say_nothing`: what Knossos means by an ok read of nil, a read whose value
    is not known; it gets the outcome info."""
    builder = Builder(nil_reads_say_nothing=nil_reads_say_nothing)
    for line, element in elements_of(decoded(data)):
        if not isinstance(element, dict):
            raise HistoryError(line, f"{element!r} is not a map")
        builder.add(line, *_fields(line, element))
    return History(builder.events)


def _fields(line: int, element: dict[Any, Any]) -> tuple[Any, ...]:
    missing = [f":{name}" for name in ("process", "type", "f") if name not in element]
    if missing:
        raise HistoryError(line, f"an event without {' and '.join(missing)}")
    return (*(element[name] for name in ("process", "type", "f")), *map(element.get, ("value", "key", "error")))
