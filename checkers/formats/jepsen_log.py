"""Jepsen's log lines: `INFO  jepsen.util - PROCESS :TYPE :F VALUE`, as Jepsen wrote them in 2014.

Lines of other loggers are left out. The value is EDN. A history in this form is of one register.
"""

from __future__ import annotations

import re
from typing import Final

from checkers.formats.building import Builder
from checkers.formats.edn import read_all
from checkers.formats.text import decoded
from checkers.history import History, HistoryError

_LINE: Final = re.compile(r"INFO\s+jepsen\.util\s+-\s+(?P<rest>.*)")
_REST: Final = re.compile(r"(?P<process>\d+|:nemesis)\s+:(?P<type>\S+)\s+:(?P<f>\S+)\s+(?P<value>\S.*)")


def read_jepsen_log(data: bytes) -> History:
    """Raises HistoryError. A file without any such line is no history."""
    builder = Builder()
    for number, line in enumerate(decoded(data).splitlines(), 1):
        if match := _LINE.match(line):
            _add(builder, number, match["rest"].rstrip())
    if not builder.events:
        raise HistoryError(1, "no line of the form 'INFO  jepsen.util - PROCESS :TYPE :F VALUE'")
    return History(builder.events)


def _add(builder: Builder, number: int, rest: str) -> None:
    match = _REST.fullmatch(rest)
    if match is None:
        raise HistoryError(number, f"{rest!r} is not 'PROCESS :TYPE :F VALUE'")
    process = match["process"]
    unknown = match["type"] == "info"
    builder.add(
        number,
        "nemesis" if process == ":nemesis" else int(process),
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
        raise HistoryError(number, f"{text!r} is not one value")
    return values[0]
