"""lock: acquired by whoever gets it, with a fencing token, and released with that token; old tokens are shown too.

A lock whose holder died with its token is held for good. So when the outcome of an acquire or a release is unknown, the
key is used for a few operations more, which show that it stays as it is, and then given up for a fresh one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from checkers.checker import Checker
from checkers.events import Event, EventType
from checkers.invariants import FencedLocks
from checkers.objects import ObjectLinearizability
from harness.capabilities import Locks
from harness.client import Invocation
from harness.generator import PENDING, Context, Dice, Generator, Source, Step, fill
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects

AFTER_UNKNOWN: Final = 12
"""Operations on a lock of which nobody knows whether it is held."""
OLD: Final = 0.1
"""Share of the operations of a thread without the lock that show the token which it had last."""


class Turns(msgspec.Struct, frozen=True):
    """Acquires; from the threads that hold the lock releases, and now and then one with an old token, which must do
    nothing. `held` and `had`: thread -> token."""

    held: Mapping[int, int] = {}
    had: Mapping[int, int] = {}
    left: int | None = None
    """Operations until the key is given up, None while all outcomes are known."""
    after_unknown: int | None = AFTER_UNKNOWN
    """What `left` is then."""
    kept: float = 0.0
    """Share of a holder's turns in which it does not release, but asks for the lock again."""

    def next(self, context: Context) -> Step:
        if self.left == 0:
            return None
        if not context.free:
            return PENDING
        thread = context.some_free_thread()
        after = self._with(left=self.left and self.left - 1)
        return fill(self._turn(thread, context.dice), context.narrow(1 << thread)), after

    def _turn(self, thread: int, dice: Dice) -> Invocation:
        token = self.held.get(thread)
        if token is None and dice.random() < OLD:
            token = self.had.get(thread)
        if token is None or dice.random() < self.kept:
            return Invocation(f="acquire")
        return Invocation(f="release", value=token)

    def update(self, context: Context, event: Event) -> Generator:
        thread = context.thread_of(event.process)
        others = {holder: token for holder, token in self.held.items() if holder != thread}
        if event.type is EventType.INFO:
            return self._with(held=others, left=self.after_unknown if self.left is None else self.left)
        if event.f == "acquire" and event.type is EventType.OK:
            return self._with(held={**others, thread: event.value}, had={**self.had, thread: event.value})
        if event.f == "release" and (event.type is EventType.OK or event.error == "not-held"):
            return self._with(held=others)
        return self

    def _with(self, **changed: Any) -> Turns:
        return msgspec.structs.replace(self, **changed)


def operations(options: WorkloadOptions, processes: int) -> Source:
    return Turns()


async def call(session: Locks, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "acquire":
        return await session.acquire(invocation.key)
    return await session.release(invocation.key, invocation.value)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (ObjectLinearizability("fenced-mutex"), FencedLocks())


WORKLOAD: Final = Objects(
    name="lock",
    prefix="lock",
    needs=(Locks,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"acquire": ENOUGH, "release": 5},
)
