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
from harness.generator import PENDING, Context, Dice, Generator, Pending, Source, Step, fill
from harness.generator.base import NS, bits
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects

AFTER_UNKNOWN: Final = 12
"""Operations on a lock of which nobody knows whether it is held."""
OLD: Final = 0.1
"""Share of the operations of a thread without the lock that show the token which it had last."""


class Turns(msgspec.Struct, frozen=True):
    """Acquires; from those that hold the lock releases, and now and then one with an old token, which must do nothing.
    `held` and `had`: holder -> token. A holder is a thread, or with `mortal` a process."""

    held: Mapping[int, int] = {}
    had: Mapping[int, int] = {}
    busy: Mapping[int, int] = {}
    """Holder -> until when (ns) it does what the lock is for."""
    left: int | None = None
    """Operations until the key is given up, None while all outcomes are known."""
    after_unknown: int | None = AFTER_UNKNOWN
    """What `left` is then."""
    kept: float = 0.0
    """Share of a holder's turns in which it does not release, but asks for the lock again."""
    busy_s: float = 0.0
    """The longest time that a holder takes for what the lock is for."""
    mortal: bool = False
    """Whether locks end with their holders: who takes a process's place holds nothing of it."""

    def next(self, context: Context) -> Step:
        if self.left == 0:
            return None
        idle = context.narrow(~self._busy(context))
        if not idle.free:
            return Pending(min(self.busy.values(), default=None)) if idle.free != context.free else PENDING
        thread = idle.some_free_thread()
        after = self._with(left=self.left and self.left - 1)
        return fill(self._turn(self._holder(thread, context), context.dice), context.narrow(1 << thread)), after

    def _turn(self, holder: int, dice: Dice) -> Invocation:
        token = self.held.get(holder)
        if token is None and dice.random() < OLD:
            token = self.had.get(holder)
        if token is None or dice.random() < self.kept:
            return Invocation(f="acquire")
        return Invocation(f="release", value=token)

    def update(self, context: Context, event: Event) -> Generator:
        holder = event.process if self.mortal else context.thread_of(event.process)
        assert isinstance(holder, int), "the nemesis takes no locks"
        others = {other: token for other, token in self.held.items() if other != holder}
        if event.type is EventType.INFO:
            return self._with(held=others, left=self.after_unknown if self.left is None else self.left)
        if event.f == "acquire" and event.type is EventType.OK:
            busy = self._busy_now(holder, context)
            return self._with(held={**others, holder: event.value}, had={**self.had, holder: event.value}, busy=busy)
        if event.f == "release" and (event.type is EventType.OK or event.error == "not-held"):
            return self._with(held=others)
        return self

    def _holder(self, thread: int, context: Context) -> int:
        return int(context.processes[thread]) if self.mortal else thread

    def _busy(self, context: Context) -> int:
        """The threads that are, as a mask."""
        if not self.busy:
            return 0
        busy = (
            thread for thread in bits(context.all) if self.busy.get(self._holder(thread, context), 0) > context.time
        )
        return sum(1 << thread for thread in busy)

    def _busy_now(self, holder: int, context: Context) -> Mapping[int, int]:
        """Those that still are, and one that has just begun."""
        if not self.busy_s:
            return self.busy
        still = {other: until for other, until in self.busy.items() if until > context.time}
        return {**still, holder: context.time + round(self.busy_s * NS * context.dice.random())}

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
