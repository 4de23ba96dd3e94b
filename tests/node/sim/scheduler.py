"""Virtual time in seconds, over a virtual world without coroutines."""

from __future__ import annotations

from collections.abc import Callable

from harness.world.virtual import NS, VirtualWorld

Action = Callable[[], None]


class Scheduler:
    def __init__(self, world: VirtualWorld) -> None:
        self._world = world

    @property
    def now(self) -> float:
        return self._world.now() / NS

    def after(self, delay: float, action: Action) -> None:
        self._world.call_at(self._world.now() + round(delay * NS), action)

    def run_until(self, end: float, done: Callable[[], bool] = lambda: False) -> None:
        """Until virtual time `end`, or `done` after some action."""
        self._world.run_until(round(end * NS), done)
