"""The recorder: one order for everything that happens.

Clients and nemesis record through one object, which gives each event its index and time and appends its line to
history.jsonl with one write to the kernel before it returns. So a harness that is killed, at any moment, loses
nothing that was recorded; at worst the last line is cut, which readers recognise. (It is not synced to the disk: the
history survives the harness, not the machine.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from checkers.events import Event, EventType
from checkers.history import encode
from harness.errors import CannotRun

Observer = Callable[[Event], None]


class Recorder:
    """Appends to a new file at `path`. `now` gives nanoseconds since the run began. Raises CannotRun where the file
    exists or cannot be made."""

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self._path = path
        self._begin(now)
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CannotRun(f"The history {path} cannot be made: {error.strerror}.") from error

    def _begin(self, now: Callable[[], int]) -> None:
        self._now = now
        self._index = 0
        self._time = 0
        self._observers: list[Observer] = []

    def subscribe(self, observer: Observer) -> None:
        """`observer` is called with every event, after it was written and before `record` returns."""
        self._observers.append(observer)

    def record(
        self,
        *,
        process: int | str,
        type: EventType,
        f: str,
        value: Any = None,
        key: str | None = None,
        actual: Any = msgspec.UNSET,
        node: str | None = None,
        error: str | None = None,
        log_index: int | None = None,
        min_index: int | None = None,
        session: str | None = None,
        read: str | None = None,
        fault: str | None = None,
        evidence: Any = None,
    ) -> Event:
        """Appends one event, and returns it with its index and time. Raises CannotRun where it cannot be written;
        the recorder is then closed, since more lines would follow a broken one."""
        self._time = max(self._time, self._now())
        event = Event(
            index=self._index,
            time=self._time,
            process=process,
            type=type,
            f=f,
            key=key,
            value=value,
            actual=actual,
            node=node,
            error=error,
            log_index=log_index,
            min_index=min_index,
            session=session,
            read=read,
            fault=fault,
            evidence=evidence,
        )
        self._append(encode(event))
        self._index += 1
        for observe in self._observers:
            observe(event)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more will be recorded. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, line: bytes) -> None:
        if self._file < 0:
            raise CannotRun(f"The history {self._path} is closed.")
        try:
            written = os.write(self._file, line)
            while written < len(line):
                written += os.write(self._file, line[written:])
        except OSError as error:
            self.close()
            raise CannotRun(f"The history {self._path} cannot be written: {error.strerror}.") from error


class MemoryRecorder(Recorder):
    """Keeps the lines: for runs that nobody can kill half way."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.lines: list[bytes] = []
        self._begin(now)

    def _append(self, line: bytes) -> None:
        self.lines.append(line)

    def close(self) -> None:
        """They stay."""
