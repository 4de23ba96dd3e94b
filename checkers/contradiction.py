"""A shrunk contradiction of one object, as those look at it who put it into words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from checkers.history import Operation

MOST_TOLD: Final = 12
"""Of the operations that a text lists."""

Story = tuple[str, str, Sequence[Operation]]
"""Kind, text, and operations that are no part of the contradiction but told of."""


class Invoked(Protocol):
    @property
    def invoked(self) -> int:
        """The event index of the invocation."""


Action = TypeVar("Action", bound=Invoked, covariant=True)


class Shrunk(Protocol[Action]):
    @property
    def core(self) -> Sequence[Action]:
        """What contradicts each other."""


@dataclass(frozen=True)
class Case(Generic[Action]):
    shrunk: Shrunk[Action]
    operations: Sequence[Operation]

    @cached_property
    def core(self) -> Sequence[Action]:
        return self.shrunk.core

    @cached_property
    def by_index(self) -> Mapping[int, Operation]:
        return {operation.invoked: operation for operation in self.operations}

    def op(self, action: Invoked) -> Operation:
        return self.by_index[action.invoked]


def listed(told: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(told) - MOST_TOLD
    return "; ".join(told[:MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")


def together(told: Sequence[str]) -> str:
    """'one, two and three'"""
    return ", ".join(told[:-1]) + " and " + told[-1]


def at_most(times: int) -> str:
    return "once" if times == 1 else f"at most {times} times"
