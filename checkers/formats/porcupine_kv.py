"""Key-value histories as Porcupine's tests keep them: EDN maps with :process, :type, :f, :key and :value, one a line;
the operations are get, put and append."""

from __future__ import annotations

from typing import Final

from checkers.formats.building import Builder, Line
from checkers.formats.maps import line_of, maps_of
from checkers.history import History, HistoryError

FUNCTIONS: Final = ("get", "put", "append")


def read_porcupine_kv(data: bytes) -> History:
    """Raises HistoryError."""
    needed = ("process", "type", "f", "key")
    return Builder().history([_checked(line_of(line, element, needed)) for line, element in maps_of(data)])


def _checked(line: Line) -> Line:
    if line.f not in FUNCTIONS:
        raise HistoryError(line.line, f"{line.f!r} is not one of {', '.join(FUNCTIONS)}")
    return line
