"""The virtual world: the same coroutines, in no time at all, the same every time.

A heap of (time, number, what to do) stands where a real run has an event loop and a clock. Time moves only when
nothing is left to do at the present instant, and then jumps to the next thing. Things at one instant happen in the
order in which they were asked for, so that a run is a function of its seed and its code.

Servers live in this world too: `listen` registers a handler at a host and port, and `connect` reaches it after the
latency, over connections whose lines arrive in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from heapq import heappop, heappush
from random import Random
from types import TracebackType
from typing import Any, Final, Generic, Protocol, TypeVar, cast

from harness.world import Cancelled, Connection, Disconnected, Unreachable
from harness.world.streams import Fork, stream

T = TypeVar("T")

NS: Final = 1_000_000_000

Handler = Callable[[Connection], Coroutine[Any, Any, None]]


class Listener(Protocol):
    """What stands at a host and port. `closed`: connections are refused. `silent`: attempts get no answer at all, as
    behind a firewall that drops."""

    @property
    def closed(self) -> bool: ...
    @property
    def silent(self) -> bool: ...

    def accept(self) -> VirtualConnection:
        """Joins a new client, and returns the client's side."""


class Side(Protocol):
    """One side of a connection, as the other one sees it."""

    def arrive(self, line: bytes) -> None: ...
    def broken(self, why: str) -> None: ...


class Deadlock(Exception):
    """Everything waits, and nothing is left to happen."""


class Halted(Exception):
    """Somebody has seen enough: `VirtualWorld.halt` was called."""


class VirtualWorld:
    """A World without a machine. `run` drives it; everything else is as in the real one. `forks`: when streams go on
    differently."""

    def __init__(self, seed: int = 0, *, latency_s: float = 0.0005, forks: Sequence[Fork] = ()) -> None:
        self.seed = seed
        self._latency_ns = round(latency_s * NS)
        self._now = 0
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._queue: deque[Callable[[], None]] = deque()
        """What is to be done at the present instant."""
        self._number = 0
        self._servers: dict[tuple[str, int], Listener] = {}
        self._current: VirtualTask[Any] | None = None
        self._living: dict[VirtualTask[Any], None] = {}
        self._unheard: dict[VirtualTask[Any], BaseException] = {}
        self._halted = False
        self._forks = tuple(forks)
        self._streams: dict[str, list[Random]] = {}
        """Those that a fork may still change, by name, each name's in the order in which they began."""
        for fork in self._forks:
            if fork.at_s:
                self.call_at(round(fork.at_s * NS), partial(self._fork, fork))

    def halt(self) -> None:
        """Nothing happens after this moment: `run` raises Halted."""
        self._halted = True

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end, cancels what it left running, and returns its result. Raises what it raised;
        what a spawned task raised and nobody awaited; Deadlock; Halted."""
        main = self.spawn(coroutine, name="main")
        end = main._end
        try:
            while not end._done:
                if self._halted:
                    raise Halted
                if not self._step():
                    raise Deadlock(f"at {self._now / NS:.6f} s everything waits")
        finally:
            self._cancel_all()
        result = main.result()
        for error in self._unheard.values():
            raise error
        return result

    def _step(self) -> bool:
        """Does the next thing. False: there is none.

        What is in the heap for the present instant was asked for before this instant, so before all that is in the
        queue."""
        heap = self._heap
        if self._queue and (not heap or heap[0][0] > self._now):
            self._queue.popleft()()
            return True
        if not heap:
            return False
        self._now, _, do = heappop(heap)
        do()
        return True

    def _cancel_all(self) -> None:
        for task in tuple(self._living):
            task.cancel()
        while self._living and self._step():
            pass

    # The World protocol.

    def now(self) -> int:
        return self._now

    async def sleep(self, seconds: float) -> None:
        await self._alarm(seconds)

    def future(self) -> VirtualFuture[Any]:
        return VirtualFuture(self)

    def spawn(self, coroutine: Coroutine[Any, Any, T], *, name: str) -> VirtualTask[T]:
        return VirtualTask(self, coroutine, name)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return _Timeout(self, seconds)

    def random(self, name: str) -> Random:
        rng = stream(self.seed, name)
        for fork in self._forks:
            if fork.touches(name) and round(fork.at_s * NS) <= self._now:
                rng = fork.stream(self.seed, name)
        return self.adopt(name, rng)

    def adopt(self, name: str, rng: Random) -> Random:
        """The stream `rng`, which was drawn from another one, forks from now on as that of this name."""
        if self._forks:
            self._streams.setdefault(name, []).append(rng)
        return rng

    def _fork(self, fork: Fork) -> None:
        for name, streams in self._streams.items():
            if fork.touches(name):
                for number, rng in enumerate(streams):
                    rng.seed(f"{fork.stream(self.seed, name).getrandbits(64)}/{number}")

    async def connect(self, host: str, port: int, *, timeout_s: float) -> VirtualConnection:
        server = self._servers.get((host, port))
        if server is not None and server.silent:
            await self.sleep(timeout_s)
            raise Unreachable(f"no connection to {host}:{port} within {timeout_s:g} s")
        await self._alarm(self._latency_ns / NS)
        if server is None or server.closed:
            raise Unreachable(f"{host}:{port}: connection refused")
        return server.accept()

    # What there is beside it: servers.

    def listen(self, host: str, port: int, handler: Handler) -> Server:
        """Starts a server: each connection runs `handler` as a task of its own."""
        assert (host, port) not in self._servers, f"{host}:{port} is taken"
        server = Server(self, host, port, handler)
        self._servers[host, port] = server
        return server

    def put(self, host: str, port: int, listener: Listener | None) -> None:
        """What stands there from now on; None: nothing."""
        if listener is None:
            self._servers.pop((host, port), None)
        else:
            self._servers[host, port] = listener

    def run_until(self, end: int, done: Callable[[], bool] = lambda: False) -> None:
        """Lets things happen until this time (ns), or until `done` after one of them. For worlds without coroutines."""
        while self._queue or (self._heap and self._heap[0][0] <= end):
            self._step()
            if done():
                return
        self._now = max(self._now, end)

    # What tasks, futures and connections need.

    def call_at(self, time: int, do: Callable[[], None]) -> None:
        if time == self._now:
            self._queue.append(do)
            return
        assert time > self._now, "the past is over"
        self._number += 1
        heappush(self._heap, (time, self._number, do))

    def call_soon(self, do: Callable[[], None]) -> None:
        self._queue.append(do)

    def call_later(self, do: Callable[[], None]) -> None:
        """After the network's latency."""
        self.call_at(self._now + self._latency_ns, do)

    def _alarm(self, seconds: float) -> VirtualFuture[None]:
        future: VirtualFuture[None] = VirtualFuture(self)
        self.call_at(self._now + max(0, round(seconds * NS)), lambda: future.set_result(None))
        return future


