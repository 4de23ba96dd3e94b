"""Independent keys: many small histories in one run.

Deciding a history costs more than in proportion to its length, so a run uses many keys, and each for a while only.
There are slots, each holding one key at a time. When the operations of a key are used up, or its generator is
exhausted, a fresh key takes its slot. A slot has its own threads, at most so many: by default slots share out all
threads between them and no thread serves two (a key is then one small group's own); with `keys_at_once` given,
there are that many slots and neighbours may share threads, so that even few processes can work on many keys, and
each key is worked on by several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

import msgspec

from checkers.events import Event
from harness.client import Invocation
from harness.generator.base import PENDING, Context, Generator, Step, bits, soonest, turns
from harness.generator.lift import Source, lift

KeyFactory: TypeAlias = "Callable[[int], str | None]"
"""From 0, 1, 2, ... to keys; None: there are no more."""


def independent(
    keys: Iterable[str] | KeyFactory,
    generator_of_key: Callable[[str], Source],
    *,
    processes_per_key: int,
    ops_per_key: int | None = None,
    keys_at_once: int | None = None,
) -> Generator:
    """`generator_of_key(key)`, for each of the keys, a bounded number of keys at once; see the head of the module.
    Invocations that name no key are given theirs."""
    assert processes_per_key >= 1
    assert ops_per_key is None or ops_per_key >= 1
    assert keys_at_once is None or keys_at_once >= 1
    factory = keys if callable(keys) else _factory(tuple(keys))
    rules = Rules(factory, generator_of_key, processes_per_key, ops_per_key, keys_at_once)
    return Independent(rules, None, 0)


def _factory(keys: tuple[str, ...]) -> KeyFactory:
    return lambda number: keys[number] if number < len(keys) else None


class Rules(msgspec.Struct, frozen=True):
    factory: KeyFactory
    generator_of_key: Callable[[str], Source]
    processes_per_key: int
    ops_per_key: int | None
    keys_at_once: int | None


class Slot(msgspec.Struct, frozen=True):
    """`remaining`: how many more operations the key may have, None without bound."""

    threads: int
    key: str
    generator: Generator
    remaining: int | None


@lru_cache(maxsize=64)
def slots_of(threads: int, per_key: int, at_once: int | None) -> tuple[int, ...]:
    """The threads of each slot, as masks."""
    numbers = list(bits(threads))
    per_key = min(per_key, len(numbers))
    count = -(-len(numbers) // per_key) if at_once is None else at_once
    groups = [
        [numbers[place % len(numbers)] for place in range(slot * per_key, (slot + 1) * per_key)]
        for slot in range(count)
    ]
    if at_once is None:
        groups[-1] = numbers[(count - 1) * per_key :]
    return tuple(sum(1 << thread for thread in group) for group in groups)


class Independent(msgspec.Struct, frozen=True):
    """`slots` None: not begun. `used`: how many keys were taken from the factory."""

    rules: Rules
    slots: tuple[Slot, ...] | None
    used: int

    def next(self, context: Context) -> Step:
        if self.slots is None:
            return self._begin(context).next(context)
        if not context.free:
            return PENDING if self.slots else None
        return soonest(self._ask(context, self.slots), context.time)

    def update(self, context: Context, event: Event) -> Generator:
        for index, slot in enumerate(self.slots or ()):
            if slot.key == event.key:
                generator = slot.generator.update(context.narrow(slot.threads), event)
                if generator is slot.generator:
                    return self
                changed = Slot(slot.threads, slot.key, generator, slot.remaining)
                return self._with(index, changed)
        return self

    def _begin(self, context: Context) -> Independent:
        begun = Independent(self.rules, (), 0)
        for threads in slots_of(context.all, self.rules.processes_per_key, self.rules.keys_at_once):
            begun = begun._fill(threads)
        return begun

    def _fill(self, threads: int) -> Independent:
        """With one more slot, for these threads, if there is a key for it."""
        assert self.slots is not None
        key = self.rules.factory(self.used)
        if key is None:
            return self
        slot = Slot(threads, key, lift(self.rules.generator_of_key(key)), self.rules.ops_per_key)
        return Independent(self.rules, (*self.slots, slot), self.used + 1)

    def _ask(self, context: Context, slots: tuple[Slot, ...]) -> Iterator[Step]:
        """The slots' answers in turn. Where one is used up, the answer is that of all slots with a fresh key in its
        place, and the last."""
        for index in turns(len(slots), context.dice):
            slot = slots[index]
            if not slot.threads & context.free:
                yield PENDING
                continue
            step = self._ask_slot(context, index, slot)
            if step is None:
                yield self._replace(index).next(context)
                return
            yield step

    def _ask_slot(self, context: Context, index: int, slot: Slot) -> Step:
        if slot.remaining == 0:
            return None
        step = slot.generator.next(context.narrow(slot.threads))
        if not isinstance(step, tuple):
            return step
        remaining = None if slot.remaining is None else slot.remaining - 1
        after = self._with(index, Slot(slot.threads, slot.key, step[1], remaining))
        return _keyed(step[0], slot.key), after

    def _with(self, index: int, slot: Slot) -> Independent:
        assert self.slots is not None
        return Independent(self.rules, (*self.slots[:index], slot, *self.slots[index + 1 :]), self.used)

    def _replace(self, index: int) -> Independent:
        """A fresh key in the place of one that is used up; without one, the slot is gone."""
        assert self.slots is not None
        key = self.rules.factory(self.used)
        threads = self.slots[index].threads
        if key is None:
            return Independent(self.rules, self.slots[:index] + self.slots[index + 1 :], self.used)
        slot = Slot(threads, key, lift(self.rules.generator_of_key(key)), self.rules.ops_per_key)
        return Independent(self.rules, (*self.slots[:index], slot, *self.slots[index + 1 :]), self.used + 1)


def _keyed(invocation: Invocation, key: str) -> Invocation:
    if invocation.key is not None:
        return invocation
    return msgspec.structs.replace(invocation, key=key)
