"""The real world: asyncio, the machine's monotonic clock, TCP.

asyncio cancels what a cancelled coroutine awaits: one waiter that times out would cancel a future that others still
wait for, or a task that was to go on. So futures hand each waiter a future of its own, and tasks are shielded.
Connections are protocols, not streams: a line costs one callback and, for a reader that waits, one wake-up.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Final, Generic, TypeVar, cast

from harness.world import Disconnected, Unreachable
from harness.world.streams import stream

T = TypeVar("T")

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
"""A line longer than this is taken for a broken peer."""


class RealWorld:
    """The World of real runs. Constructing it begins the run: `now()` counts from there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.mono_base_ns: Final = time.monotonic_ns()
        """CLOCK_MONOTONIC at run time 0."""
        self.wall_base_ns: Final = time.time_ns()
        """The wall clock at run time 0."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def now(self) -> int:
        return time.monotonic_ns() - self.mono_base_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def future(self) -> RealFuture[Any]:
        return RealFuture()

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> RealTask[T]:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(self._tasks.discard)
        return RealTask(task)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return asyncio.timeout(seconds)

    def random(self, name: str) -> Random:
        return stream(self.seed, name)

    async def connect(self, host: str, port: int, *, timeout_s: float) -> LineConnection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(LineConnection, host, port)
        except TimeoutError:
            raise Unreachable(f"no connection to {host}:{port} within {timeout_s:g} s") from None
        except OSError as error:
            raise Unreachable(f"{host}:{port}: {error.strerror or error}") from error
        return connection


class RealFuture(Generic[T]):
    """Set once; every waiter gets an asyncio future of its own."""

    __slots__ = ("_done", "_error", "_result", "_waiters")

    def __init__(self) -> None:
        self._done = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def done(self) -> bool:
        return self._done

    def set_result(self, value: T, /) -> None:
        assert not self._done, "a future is set once"
        self._result = value
        self._settle()

    def set_exception(self, error: BaseException, /) -> None:
        assert not self._done, "a future is set once"
        self._error = error
        self._settle()

    def _settle(self) -> None:
        self._done = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    def __await__(self) -> Generator[Any, Any, T]:
        if not self._done:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter
        if self._error is not None:
            raise self._error
        return cast(T, self._result)


class RealTask(Generic[T]):
    """An asyncio task that outlives those who await it."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[T]) -> None:
        self._task = task

    def done(self) -> bool:
        return self._task.done()

    def cancel(self) -> object:
        return self._task.cancel()

    def __await__(self) -> Generator[Any, Any, T]:
        return asyncio.shield(self._task).__await__()


class LineConnection(asyncio.Protocol):
    """Lines over TCP. One coroutine at a time may receive; how much is buffered is bounded by what was asked for,
    since servers only speak when asked (after their hello)."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._broken: str | None = None
        self._reader: asyncio.Future[None] | None = None

    def send(self, line: bytes) -> None:
        transport = self._transport
        if self._broken is not None or transport is None or transport.is_closing():
            raise Disconnected(self._broken or "closed")
        transport.write(line)

    async def receive(self) -> bytes:
        while not self._lines:
            if self._broken is not None:
                raise Disconnected(self._broken)
            await self._more()
        return self._lines.popleft()

    async def receive_some(self) -> bytes:
        while not self._lines and not self._rest:
            if self._broken is not None:
                raise Disconnected(self._broken)
            await self._more()
        some = b"".join((*self._lines, self._rest))
        self._lines.clear()
        self._rest = b""
        return some

    def close(self) -> None:
        self._break("closed")
        if self._transport is not None:
            self._transport.abort()

    async def _more(self) -> None:
        assert self._reader is None, "one coroutine at a time receives"
        self._reader = asyncio.get_running_loop().create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _break(self, why: str) -> None:
        if self._broken is None:
            self._broken = why
        self._wake()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend([line + b"\n" for line in lines])
        self._wake()
        if len(self._rest) > MAX_LINE_BYTES:
            self._break(f"a line of more than {MAX_LINE_BYTES} bytes")
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._break(str(error) if error is not None else "closed by the peer")
