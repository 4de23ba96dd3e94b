"""World: the only door through which the harness meets time, chance and the network.

Generators, the interpreter, clients, workloads and the nemesis import no asyncio, time, random, socket or threading.
They are given a `World`, real (`harness.world.real`, asyncio) or virtual (`harness.world.virtual`, a heap of events
that runs the same coroutines in no time at all). A test keeps this wall.

What is awaited is always something that the world made: a sleep, a future, a task, a connection's line. Queues and
locks are built from futures alone (`harness.world.sync`), so that they are the same in every world.
"""

from __future__ import annotations

from asyncio import CancelledError as Cancelled
from collections.abc import Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, Generic, Protocol, TypeVar

__all__ = [
    "Cancelled",
    "Connection",
    "Disconnected",
    "Future",
    "Task",
    "Unreachable",
    "World",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Unreachable(Exception):
    """The connection was refused, or broke before the server's hello: nothing was sent."""


class Disconnected(Exception):
    """An open connection broke: what was sent may or may not have arrived."""


class Future(Protocol, Generic[T]):
    """Set once, awaited by many. A waiter that is cancelled leaves the future, and the other waiters, as they are."""

    def done(self) -> bool: ...
    def set_result(self, value: T, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...
    def __await__(self) -> Generator[Any, Any, T]: ...


class Task(Protocol, Generic[T_co]):
    """A coroutine that runs beside its spawner. Awaiting it gives its result or raises what it raised; cancelling
    one who awaits it does not cancel it. `cancel` raises Cancelled where the coroutine awaits."""

    def done(self) -> bool: ...
    def cancel(self) -> object: ...
    def __await__(self) -> Generator[Any, Any, T_co]: ...


class Connection(Protocol):
    """A stream of lines, or of bytes for protocols that are not made of lines: one or the other, not both."""

    def send(self, line: bytes) -> None:
        """Queues one line (newline included), or any bytes, for sending. Raises Disconnected if the connection is known
        broken."""

    async def receive(self) -> bytes:
        """The next line, newline included. Raises Disconnected."""

    async def receive_some(self) -> bytes:
        """What has come and was not received yet: at least one byte, wherever lines end. Raises Disconnected."""

    def close(self) -> None: ...


class World(Protocol):
    def now(self) -> int:
        """Monotonic nanoseconds since the run began."""

    async def sleep(self, seconds: float) -> None: ...

    def future(self) -> Future[Any]: ...

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> Task[T]: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """`async with world.timeout(1.0): ...` raises TimeoutError (the builtin) when the body takes longer."""

    def random(self, name: str) -> Random:
        """The stream of choices of this name, from its beginning: the same for the same seed, whatever other streams
        are drawn from."""

    async def connect(self, host: str, port: int, *, timeout_s: float) -> Connection:
        """Raises Unreachable."""
