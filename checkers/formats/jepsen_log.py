"""Jepsen's log lines: `INFO  jepsen.util - PROCESS :TYPE :F VALUE`, as Jepsen wrote them in 2014.

Lines of other loggers are left out. The value is EDN. A history in this form is of one register.
"""

from __future__ import annotations

import re
from typing import Final

from checkers.events import NEMESIS
from checkers.formats.building import Builder, Line
from checkers.formats.edn import read_all
from checkers.formats.maps import shown
from checkers.formats.text import decoded
from checkers.history import History, HistoryError

_LINE: Final = re.compile(r"INFO\s+jepsen\.util\s+-\s+(?P<rest>.*)")
_REST: Final = re.compile(r"(?P<process>[0-9]{1,18}|:nemesis)\s+:(?P<type>\S+)\s+:(?P<f>\S+)\s+(?P<value>\S.*)")


def read_jepsen_log(data: bytes) -> History:
    """Raises HistoryError. A file without any such line is no history."""
    text = decoded(data)
    lines = text.split("\n")
    found = [
        _event(number, match["rest"].rstrip()) for number, line in enumerate(lines, 1) if (match := _LINE.match(line))
    ]
    if not found:
        raise HistoryError(1, "no line of the form 'INFO  jepsen.util - PROCESS :TYPE :F VALUE'")
    if lines[-1].strip():
        raise HistoryError(len(lines), "the last line does not end: the file was cut in its middle")
    return Builder().history(found)


def _event(number: int, rest: str) -> Line:
    match = _REST.fullmatch(rest)
    if match is None:
        raise HistoryError(number, f"{shown(rest)} is not 'PROCESS :TYPE :F VALUE'")
    unknown = match["type"] == "info"
    return Line(
        number,
        NEMESIS if match["process"] == ":nemesis" else int(match["process"]),
        match["type"],
        match["f"],
        None if unknown else _value(number, match["value"]),
        error=match["value"].removeprefix(":") if unknown else None,
    )


def _value(number: int, text: str) -> object:
    try:
        values = [value for _, value in read_all(text)]
    except HistoryError as error:
        raise HistoryError(number, error.why) from None
    if len(values) != 1:
        raise HistoryError(number, f"{shown(text)} is not one value")
    return values[0]
