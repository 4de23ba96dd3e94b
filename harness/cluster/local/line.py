"""The harness's end of the relay: starts it, tells it what to do, and ends it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from harness.cluster.local.relay.commands import Begin, Command, Done, PathState, Request
from harness.errors import CannotRun, ControlError

LOG: Final = "relay.log"
"""In the run's folder: what it has to say, which is nothing as long as all is well."""
_ANSWER_S: Final = 10.0
_MOST_ANSWER_BYTES: Final = 1 << 24


class RelayLine:
    """One relay. Whoever asks it something waits for the answer to just that."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Done]] = {}
        self._listening = asyncio.ensure_future(self._listen())

    async def tell(self, command: Command) -> list[PathState]:
        """How the paths are, where that was asked for. Raises ControlError."""
        return (await self.ask(command)).paths

    async def ask(self, command: Command | Begin) -> Done:
        """Raises ControlError."""
        assert self._process.stdin is not None
        if self._listening.done():
            raise self._error("is gone")
        number = next(self._numbers)
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._process.stdin.write(msgspec.json.encode(Request(number, command)) + b"\n")
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        except TimeoutError as error:
            raise self._error("does not answer") from error
        finally:
            del self._asked[number]

    async def _listen(self) -> None:
        """Until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            done = msgspec.json.decode(line, type=Done)
            answer = self._asked.get(done.number)
            if answer is not None and not answer.done():
                answer.set_result(done)
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(self._error("is gone"))

    def _error(self, trouble: str) -> ControlError:
        said = self._log.read_text("utf-8", "replace").strip() if self._log.exists() else ""
        words = f": {said.splitlines()[-1]}" if said else ""
        return ControlError(f"The relay of the links between nodes {trouble}{words}.")

    def let_go(self) -> None:
        """It hears that nobody tells it anything any more: it ends, unless it is to stay."""
        self._listening.cancel()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def end(self) -> None:
        """Kills it. Safe to call twice."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await asyncio.wait([self._listening])


async def start_relay(begin: Begin, environment: Mapping[str, str]) -> tuple[RelayLine, dict[str, int]]:
    """The relay, and by node the port that it listens on. Raises CannotRun."""
    log = Path(begin.folder) / LOG
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # what lies in the folder that a run is started in is none of the relay's modules
            "-m",
            "harness.cluster.local.relay",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            env=environment,
            start_new_session=True,  # Ctrl-C is the harness's to answer
            limit=_MOST_ANSWER_BYTES,
        )
    line = RelayLine(process, log)
    try:
        return line, (await line.ask(begin)).ports
    except ControlError as error:
        await line.end()
        raise CannotRun(f"The relay of the links between nodes could not be started: {error}") from error
    except BaseException:
        await line.end()
        raise
