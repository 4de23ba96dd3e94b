"""Histories for tests: written down call by call, or by playing an object to clients that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, NamedTuple, Protocol

from checkers.checker import Budget, Checker, Recording
from checkers.events import Event, EventType
from checkers.history import History
from checkers.verdict import Result


class Call(NamedTuple):
    process: int
    f: str
    value: Any = None
    key: str | None = None


class Answer(NamedTuple):
    """What comes of the process's open call. `value` None: what it was called with."""

    process: int
    type: EventType
    value: Any = None
    fields: dict[str, Any] = {}  # noqa: RUF012 (never changed)


Step = Call | Answer


def call(process: int, f: str, value: Any = None, key: str | None = None) -> Call:
    return Call(process, f, value, key)


def ok(process: int, value: Any = None, **fields: Any) -> Answer:
    return Answer(process, EventType.OK, value, fields)


def fail(process: int, error: str = "refused") -> Answer:
    return Answer(process, EventType.FAIL, None, {"error": error})


def info(process: int, error: str = "timeout") -> Answer:
    return Answer(process, EventType.INFO, None, {"error": error})


def did(process: int, f: str, value: Any = None, answer: Any = None, key: str | None = None) -> list[Step]:
    """A call and its answer, with nothing between."""
    return [call(process, f, value, key), ok(process, answer)]


def lost(process: int, f: str, value: Any = None, key: str | None = None) -> list[Step]:
    """A call whose answer never came."""
    return [call(process, f, value, key), info(process)]


def history(*steps: Step | Sequence[Step], step_ns: int = 1_000_000) -> History:
    """Calls and answers, or lists of them, in the order in which they were recorded."""
    events: list[Event] = []
    open_calls: dict[int, Call] = {}
    for step in _flat(steps):
        place = {"index": len(events), "time": len(events) * step_ns, "process": step.process}
        if isinstance(step, Call):
            open_calls[step.process] = step
            events.append(Event(**place, type=EventType.INVOKE, f=step.f, key=step.key, value=step.value))
        else:
            of = open_calls.pop(step.process)
            value = of.value if step.value is None else step.value
            events.append(Event(**place, type=step.type, f=of.f, key=of.key, value=value, **step.fields))
    return History(events)


def _flat(steps: Iterable[Step | Sequence[Step]]) -> Iterable[Step]:
    for step in steps:
        if isinstance(step, Call | Answer):
            yield step
        else:
            yield from step


def check(checker: Checker, recorded: History) -> Result:
    return checker.check(Recording(recorded), Budget())


def kinds(result: Result) -> list[str]:
    return sorted(result.details["findings"])


class Failed(Exception):
    """The object says no: the operation did not happen."""


class Played(Protocol):
    """An object that does one thing at a time."""

    def propose(self, dice: Random, process: int) -> Call:
        """What the process does next."""

    def apply(self, call: Call) -> Any:
        """Does it, and returns the answer. Raises Failed where it is refused."""


class _Open(NamedTuple):
    call: Call
    effect: list[Any]
    """Empty until it took effect; then one answer, or a Failed."""


def play(make: Callable[[], Played], dice: Random, *, steps: int, processes: int = 3, unknown: float = 0.2) -> History:
    """A history that an object of this kind explains: each operation takes effect at one moment between its call and
    its answer; of those whose answers are lost, some take effect by then, some later, some never."""
    played, recorded = make(), list[Step]()
    open_calls: dict[int, _Open] = {}
    late: list[_Open] = []
    names = list(range(processes))
    for _ in range(steps):
        thread = dice.randrange(processes)
        process = names[thread]
        if late and dice.random() < 0.2:
            _take_effect(played, late.pop(dice.randrange(len(late))))
        elif process not in open_calls:
            open_calls[process] = _Open(played.propose(dice, process), [])
            recorded.append(open_calls[process].call)
        elif not open_calls[process].effect and dice.random() < 0.6:
            _take_effect(played, open_calls[process])
        elif dice.random() < unknown:
            late += [open_calls[process]] if not open_calls[process].effect else []
            recorded.append(info(process))
            del open_calls[process]
            names[thread] += processes
        elif open_calls[process].effect:
            recorded.append(_answer(process, open_calls.pop(process).effect[0]))
    return history(recorded)


def _take_effect(played: Played, one: _Open) -> None:
    try:
        one.effect.append(played.apply(one.call))
    except Failed as refused:
        one.effect.append(refused)


def _answer(process: int, effect: Any) -> Answer:
    return fail(process, str(effect)) if isinstance(effect, Failed) else ok(process, effect)
