"""Who: which threads a generator may use.

A combinator here narrows the context that its generators are asked with, and tells each generator only of the events
of its own threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import cast

import msgspec

from checkers.events import Event
from harness.generator.base import PENDING, Context, Generator, Step, bits, soonest
from harness.generator.choice import any_of
from harness.generator.lift import Source, lift


def clients(source: Source, nemesis_source: Source = None) -> Generator:
    """The source for client processes alone; beside it, if given, another for the nemesis alone."""
    generator = OnRole(False, lift(source))
    return generator if nemesis_source is None else any_of(generator, nemesis(nemesis_source))


def nemesis(source: Source, client_source: Source = None) -> Generator:
    """The source for the nemesis alone; beside it, if given, another for client processes alone."""
    generator = OnRole(True, lift(source))
    return generator if client_source is None else any_of(generator, clients(client_source))


def reserve(*parts: tuple[int, Source] | Source) -> Generator:
    """`reserve((5, writes), (2, cas), reads)`: the first five threads for writes, the next two for cas, all others
    for the last. Counts are of the threads that this generator is given."""
    *ranges, default = parts
    counted = [cast("tuple[int, Source]", part) for part in ranges]
    assert all(count >= 0 for count, _ in counted)
    generators = (*(lift(source) for _, source in counted), lift(cast(Source, default)))
    return Reserve(tuple(count for count, _ in counted), generators)


def each_process(source: Source) -> Generator:
    """A copy of the source for every process. A process that takes over from another begins anew."""
    return EachProcess(lift(source), {})


class OnRole(msgspec.Struct, frozen=True):
    is_nemesis: bool
    generator: Generator

    def next(self, context: Context) -> Step:
        narrow = context.narrow(self._threads(context))
        if not narrow.all:
            return None
        step = self.generator.next(narrow)
        return (step[0], OnRole(self.is_nemesis, step[1])) if isinstance(step, tuple) else step

    def update(self, context: Context, event: Event) -> Generator:
        threads = self._threads(context)
        if not threads >> context.thread_of(event.process) & 1:
            return self
        generator = self.generator.update(context.narrow(threads), event)
        return self if generator is self.generator else OnRole(self.is_nemesis, generator)

    def _threads(self, context: Context) -> int:
        clients = (1 << context.concurrency) - 1
        return 1 << context.concurrency if self.is_nemesis else clients


@lru_cache(maxsize=256)
def ranges(threads: int, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Splits a mask of threads: so many, so many, ..., and the rest."""
    masks: list[int] = []
    remaining = list(bits(threads))
    for count in (*counts, len(remaining)):
        masks.append(sum(1 << thread for thread in remaining[:count]))
        remaining = remaining[count:]
    return tuple(masks)


class Reserve(msgspec.Struct, frozen=True):
    """Where more than one part has an operation due, the turn falls to parts in proportion to their free threads."""

    counts: tuple[int, ...]
    generators: tuple[Generator, ...]

    def next(self, context: Context) -> Step:
        masks = ranges(context.all, self.counts)
        start = _owner(masks, context.some_free_thread()) if context.free else 0
        order = (*range(start, len(masks)), *range(start))
        return soonest((self._ask(index, context.narrow(masks[index])) for index in order), context.time)

    def update(self, context: Context, event: Event) -> Generator:
        masks = ranges(context.all, self.counts)
        index = _owner(masks, context.thread_of(event.process))
        generator = self.generators[index].update(context.narrow(masks[index]), event)
        return self if generator is self.generators[index] else self._with(index, generator)

    def _ask(self, index: int, narrow: Context) -> Step:
        if not narrow.all:
            return None
        if not narrow.free:
            return PENDING
        step = self.generators[index].next(narrow)
        return (step[0], self._with(index, step[1])) if isinstance(step, tuple) else step

    def _with(self, index: int, generator: Generator) -> Reserve:
        return Reserve(self.counts, (*self.generators[:index], generator, *self.generators[index + 1 :]))


def _owner(masks: tuple[int, ...], thread: int) -> int:
    """Which of the masks has the thread; the last for a thread that none has."""
    return next((index for index, mask in enumerate(masks) if mask >> thread & 1), len(masks) - 1)


class EachProcess(msgspec.Struct, frozen=True):
    """`begun`: by process, what is left of its copy; those not named have all of it before them."""

    fresh: Generator
    begun: Mapping[int | str, Generator]

    def next(self, context: Context) -> Step:
        start = context.dice.below(len(context.processes))
        answers = (self._ask(context, thread) for thread in _round(context.free, start))
        busy = [PENDING] if context.free != context.all else []
        return soonest(chain(answers, busy), context.time)

    def update(self, context: Context, event: Event) -> Generator:
        narrow = context.narrow(1 << context.thread_of(event.process))
        before = self.begun.get(event.process, self.fresh)
        after = before.update(narrow, event)
        return self if after is before else self._with(event.process, after)

    def _ask(self, context: Context, thread: int) -> Step:
        process = context.processes[thread]
        step = self.begun.get(process, self.fresh).next(context.narrow(1 << thread))
        return (step[0], self._with(process, step[1])) if isinstance(step, tuple) else step

    def _with(self, process: int | str, generator: Generator) -> EachProcess:
        return EachProcess(self.fresh, {**self.begun, process: generator})


def _round(mask: int, start: int) -> list[int]:
    """The threads of a mask in turn, beginning at `start`."""
    return [*bits(mask >> start << start), *bits(mask & ((1 << start) - 1))]
