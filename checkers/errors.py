"""What can be wrong with a history that is to be read."""

from __future__ import annotations


class HistoryError(ValueError):
    """The bytes are not a history. `line` counts from 1. `why` may quote them, but is always one line that can be
    printed."""

    def __init__(self, line: int, why: str) -> None:
        why = why if why.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in why)
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why
