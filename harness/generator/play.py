"""Operations that somebody wrote down, each at its time and by its process."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from checkers.events import Event
from harness.client import Invocation
from harness.generator.base import Context, Generator, Pending, Step, bits


def play(invocations: Iterable[Invocation], *, concurrency: int, begins_ns: int, ends_ns: int) -> Generator:
    """Each invocation at its time (ns after `begins_ns`) by its process p, or whoever plays thread p mod `concurrency`
    by then. One whose thread is busy comes as soon as it is free, and keeps no other thread waiting. It goes on, with
    nothing to do perhaps, until `ends_ns`; what has not begun by then is left out."""
    parts: list[list[Invocation]] = [[] for _ in range(concurrency)]
    for invocation in sorted(invocations, key=lambda invocation: invocation.time):
        assert isinstance(invocation.process, int)
        parts[invocation.process % concurrency].append(invocation)
    return Play(tuple(map(tuple, parts)), (0,) * concurrency, begins_ns, ends_ns)


class Play(msgspec.Struct, frozen=True):
    """`parts`: by thread, in the order of times; `places`: how many of each have been issued."""

    parts: tuple[tuple[Invocation, ...], ...]
    places: tuple[int, ...]
    begins_ns: int
    ends_ns: int

    def next(self, context: Context) -> Step:
        if context.time >= self.ends_ns:
            return None
        thread = min((thread for thread in bits(context.free) if self._has(thread)), key=self._due, default=None)
        if thread is None or self._due(thread) >= self.ends_ns:
            return Pending(self.ends_ns)
        written = self.parts[thread][self.places[thread]]
        invocation = msgspec.structs.replace(
            written, time=max(context.time, self._due(thread)), process=context.processes[thread]
        )
        places = (*self.places[:thread], self.places[thread] + 1, *self.places[thread + 1 :])
        return invocation, Play(self.parts, places, self.begins_ns, self.ends_ns)

    def update(self, context: Context, event: Event) -> Generator:
        return self

    def _has(self, thread: int) -> bool:
        return thread < len(self.parts) and self.places[thread] < len(self.parts[thread])

    def _due(self, thread: int) -> int:
        return self.begins_ns + self.parts[thread][self.places[thread]].time
