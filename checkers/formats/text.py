"""Bytes as text."""

from __future__ import annotations

from checkers.history import HistoryError


def decoded(data: bytes) -> str:
    """Raises HistoryError with the line for what is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise HistoryError(data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
