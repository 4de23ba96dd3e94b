"""In what order: waiting for each other, and one phase after the other."""

from __future__ import annotations

import msgspec

from checkers.events import Event
from harness.generator.base import PENDING, Context, Generator, Step
from harness.generator.lift import Source, lift, sequence


def synchronize(source: Source) -> Generator:
    """The source, begun when every process is free."""
    return Synchronize(lift(source))


def phases(*sources: Source) -> Generator:
    """One source after the other, each begun when all operations of the one before have completed."""
    return sequence([synchronize(source) for source in sources])


def then(first: Source, second: Source) -> Generator:
    """The first, and when all its operations have completed the second."""
    return sequence([lift(first), synchronize(second)])


class Synchronize(msgspec.Struct, frozen=True):
    generator: Generator

    def next(self, context: Context) -> Step:
        return self.generator.next(context) if context.free == context.all else PENDING

    def update(self, context: Context, event: Event) -> Generator:
        return self
