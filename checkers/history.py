"""Histories: reading history.jsonl, and pairing invocations with their completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS, Event, EventType


class HistoryError(ValueError):
    """The bytes are not a history. `line` counts from 1."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")
        self.line = line
        self.why = why


PENDING: Final = 1 << 62
"""`Operation.returned` of an operation that may take effect at any later time: after every event."""


class Operation(msgspec.Struct, frozen=True, gc=False):
    """An invocation and its completion.

    `invoked` < `returned` are event indexes; an operation with outcome info (or with no completion at all) has
    `returned` == PENDING and outcome INFO.
    """

    process: int
    f: str
    key: str | None
    value: Any
    """write: the value; cas: (expected, new) as recorded; an ok read: the value read; other reads: None."""
    outcome: EventType
    invoked: int
    returned: int
    invoke: Event
    completion: Event | None

    @property
    def matched(self) -> bool:
        """cas that is ok: whether it matched."""
        return self.completion is not None and self.completion.actual is msgspec.UNSET


@dataclass(frozen=True)
class History:
    """The events of a run in recorded order."""

    events: Sequence[Event]
    cut: bool = False
    """The last line was incomplete (the recorder was killed while writing) and was left out."""

    @cached_property
    def operations(self) -> Sequence[Operation]:
        """Client operations by invocation order. Raises HistoryError where pairing fails."""
        return tuple(pair(self.events))

    @cached_property
    def nemesis(self) -> Sequence[Event]:
        return tuple(event for event in self.events if event.process == NEMESIS)


_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """One line of history.jsonl, with its newline."""
    return _encoder.encode(event) + b"\n"


def decode(data: bytes) -> History:
    """Reads history.jsonl. A last line without its newline is taken as cut off while being written and left out
    (History.cut says so); anything else that is not an event raises HistoryError with its line number."""
    lines = data.split(b"\n")
    cut = lines.pop() != b""
    events: list[Event] = []
    for number, line in enumerate(lines, 1):
        try:
            event = _decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise HistoryError(number, f"not an event: {error}") from error
        if event.index != number - 1:
            raise HistoryError(number, f"index {event.index} where {number - 1} belongs")
        events.append(event)
    return History(events, cut)


def pair(events: Iterable[Event]) -> Iterator[Operation]:
    """Invocations with their completions, ordered by invocation. Nemesis events are left out."""
    open_invokes: dict[int, Event] = {}
    completed: dict[int, tuple[Event, Event]] = {}
    order: list[Event] = []
    for event in events:
        process = event.process
        if not isinstance(process, int):
            if process != NEMESIS:
                raise HistoryError(event.index + 1, f"process {process!r} is neither a number nor {NEMESIS!r}")
            continue
        if event.type is EventType.INVOKE:
            if process in open_invokes:
                raise HistoryError(event.index + 1, f"process {process} invokes before its last operation completed")
            open_invokes[process] = event
            order.append(event)
        else:
            invoke = open_invokes.pop(process, None)
            if invoke is None:
                raise HistoryError(event.index + 1, f"process {process} completes what it never invoked")
            if invoke.f != event.f or invoke.key != event.key:
                raise HistoryError(event.index + 1, f"process {process} completes {event.f}, not its {invoke.f}")
            completed[invoke.index] = (invoke, event)
    for invoke in order:
        yield _operation(invoke, completed.get(invoke.index, (invoke, None))[1])


def _operation(invoke: Event, completion: Event | None) -> Operation:
    assert isinstance(invoke.process, int)
    outcome = EventType.INFO if completion is None else completion.type
    known = completion is not None and outcome is not EventType.INFO
    value = invoke.value
    if invoke.f == "read" and completion is not None and outcome is EventType.OK:
        value = completion.value
    return Operation(
        process=invoke.process,
        f=invoke.f,
        key=invoke.key,
        value=value,
        outcome=outcome,
        invoked=invoke.index,
        returned=completion.index if known and completion is not None else PENDING,
        invoke=invoke,
        completion=completion,
    )
