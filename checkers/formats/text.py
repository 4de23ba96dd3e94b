"""Bytes as text."""

from __future__ import annotations

from checkers.history import HistoryError


def decoded(data: bytes) -> str:
    """Raises HistoryError, with the line, for what is empty or no text."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HistoryError(data.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
    if (at := text.find("\0")) >= 0:
        raise HistoryError(text.count("\n", 0, at) + 1, "a NUL byte, so this is no text")
    if not text.strip():
        raise HistoryError(1, "there is nothing in it")
    return text
