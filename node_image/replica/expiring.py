"""Things that wait for an answer, by number, each until its own deadline.

Most are answered long before their deadline, so nothing is kept in order: a lower bound of all deadlines is kept, and
only when that passes are all looked at. With steady traffic that is one look in each time-out's length.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Generic, TypeVar

T = TypeVar("T")


class Expiring(Generic[T]):
    def __init__(self) -> None:
        self._waiting: dict[int, tuple[float, T]] = {}
        self._earliest = inf
        """<= the deadline of everything that waits. Monotonic seconds, like all deadlines."""

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, number: int) -> bool:
        return number in self._waiting

    @property
    def deadline(self) -> float:
        """When to ask for `overdue`; infinite when nothing waits."""
        return self._earliest if self._waiting else inf

    def add(self, number: int, deadline: float, item: T) -> None:
        self._waiting[number] = (deadline, item)
        self._earliest = min(self._earliest, deadline)

    def pop(self, number: int) -> T | None:
        found = self._waiting.pop(number, None)
        return None if found is None else found[1]

    def overdue(self, now: float) -> list[T]:
        """Takes out what has waited too long."""
        if now < self._earliest:
            return []
        late = [number for number, (deadline, _) in self._waiting.items() if deadline <= now]
        items = [self._waiting.pop(number)[1] for number in late]
        self._earliest = min((deadline for deadline, _ in self._waiting.values()), default=inf)
        return items

    def take(self, wanted: Callable[[T], bool]) -> list[T]:
        """Takes out those that are wanted, the oldest first."""
        numbers = [number for number, (_, item) in self._waiting.items() if wanted(item)]
        return [self._waiting.pop(number)[1] for number in numbers]