class VirtualFuture(Generic[T]):
    """Set once, awaited by many."""

    __slots__ = ("_done", "_error", "_result", "_waiters", "_world")

    def __init__(self, world: VirtualWorld) -> None:
        self._world = world
        self._done = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._waiters: list[Callable[[], None]] = []

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

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._result)

    def when_done(self, wake: Callable[[], None]) -> None:
        self._waiters.append(wake)

    def _settle(self) -> None:
        self._done = True
        for wake in self._waiters:
            self._world.call_soon(wake)
        self._waiters.clear()

    def __await__(self) -> Generator[Any, Any, T]:
        if not self._done:
            yield self
        return self.result()


class VirtualTask(Generic[T]):
    """A coroutine that is stepped from one awaited future to the next.

    `_wait` counts the waits: a wake-up that belongs to a wait that was cancelled finds another number and is void.
    """

    def __init__(self, world: VirtualWorld, coroutine: Coroutine[Any, Any, T], name: str) -> None:
        self.name = name
        self._world = world
        self._coroutine = coroutine
        self._end: VirtualFuture[T] = VirtualFuture(world)
        self._wait = 0
        self._cancels = 0
        world._living[self] = None
        self._schedule(None)

    def done(self) -> bool:
        return self._end.done()

    def cancel(self) -> object:
        if self.done():
            return False
        self._cancels += 1
        self._schedule(Cancelled())
        return True

    def uncancel(self) -> int:
        """Takes one cancel back; how many remain."""
        self._cancels -= 1
        return self._cancels

    def result(self) -> T:
        self._world._unheard.pop(self, None)
        return self._end.result()

    def __await__(self) -> Generator[Any, Any, T]:
        if not self.done():
            yield self._end
        return self.result()

    def _schedule(self, error: BaseException | None) -> None:
        self._wait += 1
        wait = self._wait
        self._world.call_soon(lambda: self._step(wait, error))

    def _step(self, wait: int, error: BaseException | None = None) -> None:
        if wait != self._wait or self.done():
            return
        world = self._world
        outer, world._current = world._current, self
        try:
            awaited = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration as stop:
            self._end.set_result(stop.value)
        except Cancelled as cancelled:
            self._end.set_exception(cancelled)
        except BaseException as failure:
            world._unheard[self] = failure
            self._end.set_exception(failure)
        else:
            self._await(awaited)
        finally:
            world._current = outer
            if self.done():
                del world._living[self]

    def _await(self, awaited: object) -> None:
        assert isinstance(awaited, VirtualFuture), f"{self.name} awaits {awaited!r}, which is not of this world"
        self._wait += 1
        wait = self._wait
        awaited.when_done(lambda: self._step(wait))


