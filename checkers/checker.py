"""What every checker is: a recording in, a result out, nothing else touched.

Checkers never look at a clock or start a process by themselves. Whoever calls them hands in a `Budget`, which says
when to give up, and how to map over independent parts in parallel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from checkers.verdict import Result

if TYPE_CHECKING:
    from checkers.history import History

A = TypeVar("A")
B = TypeVar("B")


class OutOfTime(Exception):
    """The budget is used up: the answer is unknown."""


class NotOfModel(ValueError):
    """An operation that the object which is judged does not have. `event`: the index of its invocation."""

    def __init__(self, event: int, why: str) -> None:
        super().__init__(event, why)  # both, so that it pickles: checkers run in other processes too
        self.event = event
        self.why = why

    def __str__(self) -> str:
        return f"event {self.event}: {self.why}"


def serial_map(function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    return map(function, items)


@dataclass(frozen=True)
class Budget:
    """How long a checker may go on, and how it may spread its work."""

    seconds_left: Callable[[], float] = lambda: float("inf")
    map: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]] = serial_map
    """Order-preserving map over independent items; function and items must pickle."""

    def spend(self) -> None:
        """Raises OutOfTime when nothing is left. Call it every few thousand steps."""
        if self.seconds_left() <= 0:
            raise OutOfTime


@dataclass(frozen=True)
class Recording:
    """All that a run left behind for checkers to judge."""

    history: History
    traces: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Node name -> the records of its trace.jsonl, in the order written (docs/trace-format.md)."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """Node name -> what its server logged."""
    asked_faults: Sequence[str] = ()
    """Kinds of fault that the experiment asked for."""


class Checker(Protocol):
    @property
    def name(self) -> str: ...

    def check(self, recording: Recording, budget: Budget) -> Result:
        """May raise OutOfTime; the caller makes that unknown."""
