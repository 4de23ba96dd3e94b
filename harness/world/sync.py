"""Queues, events and locks, built from a world's futures alone: the same in every world.

All of them are for coroutines of one world, which run one at a time: what happens between two awaits is atomic, so
nothing here needs protection but the order in which waiters are woken. Waiters are served in the order they came. A
waiter that is cancelled after it was woken passes the wake-up on.
"""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Generic, TypeVar

from harness.world import Future, World

T = TypeVar("T")


class _Waiters:
    """Coroutines that wait in line."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._line: deque[Future[None]] = deque()

    async def wait(self) -> None:
        future: Future[None] = self._world.future()
        self._line.append(future)
        try:
            await future
        except BaseException:
            self._leave(future)
            raise

    def wake_one(self) -> None:
        if self._line:
            self._line.popleft().set_result(None)

    def wake_all(self) -> None:
        while self._line:
            self.wake_one()

    def _leave(self, future: Future[None]) -> None:
        if future.done():
            self.wake_one()
        else:
            self._line.remove(future)


class Queue(Generic[T]):
    """First in, first out, without bound. `put` never waits."""

    def __init__(self, world: World) -> None:
        self._items: deque[T] = deque()
        self._getters = _Waiters(world)

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        self._items.append(item)
        self._getters.wake_one()

    async def get(self) -> T:
        while not self._items:
            await self._getters.wait()
        return self._items.popleft()


class Event:
    """A flag to wait for."""

    def __init__(self, world: World) -> None:
        self._set = False
        self._waiters = _Waiters(world)

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        self._waiters.wake_all()

    def clear(self) -> None:
        self._set = False

    async def wait(self) -> None:
        """Returns once the flag has been set, even if it is cleared again before this coroutine runs."""
        if not self._set:
            await self._waiters.wait()


class Lock:
    """One at a time: `async with lock: ...`."""

    def __init__(self, world: World) -> None:
        self._held = False
        self._waiters = _Waiters(world)

    def locked(self) -> bool:
        return self._held

    async def __aenter__(self) -> None:
        while self._held:
            await self._waiters.wait()
        self._held = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._held, "a lock is released by whoever holds it"
        self._held = False
        self._waiters.wake_one()
