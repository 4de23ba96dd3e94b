"""Our own history.jsonl, where it stands alone and may be anything (a run's own is read by checkers/history.py)."""

from __future__ import annotations

import re
from typing import Any

from checkers.events import NEMESIS
from checkers.formats.edn import MOST_NESTED
from checkers.formats.text import decoded
from checkers.history import History, HistoryError, decode


def read_raftstorm(data: bytes) -> History:
    """Raises HistoryError. A last line that was cut off is left out (History.cut says so), if it may have become an
    event, and if there is one before it."""
    if b"\0" in data or not re.search(rb"\S", data):
        decoded(data)
    history = decode(data.removeprefix(b"\xef\xbb\xbf"))
    rest = data[data.rfind(b"\n") + 1 :] if history.cut else b"{"
    if not history.events or not rest.lstrip().startswith(b"{"):
        raise HistoryError(len(history.events) + 1, "not an event: it neither begins as one nor ends its line")
    if data.count(b"[") + data.count(b"{") > len(history.events) + MOST_NESTED:
        _refuse_deep(history)
    if all(event.process == NEMESIS for event in history.events):
        raise HistoryError(1, "there is no operation of a client in it")
    _ = history.operations
    return history


def _refuse_deep(history: History) -> None:
    for event in history.events:
        if isinstance(event.value, list | dict) and too_deep(event.value):
            raise HistoryError(event.index + 1, f"more than {MOST_NESTED} brackets inside each other")


def too_deep(value: Any, most: int = MOST_NESTED) -> bool:
    members = value.values() if isinstance(value, dict) else value
    return most == 0 or any(too_deep(each, most - 1) for each in members if isinstance(each, list | dict))
