"""What recovery refuses."""

from __future__ import annotations


class Corrupt(Exception):
    """Stored bytes that were once durable are damaged or missing: the node must not start from them, for it would
    forget what it has promised. `offset` is the first byte that cannot be believed."""

    def __init__(self, file: str, offset: int, why: str) -> None:
        super().__init__(f"{file} is damaged at byte {offset}: {why}")
        self.file = file
        self.offset = offset
        self.why = why
