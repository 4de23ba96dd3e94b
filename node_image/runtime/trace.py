"""The trace file: what the node was, over time, for checkers that come later (docs/trace-format.md).

Lines are handed to the kernel when the node makes them, so `kill -9` loses none; they are few (`driver.tracer`). `mono`
is the true CLOCK_MONOTONIC: the clock faults that a node is run under change only the time of day.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger("trace")


class TraceFile:
    """Appends, also to the file of an earlier process."""

    def __init__(self, path: Path | None) -> None:
        """None: no trace is wanted. Raises OSError."""
        self._pid = os.getpid()
        self._descriptor: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        """A trace that cannot be written is given up, with one line in the log: the node is worth more."""
        if self._descriptor is None or not records:
            return
        clocks = {"mono": time.monotonic_ns(), "wall": time.time_ns()}
        lines = [json.dumps({**clocks, **record, "pid": self._pid}, separators=(",", ":")) for record in records]
        try:
            os.write(self._descriptor, ("\n".join(lines) + "\n").encode())
        except OSError as error:
            log.error("no more trace is written: %s", error.strerror)
            self.close()

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
