"""Transactions: what the workloads append and rw-register share.

A transaction has one to four steps, reads and writes over a few keys at once. Keys are used for a while only, since
reads of a list bring all of it; and no key is written the same value twice, so that a reader of the history knows who
wrote what was read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from checkers.events import Event, EventType
from harness import generator as gen
from harness.capabilities import Transactions
from harness.client import Invocation
from harness.generator import PENDING, Context, Dice, Generator, Source, Step, fill
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.client import Call
from workloads.objects import Objects
from workloads.registers import key_name

MOST_STEPS: Final = 4
WRITES_PER_KEY: Final = 48
"""Then a fresh key takes its place."""
KEYS_TOGETHER: Final = 10
"""In a transaction at the end."""


ENOUGH: Final = 40
"""Transactions that must have succeeded: more than those that read at the end."""


class Key(msgspec.Struct, frozen=True):
    """A key in use: its number, how many values were sent to it, and how many of them may have been written."""

    number: int
    sent: int = 0
    written: int = 0


class Steps(msgspec.Struct, frozen=True):
    """Transactions over a few keys. `fresh`: the number of the next key."""

    prefix: str
    write: str
    """What a write is called: "append" or "w"."""
    keys: tuple[Key, ...]
    fresh: int

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        after, steps = self, list[list[Any]]()
        for _ in range(1 + context.dice.below(MOST_STEPS)):
            step, after = after._step(context.dice)
            steps.append(step)
        return fill(Invocation(f="txn", value=steps), context), after

    def _step(self, dice: Dice) -> tuple[list[Any], Steps]:
        place = dice.below(len(self.keys))
        key = self.keys[place]
        name = key_name(self.prefix, key.number)
        if dice.random() < 0.5:
            return ["r", name, None], self
        return [self.write, name, key.sent + 1], self._with(place, Key(key.number, key.sent + 1, key.written))

    def update(self, context: Context, event: Event) -> Generator:
        """Keys are used up by what may have been written, not by what failed: while a cluster does not answer, keys
        must not pass by unread."""
        if event.f != "txn" or event.type not in (EventType.OK, EventType.INFO):
            return self
        counts = Counter(name for what, name, _ in event.value if what == self.write)
        after = self
        for place, key in enumerate(self.keys):
            if written := counts[key_name(self.prefix, key.number)]:
                after = after._with(place, Key(key.number, key.sent, key.written + written))
        return after

    def _with(self, place: int, key: Key) -> Steps:
        """A fresh key in its place, if it is used up."""
        used_up = key.written >= WRITES_PER_KEY
        now = Key(self.fresh) if used_up else key
        keys = (*self.keys[:place], now, *self.keys[place + 1 :])
        return Steps(self.prefix, self.write, keys, self.fresh + used_up)


def no_operations(options: WorkloadOptions, processes: int) -> Source:
    """On one key alone."""
    return None


def read_all(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    """All keys of the run, a few in each transaction; then every process reads the newest."""
    together = [keys[start : start + KEYS_TOGETHER] for start in range(0, len(keys), KEYS_TOGETHER)]
    everything = [reads(some) for some in together]
    return [*everything, gen.each_process(everything[-1:])]


def reads(keys: Sequence[str]) -> Invocation:
    return Invocation(f="txn", value=[["r", key, None] for key in keys])


async def call(session: Transactions, invocation: Invocation, min_index: int) -> Answer:
    return await session.transact(invocation.value)


@dataclass(frozen=True, kw_only=True)
class TransactionsOver(Objects):
    """`Objects` whose operations are about several keys at once. `write`: what a write is called."""

    write: str
    needs: Sequence[type] = (Transactions,)
    call: Call = call
    operations: Callable[[WorkloadOptions, int], Source] = no_operations
    last: Callable[[WorkloadOptions, Sequence[str]], Source] = read_all

    def generator(self, options: WorkloadOptions, processes: int) -> Generator:
        keys = tuple(map(Key, range(options.keys)))
        return Steps(self.prefix, self.write, keys, options.keys)
