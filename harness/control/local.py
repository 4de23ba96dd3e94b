"""Control of a node that is a folder on this machine: every command is a shell of this user's.

A command that outlives its time is killed with all that it started, servers apart: those have sessions of their own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

from harness.cluster import Finished
from harness.errors import ControlError


class LocalControl:
    """A `Control`. `environment`: what commands get beside this process's own."""

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._name = name
        self._environment = {**os.environ, **environment}
        self._names = count(1)

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        try:
            shell = await asyncio.create_subprocess_exec(
                "sh",
                "-c",
                command,
                stdin=asyncio.subprocess.PIPE if input else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                start_new_session=True,
            )
        except OSError as error:
            raise self._error(f"no shell could be started ({error.strerror})") from error
        try:
            async with asyncio.timeout(timeout_s):
                stdout, stderr = await shell.communicate(input or None)
        except TimeoutError as error:
            raise self._error(f"`{command.splitlines()[0][:60]}` did not end within {timeout_s:g} s") from error
        finally:
            await _end(shell)
        return Finished(shell.returncode or 0, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    async def read_file(self, path: str) -> bytes:
        """Raises ControlError also where there is no such file."""
        try:
            return await asyncio.to_thread(Path(path).read_bytes)
        except OSError as error:
            raise self._error(f"could not read {path}: {error.strerror}") from error

    async def write_file(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Replaces the file at once: no reader ever sees half of it."""
        scratch = Path(f"{path}.new{next(self._names)}")

        def write() -> None:
            scratch.write_bytes(data)
            scratch.chmod(mode)
            scratch.replace(path)

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            raise self._error(f"could not write {path}: {error.strerror}") from error

    def _error(self, trouble: str) -> ControlError:
        return ControlError(f"Node {self._name} could not be controlled: {trouble}.")


async def _end(shell: asyncio.subprocess.Process) -> None:
    """Nothing of it is left, also where its time was up or who waited for it was cancelled."""
    if shell.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        await shell.wait()
