"""Steps: operations reduced to what sequential consistency is about: who, where, what was read, what was written.

A read is a step that reads; a write one that writes; a compare-and-set that matched does both, one that did not
match only reads. What certainly failed is left out, and so is a read without an answer. An unknown write counts only
if its value was observed, transitively: by a read, by the expected value of a compare-and-set that counts, or by the
value that a mismatch returned. (An unknown write that nobody observed can be left out of any order, so it refutes
nothing.)

A session is what one process did up to and with its first unknown operation: that one may take effect later than
what the process does next, so nothing says in which order they stand. (The harness retires such a process anyway.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from checkers.canonical import canonical
from checkers.events import EventType
from checkers.history import READS, Operation

Place = tuple[str | None, bytes]
"""A key and an encoded value."""


@dataclass(frozen=True, slots=True)
class Step:
    operation: Operation
    reads: bytes | None
    """The encoded value read, or None."""
    writes: bytes | None
    session: int
    """Sessions are numbered from 0 by their first operation."""

    @property
    def key(self) -> str | None:
        return self.operation.key


class AmbiguousValues(Exception):
    """Two writes put the same value in one key, so that a read of it does not tell which one it saw."""


def encode(value: Any) -> bytes:
    """Equal bytes for equal JSON values."""
    return repr(canonical(value)).encode()


INITIAL: Final = encode(None)


def steps(operations: Iterable[Operation]) -> list[Step]:
    """The steps of a history in the order of their invocations."""
    certain: list[Step] = []
    unknown: dict[Place, list[Step]] = {}
    sessions = _Sessions()
    for operation in operations:
        step = _step(operation, sessions.of(operation))
        if step is None:
            continue
        if operation.outcome is EventType.OK:
            certain.append(step)
        elif step.writes is not None:
            unknown.setdefault((step.key, step.writes), []).append(step)
    counted = certain + _observed(certain, unknown)
    return sorted(counted, key=lambda step: step.operation.invoked)


class _Sessions:
    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """Process -> its session."""
        self._count = 0

    def of(self, operation: Operation) -> int:
        """The session that an operation belongs to; operations come in the order of their invocations."""
        session = self._open.setdefault(operation.process, self._count)
        self._count += session == self._count
        if operation.outcome is EventType.INFO:
            del self._open[operation.process]
        return session


def _step(operation: Operation, session: int) -> Step | None:
    if operation.outcome is EventType.FAIL:
        return None
    if operation.f in READS:
        return Step(operation, encode(operation.value), None, session)
    if operation.f in ("write", "put"):
        return Step(operation, None, encode(operation.value), session)
    if operation.f == "cas":
        if operation.outcome is EventType.OK and not operation.matched:
            assert operation.completion is not None
            return Step(operation, encode(operation.completion.actual), None, session)
        expected, new = operation.value
        return Step(operation, encode(expected), encode(new), session)
    return None


def _observed(certain: Sequence[Step], unknown: dict[Place, list[Step]]) -> list[Step]:
    """The unknown writes whose values are read, also by each other. A value that two writes may have put there makes
    the history ambiguous, which `writers` finds."""
    wanted = [(step.key, step.reads) for step in certain if step.reads is not None]
    found: list[Step] = []
    while wanted:
        for step in unknown.pop(wanted.pop(), ()):
            found.append(step)
            if step.reads is not None:
                wanted.append((step.key, step.reads))
    return found


def writers(all_steps: Sequence[Step]) -> dict[Place, int]:
    """(key, value) -> the position of the step that wrote it. Raises AmbiguousValues."""
    found: dict[Place, int] = {}
    for position, step in enumerate(all_steps):
        if step.writes is None:
            continue
        if step.writes == INITIAL or found.setdefault((step.key, step.writes), position) != position:
            raise AmbiguousValues(f"the value {step.writes.decode()} was written to {step.key} more than once")
    return found


def describe(operation: Operation) -> str:
    """An operation in words: who did what, when."""
    event = operation.completion if operation.outcome is EventType.OK else operation.invoke
    assert event is not None
    at = f"at {event.time / 1e9:.3f} s"
    where, who = operation.key, f"process {operation.process}"
    if operation.f in READS:
        return f"{who} read {operation.value!r} from {where} {at}"
    if operation.f in ("write", "put"):
        unknown = "" if operation.outcome is EventType.OK else " (outcome unknown)"
        return f"{who} wrote {operation.value!r} to {where} {at}{unknown}"
    expected, new = operation.value
    if operation.outcome is EventType.OK and not operation.matched:
        return f"{who} found {event.actual!r} in {where} {at}"
    return f"{who} set {where} from {expected!r} to {new!r} {at}"
