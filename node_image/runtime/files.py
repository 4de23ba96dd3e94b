"""The data folder: what is written, and what is durable.

A `Write` stays in this process's memory. `Sync` hands what has gathered to the kernel and calls fdatasync, in a thread
of its own, so that heartbeats go on while the disk works. So a killed process loses exactly what was not synced, as a
machine without power would. (The kernel keeps what it was given when a process is killed: writing early would hide
every mistake in what is synced before what is said.) Snapshots have another thread: a large one holds up no log.

A failed write or fsync ends the process. After a failed fsync the kernel may have dropped the bytes and call the next
fsync a success, so there is nothing to try again; recovery reads what the disk really has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

_TEMPORARY: Final = ".tmp"

Job = Callable[[], None]


class Worker:
    """A thread that does one job after another. `failed` is called in the thread with the first OSError; after it no
    other job is done."""

    def __init__(self, name: str, failed: Callable[[OSError], None]) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._failed = failed
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        self._jobs.put(job)

    def close(self) -> None:
        """Returns when all that was submitted is done."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (job := self._jobs.get()) is not None:
                job()
        except OSError as error:
            self._failed(error)


class Files:
    """`synced` and `failed` are called in threads of this object."""

    def __init__(self, folder: Path, synced: Callable[[int], None], failed: Callable[[OSError], None]) -> None:
        """Raises OSError if the folder is not there and cannot be made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._synced = synced
        self._gathered: dict[str, bytearray] = {}
        self._descriptors: dict[str, int] = {}
        """Of files that were appended to; belongs to the log's thread."""
        self._log = Worker("log", failed)
        self._snapshots = Worker("snapshots", failed)

    def read(self) -> dict[str, bytes]:
        """Everything that is there, by name. An unfinished replacement is nothing, and is removed."""
        for unfinished in self._folder.glob("*" + _TEMPORARY):
            unfinished.unlink()
        return {path.name: path.read_bytes() for path in sorted(self._folder.iterdir()) if path.is_file()}

    def write(self, file: str, data: bytes) -> None:
        self._gathered.setdefault(file, bytearray()).extend(data)

    def sync(self, file: str, token: int) -> None:
        """`synced(token)` follows when all that was written to the file until now is durable."""
        data = self._gathered.pop(file, b"")
        self._log.submit(partial(self._append, file, data, token))

    def replace(self, file: str, data: bytes, token: int) -> None:
        """`synced(token)` follows when the file durably has these contents; until then it has the old ones."""
        self._snapshots.submit(partial(self._replace, file, data, token))

    def remove(self, file: str) -> None:
        self._gathered.pop(file, None)
        self._log.submit(partial(self._remove, file))

    def truncate(self, file: str, size: int) -> None:
        """At once: recovery waits for it. Raises OSError."""
        with open(self._folder / file, "r+b") as opened:
            opened.truncate(size)
            os.fsync(opened.fileno())

    def close(self) -> None:
        """Writes and syncs what is left."""
        while self._gathered:
            self._log.submit(partial(self._append, *self._gathered.popitem(), None))
        self._log.close()
        self._snapshots.close()
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])

    def _append(self, file: str, data: bytes | bytearray, token: int | None) -> None:
        descriptor = self._descriptors.get(file)
        if descriptor is None:
            descriptor = self._descriptors[file] = self._open(file)
        _write_all(descriptor, data)
        os.fdatasync(descriptor)
        if token is not None:
            self._synced(token)

    def _open(self, file: str) -> int:
        path = self._folder / file
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if is_new:
            _sync_folder(self._folder)
        return descriptor

    def _replace(self, file: str, data: bytes, token: int) -> None:
        temporary = self._folder / (file + _TEMPORARY)
        with open(temporary, "wb", buffering=0) as opened:
            _write_all(opened.fileno(), data)
            os.fsync(opened.fileno())
        os.replace(temporary, self._folder / file)
        _sync_folder(self._folder)
        self._synced(token)

    def _remove(self, file: str) -> None:
        descriptor = self._descriptors.pop(file, None)
        if descriptor is not None:
            os.close(descriptor)
        (self._folder / file).unlink(missing_ok=True)


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