class _Timeout:
    """Cancels the body when its time is up, and makes that cancel a TimeoutError."""

    def __init__(self, world: VirtualWorld, seconds: float) -> None:
        self._world = world
        self._seconds = seconds
        self._task: VirtualTask[Any] | None = None
        self._fired = False

    async def __aenter__(self) -> None:
        self._task = self._world._current
        assert self._task is not None
        self._world.call_at(self._world.now() + max(0, round(self._seconds * NS)), self._fire)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task, self._task = self._task, None
        assert task is not None
        if self._fired and task.uncancel() <= 0 and kind is not None and issubclass(kind, Cancelled):
            raise TimeoutError from error

    def _fire(self) -> None:
        if self._task is not None:
            self._fired = True
            self._task.cancel()


class Server:
    """A handler at a host and port."""

    def __init__(self, world: VirtualWorld, host: str, port: int, handler: Handler) -> None:
        self.closed = False
        self.silent = False
        """Connection attempts get no answer at all, as behind a firewall that drops."""
        self._world = world
        self._address = (host, port)
        self._handler = handler
        self._connections: list[VirtualConnection] = []

    def close(self) -> None:
        """The server dies: nobody can connect any more, and its connections break."""
        self.closed = True
        self._world._servers.pop(self._address, None)
        for connection in self._connections:
            connection.close()

    def accept(self) -> VirtualConnection:
        """Joins a new client to this server and returns the client's side."""
        client, server = VirtualConnection(self._world), VirtualConnection(self._world)
        client.peer, server.peer = server, client
        self._connections.append(server)
        self._world.spawn(self._serve(server), name=f"server {self._address[0]}:{self._address[1]}")
        return client

    async def _serve(self, connection: VirtualConnection) -> None:
        try:
            await self._handler(connection)
        except Disconnected:
            pass
        finally:
            connection.close()
            if connection in self._connections:
                self._connections.remove(connection)


class VirtualConnection:
    """One side of a connection. Lines arrive in order after the latency; so does the end."""

    peer: Side

    def __init__(self, world: VirtualWorld) -> None:
        self._world = world
        self._lines: deque[bytes] = deque()
        self._broken: str | None = None
        self._reader: VirtualFuture[None] | None = None

    def send(self, line: bytes) -> None:
        if self._broken is not None:
            raise Disconnected(self._broken)
        peer = self.peer
        self._world.call_later(lambda: peer.arrive(line))

    async def receive(self) -> bytes:
        while not self._lines:
            if self._broken is not None:
                raise Disconnected(self._broken)
            await self._more()
        return self._lines.popleft()

    async def receive_some(self) -> bytes:
        """One that was sent at once."""
        return await self.receive()

    def close(self) -> None:
        if self._broken is None:
            peer = self.peer
            self._world.call_later(lambda: peer.broken("closed by the peer"))
        self.broken("closed")

    async def _more(self) -> None:
        assert self._reader is None, "one coroutine at a time receives"
        self._reader = VirtualFuture(self._world)
        try:
            await self._reader
        finally:
            self._reader = None

    def arrive(self, line: bytes) -> None:
        if self._broken is None:
            self._lines.append(line)
            self._wake()

    def broken(self, why: str) -> None:
        if self._broken is None:
            self._broken = why
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
