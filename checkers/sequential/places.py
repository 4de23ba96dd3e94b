"""Places in the log for unknown writes: each needs a free index of its own, within a window. Earliest deadline first
finds places whenever there are any."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from checkers.sequential.steps import Step, describe
from checkers.verdict import Anomaly


@dataclass(slots=True)
class Window:
    """An observed unknown write must stand above `above` and at or below `latest`."""

    above: int
    latest: int
    write: Step
    observer: Step


def unplaced(windows: list[Window], taken: set[int]) -> Iterator[Anomaly]:
    """Gives each window a free index of its own, earliest deadline first."""
    pending = sorted(windows, key=lambda window: window.above)
    waiting: list[tuple[int, int, Window]] = []
    index, position = 0, 0
    while position < len(pending) or waiting:
        if not waiting:
            index = max(index, pending[position].above)
        index += 1
        while position < len(pending) and pending[position].above < index:
            heapq.heappush(waiting, (pending[position].latest, position, pending[position]))
            position += 1
        if index in taken:
            continue
        latest, _, window = heapq.heappop(waiting)
        if latest < index:
            yield _no_place(window)
            index -= 1  # the index is still free


def _no_place(window: Window) -> Anomaly:
    write, observer = window.write.operation, window.observer.operation
    return Anomaly(
        kind="impossible-index",
        key=write.key,
        operations=[write.invoked, observer.invoked],
        text=f"{describe(observer)} at log index {window.latest}, but the write of that value can only stand above "
        f"log index {window.above}, and no index between them is free: {describe(write)}",
    )
