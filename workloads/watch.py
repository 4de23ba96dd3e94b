"""watch: some write, and others watch what is written; all must be told the same.

Every key here is a group of keys, written by half of the processes, each value once. The others watch the whole group,
each through its own node, going on from the last index that they were told; so streams that stay open, and such that
begin in the past because the last one broke, are both there. In the end everybody catches up from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.invariants import WatchedEvents
from harness import generator as gen
from harness.capabilities import Watches
from harness.client import Invocation
from harness.generator import PENDING, Context, Generator, Source, Step, fill
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects

MEMBERS: Final = 4
"""Keys of a group."""
WATCH_S: Final = 0.5
"""How long a watcher waits, where it is told nothing."""


class Watching(msgspec.Struct, frozen=True):
    """`last`: thread -> the index that it was told last."""

    last: Mapping[int, int] = {}

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        thread = context.some_free_thread()
        watch = Invocation(f="watch", value=self.last.get(thread, 0))
        return fill(watch, context.narrow(1 << thread)), self

    def update(self, context: Context, event: Event) -> Generator:
        if event.f != "watch" or event.type is not EventType.OK or not event.value:
            return self
        return Watching({**self.last, context.thread_of(event.process): event.value[-1][0]})


def writes(number: int, context: Context) -> Invocation:
    return Invocation(f="write", value=number)


def operations(options: WorkloadOptions, processes: int) -> Source:
    writing, watching = gen.numbered(writes), Watching()
    return gen.reserve((processes // 2, writing), watching) if processes > 1 else gen.mix([writing, watching])


async def call(session: Any, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "write":
        answer: Answer = await session.write(f"{invocation.key}/{invocation.value % MEMBERS}", invocation.value)
        return answer
    if invocation.f == "watch":
        told = await session.watch(f"{invocation.key}/", after=invocation.value, seconds=WATCH_S)
    else:
        told = await session.watch_to_newest(f"{invocation.key}/")
    return Answer(value=[[index, value] for index, _, value in told.value], log_index=told.log_index)


def catch_up(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    return gen.each_process([Invocation(f="catch-up", key=key) for key in keys])


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (WatchedEvents(),)


WORKLOAD: Final = Objects(
    name="watch",
    prefix="watch",
    needs=(Watches,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"write": ENOUGH, "watch": ENOUGH},
    last=catch_up,
)
