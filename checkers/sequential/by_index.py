"""Reads judged by the log indexes that the nodes report: exact, as far as the indexes are true.

The log is the one order. A write stands at its entry's index; a read says which index the state that it read had
reached. Of any read, whatever its mode, three things must hold:

1. An index holds one entry: no two writes report the same.
2. The log only grows: a write stands above every index that anyone had been told before it was invoked.
3. A read at index i returns the value of the last write to its key at or below i.

Sequential and linearizable reads promise more:

4. Sequential: a process never goes back. Each of its reads reports an index no lower than any that it had seen before.
5. Linearizable: nobody goes back. A read reports an index no lower than any that anybody had been told before it was
   invoked.

An unknown write reports no index. If its value was read it stands somewhere: above every index at which its key still
had another value before that, and at or below the lowest index at which it was read. An unknown compare-and-set whose
value was read stands right behind the value that it expected, which may be another unknown write's. All such writes
must find a free index of their own; earliest deadline first finds places whenever there are any. Values may repeat, as
long as no two unknown writes that were observed put the same value in one key.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import READS, Operation
from checkers.sequential.places import Window, unplaced
from checkers.sequential.steps import INITIAL, Step, describe, steps
from checkers.verdict import Anomaly, Result, Verdict


@dataclass(frozen=True)
class SequentialByIndex:
    """Log indexes are what sequential reads work by, so answers without one are unknown."""

    name: str = "sequential-by-index"

    def check(self, recording: Recording, budget: Budget) -> Result:
        return _judge(self.name, recording, _going_back)


@dataclass(frozen=True)
class LinearizableByIndex:
    """Where not every answer reports a log index there is nothing to replay, and nothing is missed: linearizability is
    decided by values."""

    name: str = "linearizable-by-index"

    def check(self, recording: Recording, budget: Budget) -> Result:
        return _not_reported(self.name, recording) or _judge(self.name, recording, _behind)


@dataclass(frozen=True)
class StaleByIndex:
    """Where not every answer reports a log index there is nothing to replay."""

    name: str = "stale-by-index"

    def check(self, recording: Recording, budget: Budget) -> Result:
        return _not_reported(self.name, recording) or _judge(self.name, recording, lambda answered: iter(()))


def _not_reported(name: str, recording: Recording) -> Result | None:
    answered = [op for op in recording.history.operations if op.outcome is EventType.OK]
    silent = sum(_index(op) is None for op in answered)
    if not silent:
        return None
    nothing = f"nothing was replayed: {silent:,} of {len(answered):,} answers report no log index"
    return Result(checker=name, verdict=Verdict.VALID, algorithm=nothing)


def _judge(name: str, recording: Recording, reads: Callable[[Sequence[Operation]], Iterator[Anomaly]]) -> Result:
    """`reads`: what the mode promises of a read's index."""
    operations = recording.history.operations
    answered = [op for op in operations if op.outcome is EventType.OK]
    result = Result(checker=name, verdict=Verdict.UNKNOWN, operations=len(answered))
    silent = [op for op in answered if _index(op) is None]
    if silent:
        result.reason = f"{len(silent)} ok operations report no log index, the first at event {silent[0].invoked}"
        return result
    all_steps = steps(operations)
    repeated = _repeated_unknown(all_steps)
    if repeated is not None:
        result.reason = f"which unknown write put it there is not known: {describe(repeated.operation)}"
        return result
    result.anomalies = [
        *_shared_indexes(answered),
        *reads(answered),
        *_against_real_time(answered),
        *_replay(operations, all_steps),
    ]
    result.verdict = Verdict.INVALID if result.anomalies else Verdict.VALID
    return result


def _repeated_unknown(all_steps: Sequence[Step]) -> Step | None:
    """An unknown write of a value that another unknown write put into the same key, or that was there at first."""
    seen: set[tuple[str | None, bytes | None]] = set()
    for step in all_steps:
        if step.writes is not None and step.operation.outcome is not EventType.OK:
            if (step.key, step.writes) in seen or step.writes == INITIAL:
                return step
            seen.add((step.key, step.writes))
    return None


def _index(op: Operation) -> int | None:
    return op.completion.log_index if op.completion is not None else None


def _known(op: Operation) -> int:
    index = _index(op)
    assert index is not None
    return index


def _is_entry(op: Operation) -> bool:
    return op.f not in READS


def _shared_indexes(answered: Sequence[Operation]) -> Iterator[Anomaly]:
    holders: dict[int, Operation] = {}
    for op in filter(_is_entry, answered):
        other = holders.setdefault(_known(op), op)
        if other is not op:
            yield Anomaly(
                kind="shared-index",
                key=op.key,
                operations=[other.invoked, op.invoked],
                text=f"{describe(other)} and {describe(op)}, and both were told log index {_known(op)}",
            )


def _going_back(answered: Sequence[Operation]) -> Iterator[Anomaly]:
    highest: dict[int, Operation] = {}
    for op in answered:
        before = highest.get(op.process)
        if before is not None and not _is_entry(op) and _known(op) < _known(before):
            yield _old(op, before, "index-went-back", f"it had already seen log index {_known(before)}")
        if before is None or _known(op) > _known(before):
            highest[op.process] = op


def _behind(answered: Sequence[Operation]) -> Iterator[Anomaly]:
    seen = _seen_before(answered)
    for op in answered:
        before = seen.get(op.invoked)
        if before is not None and not _is_entry(op) and _known(op) < _known(before):
            yield _old(op, before, "index-behind", f"log index {_known(before)} had been told")


def _old(op: Operation, before: Operation, kind: str, known: str) -> Anomaly:
    text = f"{describe(op)}{_where(op)}, at log index {_known(op)}, after {known}: {describe(before)}"
    return Anomaly(kind=kind, key=op.key, operations=[before.invoked, op.invoked], text=text)


