"""Registers: the keys that both workloads here use, and what happens on each of them.

Values are whole numbers that never repeat within a key: that lets a reader of the history say which write a read saw,
and lets the checker decide in O(n log n). A key's generator learns from the events of its own operations which
values are about, so that most compare-and-sets expect a value that is really there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Final

import msgspec

from checkers.events import Event, EventType
from harness import generator as gen
from harness.client import Invocation
from harness.generator.base import PENDING, Context, Generator, Step, bits
from harness.generator.lift import fill

PROCESSES_PER_KEY: Final = 20
"""More than there are nodes in any cluster, so that every node takes part in every key."""
REMEMBERED: Final = 4
GUESSED: Final = 0.1
"""Share of compare-and-sets that expect any value ever used."""
OLDER: Final = 0.15
"""Share of those that expect any of the remembered values, not the newest."""


class Shares(msgspec.Struct, frozen=True):
    """Which share of the operations writes and compare-and-sets are; the others are reads."""

    write: float
    cas: float = 0.0


class Register(msgspec.Struct, frozen=True):
    """The operations on one key. `recent`: values that it was seen to hold or may hold, the newest last."""

    key: str
    mode: str
    shares: Shares
    next_value: int = 1
    recent: tuple[int, ...] = ()

    def next(self, context: Context) -> Step:
        if not context.free:
            return PENDING
        drawn, writers = context.dice.random(), context.narrow(_writers(context.all))
        if drawn < self.shares.write and writers.free:
            return self._put(writers, "write", self.next_value)
        if drawn < self.shares.write + self.shares.cas and self.recent and writers.free:
            return self._put(writers, "cas", [self._expected(context), self.next_value])
        return fill(Invocation(f="read", key=self.key, read=self.mode), context), self

    def update(self, context: Context, event: Event) -> Generator:
        value = _seen(event)
        if value is None or self.recent[-1:] == (value,):
            return self
        recent = (*(known for known in self.recent if known != value), value)[-REMEMBERED:]
        return Register(self.key, self.mode, self.shares, self.next_value, recent)

    def _put(self, context: Context, f: str, value: Any) -> Step:
        after = Register(self.key, self.mode, self.shares, self.next_value + 1, self.recent)
        return fill(Invocation(f=f, key=self.key, value=value), context), after

    def _expected(self, context: Context) -> int:
        """Mostly the newest value; sometimes an older one, or any that was ever used."""
        drawn = context.dice.random()
        if drawn < GUESSED:
            return 1 + context.dice.below(self.next_value)
        if drawn < GUESSED + OLDER:
            return self.recent[context.dice.below(len(self.recent))]
        return self.recent[-1]


@lru_cache(maxsize=64)
def _writers(threads: int) -> int:
    """The first half of a mask of threads. The others only read: a process whose write hangs for a cut-off leader
    cannot read there, and it is reads at just that moment that show whether a deposed leader still answers them."""
    numbers = list(bits(threads))
    return sum(1 << number for number in numbers[: (len(numbers) + 1) // 2])


def _seen(event: Event) -> int | None:
    """The value that the key held at some time during this operation, or may have come to hold."""
    if event.type in (EventType.INVOKE, EventType.FAIL):
        return None
    value = event.value if event.actual is msgspec.UNSET else event.actual
    if isinstance(value, list):  # a compare-and-set that matched
        value = value[1]
    return value if isinstance(value, int) else None


def registers(prefix: str, mode: str, shares: Shares, *, keys: int, ops_per_key: int, processes: int) -> Generator:
    """Operations on `keys` registers at once, named prefix0, prefix1, ..., each for so many operations."""
    per_key = max(PROCESSES_PER_KEY, -(-processes // keys))
    return gen.independent(
        partial(key_name, prefix),
        lambda key: Register(key, mode, shares),
        processes_per_key=per_key,
        ops_per_key=ops_per_key,
        keys_at_once=keys,
    )


def key_name(prefix: str, number: int) -> str:
    return f"{prefix}{number}"


def is_key(prefix: str, key: str | None) -> bool:
    """Whether it is one of the keys of `registers(prefix, ...)`."""
    return key is not None and re.fullmatch(f"{re.escape(prefix)}[0-9]+", key) is not None


def final_reads(prefix: str, mode: str, keys: Sequence[str], *, in_use: int) -> Generator:
    """Every process reads the keys that are in use, and as many before them."""
    own = [key for key in keys if is_key(prefix, key)]
    reads = [Invocation(f="read", key=key, read=mode) for key in own[-2 * in_use :]]
    return gen.each_process(reads)
