"""Histories: reading history.jsonl, and pairing invocations with their completions."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from checkers.columns import Operations, Unpaired
from checkers.errors import HistoryError
from checkers.events import NEMESIS, Event, EventType
from checkers.operation import PENDING, READS, Operation, operation

__all__ = ["LONG", "PENDING", "READS", "History", "HistoryError", "Operation", "decode", "encode", "pair"]


LONG: Final = 2_000
"""Events from which on columns pay: a shorter history is paired at once."""
LARGE_BYTES: Final = 1 << 22
"""Of a history for which the garbage collector is kept away."""


@dataclass(frozen=True)
class History:
    """The events of a run in recorded order."""

    events: Sequence[Event]
    cut: bool = False
    """The last line was incomplete (the recorder was killed while writing) and was left out."""
    lines: Sequence[int] = ()
    """Where the file is not one event a line: by event index, the line (from 1) on which it stands."""
    timed: bool = True
    """Whether the times were recorded; else the clock ticks a millisecond an event."""

    def line_of(self, index: int) -> int:
        """The line of the file, from 1, on which an event stands."""
        return self.lines[index] if self.lines else index + 1

    @cached_property
    def operations(self) -> Sequence[Operation]:
        """Client operations by invocation order. Raises HistoryError where pairing fails."""
        if len(self.events) >= LONG:
            with contextlib.suppress(Unpaired):
                return Operations.paired(self.events)
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
    end = data.rfind(b"\n") + 1
    whole = memoryview(data)[:end]
    try:
        with _no_garbage() if end >= LARGE_BYTES else contextlib.nullcontext():
            events = _decoder.decode_lines(whole)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        events = []
    # The fast way skips empty lines and does not say where it failed; whatever is odd is read again line by line.
    if len(events) != data.count(b"\n") or any(event.index != at for at, event in enumerate(events)):
        events = list(_line_by_line(bytes(whole)))
    return History(events, cut=end < len(data))


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """While millions of objects are made that all stay, looking for garbage among them takes half of the time. What
    was made counts as old afterwards, so that the next looks leave it alone too. So does the garbage of that moment:
    which is why this is not for small histories, of which there may be very many."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        if was_on:
            gc.enable()


def _line_by_line(data: bytes) -> Iterator[Event]:
    for index, line in enumerate(data.split(b"\n")[:-1]):
        try:
            event = _decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise HistoryError(index + 1, f"not an event: {error}") from error
        except RecursionError:
            raise HistoryError(index + 1, "not an event: too many brackets inside each other") from None
        if event.index != index:
            raise HistoryError(index + 1, f"index {event.index} where {index} belongs")
        yield event


def pair(events: Iterable[Event]) -> Iterator[Operation]:
    """Invocations with their completions, ordered by invocation. Nemesis events are left out."""
    completions: list[Event | None] = []
    invokes: list[Event] = []
    open_at: dict[int, int] = {}
    """Process -> the place of its open invocation in `invokes`."""
    invoke = EventType.INVOKE
    for event in events:
        process = event.process
        if not isinstance(process, int):
            _check_nemesis(event)
        elif event.type is invoke:
            if process in open_at:
                raise HistoryError(event.index + 1, f"process {process} invokes before its last operation completed")
            open_at[process] = len(invokes)
            invokes.append(event)
            completions.append(None)
        else:
            at = open_at.pop(process, None)
            if at is None:
                raise HistoryError(event.index + 1, f"process {process} completes what it never invoked")
            _check_pair(invokes[at], event)
            completions[at] = event
    return map(operation, invokes, completions)


def _check_nemesis(event: Event) -> None:
    if event.process != NEMESIS:
        raise HistoryError(event.index + 1, f"process {event.process!r} is neither a number nor {NEMESIS!r}")


def _check_pair(invoke: Event, completion: Event) -> None:
    if invoke.f != completion.f or invoke.key != completion.key:
        began, ended = f"{invoke.f} of {invoke.key}", f"{completion.f} of {completion.key}"
        raise HistoryError(completion.index + 1, f"process {invoke.process} completes {ended}, not its {began}")
