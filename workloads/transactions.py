"""Transactions: what the workloads append and rw-register share.

A transaction has one to four steps, reads and writes over a few keys at once. Keys are used for a while only, since
reads of a list bring all of it; and no key is written the same value twice, so that a reader of the history knows who
wrote what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from checkers.events import Event
from harness import generator as gen
from harness.capabilities import Transactions
from harness.client import Invocation
from harness.generator import PENDING, Context, Generator, Source, Step, fill
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.client import Call
from workloads.objects import Objects
from workloads.registers import key_name

MOST_STEPS: Final = 4
WRITES_PER_KEY: Final = 48
"""Then a fresh key takes its place."""


ENOUGH: Final = 40
"""Transactions that must have succeeded: more than those that read at the end."""


class Steps(msgspec.Struct, frozen=True):
    """Transactions over the keys `keys`, given by number, each with how often it has been written. `fresh`: the number
    of the next key."""

    prefix: str
    write: str
    """What a write is called: "append" or "w"."""
    keys: tuple[tuple[int, int], ...]
    fresh: int

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        after, steps = self, list[list[Any]]()
        for _ in range(1 + context.dice.below(MOST_STEPS)):
            step, after = after._step(context)
            steps.append(step)
        return fill(Invocation(f="txn", value=steps), context), after

    def update(self, context: Context, event: Event) -> Generator:
        return self

    def _step(self, context: Context) -> tuple[list[Any], Steps]:
        place = context.dice.below(len(self.keys))
        number, written = self.keys[place]
        key = key_name(self.prefix, number)
        if context.dice.random() < 0.5:
            return ["r", key, None], self
        used_up = written + 1 >= WRITES_PER_KEY
        now = (self.fresh, 0) if used_up else (number, written + 1)
        keys = (*self.keys[:place], now, *self.keys[place + 1 :])
        return [self.write, key, written + 1], Steps(self.prefix, self.write, keys, self.fresh + used_up)


def no_operations(options: WorkloadOptions, processes: int) -> Source:
    """On one key alone."""
    return None


def read_all(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    """Every process reads the keys in use, in one transaction: through the log, like every transaction."""
    steps = [["r", key, None] for key in keys[-options.keys :]]
    return gen.each_process([Invocation(f="txn", value=steps)]) if steps else None


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
        keys = tuple((number, 0) for number in range(options.keys))
        return Steps(self.prefix, self.write, keys, options.keys)
