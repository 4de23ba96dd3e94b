"""Virtual time: a heap of things to do. Equal times run in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Action = Callable[[], None]


class Scheduler:
    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._heap: list[tuple[float, int, Action]] = []

    def at(self, time: float, action: Action) -> None:
        heappush(self._heap, (max(time, self.now), next(self._order), action))

    def after(self, delay: float, action: Action) -> None:
        self.at(self.now + delay, action)

    def run_until(self, end: float, done: Callable[[], bool] = lambda: False) -> None:
        """Until virtual time `end`, or `done` after some action."""
        while self._heap and self._heap[0][0] <= end:
            self.now, _, action = heappop(self._heap)
            action()
            if done():
                return
        self.now = max(self.now, end)
