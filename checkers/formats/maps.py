"""What the EDN formats share: a history is maps, in one vector or list, or one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from checkers.formats.building import Line
from checkers.formats.edn import elements_of
from checkers.formats.text import decoded
from checkers.history import HistoryError


def maps_of(data: bytes) -> Iterator[tuple[int, dict[Any, Any]]]:
    """Each map with the line on which it begins. Raises HistoryError."""
    for line, element in elements_of(decoded(data)):
        if not isinstance(element, dict):
            raise HistoryError(line, f"{shown(element)} is not a map")
        yield line, element


def line_of(line: int, element: dict[Any, Any], needed: Sequence[str]) -> Line:
    """Raises HistoryError for a map that lacks what is `needed`."""
    get = element.get
    missing = [f":{name}" for name in needed if name not in element]
    if missing:
        raise HistoryError(line, f"an event without {' and '.join(missing)}")
    return Line(line, *map(get, ("process", "type", "f", "value", "key", "error", "index", "time", "independent/key")))


def shown(value: Any) -> str:
    """For sentences: not the whole of what is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
