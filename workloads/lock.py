"""lock: acquired by whoever gets it, with a fencing token, and released with that token.

A lock whose holder died with its token is held for good. So when the outcome of an acquire or a release is unknown, the
key is used for a few operations more, which show that it stays as it is, and then given up for a fresh one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.invariants import FencedLocks
from harness.capabilities import Locks
from harness.client import Invocation
from harness.generator import PENDING, Context, Generator, Source, Step, fill
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects

AFTER_UNKNOWN: Final = 12
"""Operations on a lock of which nobody knows whether it is held."""


class Turns(msgspec.Struct, frozen=True):
    """Acquires; from the threads that hold the lock releases. `held`: thread -> token. `left`: operations until the
    key is given up, None while all outcomes are known."""

    held: Mapping[int, int] = {}
    left: int | None = None

    def next(self, context: Context) -> Step:
        if self.left == 0:
            return None
        if not context.free:
            return PENDING
        thread = context.some_free_thread()
        token = self.held.get(thread)
        invocation = Invocation(f="acquire") if token is None else Invocation(f="release", value=token)
        return fill(invocation, context.narrow(1 << thread)), Turns(self.held, self.left and self.left - 1)

    def update(self, context: Context, event: Event) -> Generator:
        thread = context.thread_of(event.process)
        if event.type is EventType.INFO:
            return Turns(self._without(thread), AFTER_UNKNOWN if self.left is None else self.left)
        if event.f == "acquire" and event.type is EventType.OK:
            return Turns({**self.held, thread: event.value}, self.left)
        if event.f == "release" and (event.type is EventType.OK or event.error == "not-held"):
            return Turns(self._without(thread), self.left)
        return self

    def _without(self, thread: int) -> Mapping[int, int]:
        return {holder: token for holder, token in self.held.items() if holder != thread}


def operations(options: WorkloadOptions, processes: int) -> Source:
    return Turns()


async def call(session: Locks, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "acquire":
        return await session.acquire(invocation.key)
    return await session.release(invocation.key, invocation.value)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (FencedLocks(),)


WORKLOAD: Final = Objects(
    name="lock",
    prefix="lock",
    needs=(Locks,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"acquire": ENOUGH, "release": ENOUGH},
)