def _where(op: Operation) -> str:
    return f" on {op.completion.node}" if op.completion is not None and op.completion.node else ""


def _seen_before(operations: Sequence[Operation]) -> dict[int, Operation]:
    """Invocation -> the operation with the highest index of all that were answered by then."""
    answers = sorted((op for op in operations if op.outcome is EventType.OK), key=lambda op: op.returned)
    found: dict[int, Operation] = {}
    highest: Operation | None = None
    position = 0
    for op in operations:
        while position < len(answers) and answers[position].returned < op.invoked:
            if highest is None or _known(answers[position]) > _known(highest):
                highest = answers[position]
            position += 1
        if highest is not None:
            found[op.invoked] = highest
    return found


def _against_real_time(answered: Sequence[Operation]) -> Iterator[Anomaly]:
    seen = _seen_before(answered)
    for op in filter(_is_entry, answered):
        before = seen.get(op.invoked)
        if before is not None and _known(before) >= _known(op):
            yield Anomaly(
                kind="write-order",
                key=op.key,
                operations=[before.invoked, op.invoked],
                text=f"{describe(op)} at log index {_known(op)}, invoked only after log index {_known(before)} had "
                f"been told: {describe(before)}",
            )


@dataclass(frozen=True, slots=True)
class _Sight:
    """At log index `index` the key held `value`, as `step` saw it."""

    index: int
    value: bytes
    step: Step


def _replay(operations: Sequence[Operation], all_steps: Sequence[Step]) -> Iterator[Anomaly]:
    by_key: dict[str | None, list[Step]] = {}
    for step in all_steps:
        by_key.setdefault(step.key, []).append(step)
    seen_before = _seen_before(operations)
    windows: list[Window] = []
    for key_steps in by_key.values():
        yield from _replay_key(key_steps, seen_before, windows)
    taken = {_known(op) for op in operations if op.outcome is EventType.OK and _is_entry(op)}
    yield from unplaced(windows, taken)


def _replay_key(
    key_steps: Sequence[Step], seen_before: dict[int, Operation], windows: list[Window]
) -> Iterator[Anomaly]:
    """Walks the sights of one key up the log. `holder` is the write in place, and `above` the lowest index above
    which the next write may stand: that of the holder, or of the last sight of it."""
    certain = [step for step in key_steps if step.operation.outcome is EventType.OK]
    placed = sorted((step for step in certain if step.writes is not None), key=lambda step: _known(step.operation))
    at = [_known(step.operation) for step in placed]
    unknown = {step.writes: step for step in key_steps if step.operation.outcome is not EventType.OK}
    above, holder = 0, None
    for sight in sorted((_sight(step) for step in certain if step.reads is not None), key=lambda sight: sight.index):
        position = bisect_right(at, sight.index) - 1
        if position >= 0 and at[position] > above:
            above, holder = at[position], placed[position]
        if sight.value == (INITIAL if holder is None else holder.writes):
            above = max(above, sight.index)
        elif sight.value in unknown:
            chain = _written_since(sight, holder, unknown)
            if chain is None:
                yield _wrong_value(sight, holder, unknown.pop(sight.value))
                continue
            windows += _windows(chain, sight, above, seen_before)
            above, holder = sight.index, chain[-1]
            for write in chain:
                del unknown[write.writes]
        else:
            yield _wrong_value(sight, holder)


def _written_since(sight: _Sight, holder: Step | None, unknown: dict[bytes | None, Step]) -> list[Step] | None:
    """The unknown writes after the holder's that put the sight's value there, in their order: a compare-and-set needs
    the value that it expected, from the holder or from another unknown write. None: that was not there."""
    there = INITIAL if holder is None else holder.writes
    chain = [unknown[sight.value]]
    while (expected := chain[0].reads) is not None and expected != there:
        if expected not in unknown or unknown[expected] in chain:
            return None
        chain.insert(0, unknown[expected])
    return chain


def _windows(chain: Sequence[Step], sight: _Sight, above: int, seen_before: dict[int, Operation]) -> Iterator[Window]:
    """Windows that follow each other, so that the earliest deadline first keeps the chain's order."""
    for number, write in enumerate(chain, 1):
        told = seen_before.get(write.operation.invoked)
        above = max(above, _known(told)) if told is not None else above
        yield Window(above, sight.index - len(chain) + number, write, sight.step)
        above += 1


def _sight(step: Step) -> _Sight:
    """A compare-and-set that matched read the state just below its own entry."""
    assert step.reads is not None
    return _Sight(_known(step.operation) - (step.writes is not None), step.reads, step)


def _wrong_value(sight: _Sight, holder: Step | None, unknown: Step | None = None) -> Anomaly:
    """`unknown`: the compare-and-set that alone could have put the value there, and did not find what it expected."""
    op = sight.step.operation
    if holder is None:
        should = "nothing had been written to that key by then"
    elif holder.operation.outcome is EventType.OK:
        index = _known(holder.operation)
        should = f"the last write to it at or below that index was at log index {index}: {describe(holder.operation)}"
    else:
        should = f"a read at that index or below had already seen a later value: {describe(holder.operation)}"
    if unknown is not None:
        should = f"only this could have put it there: {describe(unknown.operation)}; and {should}"
    named = [step.operation.invoked for step in (sight.step, holder, unknown) if step is not None]
    return Anomaly(
        kind="stale-read" if op.f in READS and unknown is None else "wrong-value",
        key=op.key,
        operations=sorted(named),
        text=f"{describe(op)}{_where(op)} at log index {sight.index}, but {should}",
    )
