"""Eventual consistency, as far as a history that ends can show it.

What is meant is about time without end: once writes stop, all reads but finitely many return one and the same value,
that of a last write (Vogels, "Eventually Consistent", Commun. ACM 52(1), 2009). No finite history contradicts that:
the next read might have been the first right one. So what is judged is whether everybody had come to agree when the
history ended, which says something only if it did not end in the middle of things:

- The history is *quiet* after the last write that may have happened (its invocation, and its answer if there was one)
  and after the last event of the nemesis. It has *settled* if that last event is that everything was seen to be
  healed: runs then wait until all nodes have caught up, and only then read again.
- A process's *final* read of a key is its last one that was invoked when all was quiet. No final read: unknown.
- Where final reads are wrong though the history had not settled, nodes perhaps had no time to catch up: unknown.
- A final read must return a value that can have been written last: not one that was certainly replaced by another
  write that was acknowledged. And final reads of a key must agree.
- A write whose answer never came may take effect at any time, also between two final reads. So its value may always
  be read, and it excuses disagreement between those who read it and those who do not.
- A value that more than one write may have put there counts as last if one of these writes may have been.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checkers.consistency.record import is_write
from checkers.consistency.words import did, moment
from checkers.events import Event, EventType
from checkers.history import READS, History
from checkers.sequential.steps import Step
from checkers.verdict import Anomaly


@dataclass(frozen=True)
class Converged:
    """`final_reads` of the mode were looked at; none of them: nothing is known."""

    final_reads: int
    anomalies: Sequence[Anomaly]


@dataclass(frozen=True)
class Quiet:
    """After the event `after` there is no write and no fault any more."""

    after: int
    settled: bool


def quiet_of(history: History) -> Quiet:
    last = max((event.index for event in history.nemesis), default=-1)
    healed = max((event.index for event in history.nemesis if _healed(event)), default=None)
    for operation in history.operations:
        if operation.f not in READS and operation.outcome is not EventType.FAIL:
            last = max(last, operation.invoked, -1 if operation.completion is None else operation.completion.index)
    return Quiet(last, last == healed)


def _healed(event: Event) -> bool:
    return event.f == "heal" and event.type is EventType.OK


def converged(steps: Sequence[Step], quiet: int, initial: bytes) -> Converged:
    """`steps`: the writes (unknown ones if somebody read them) and the reads of one mode."""
    final: dict[tuple[str | None, int], Step] = {}
    for step in steps:
        if not is_write(step) and step.operation.invoked > quiet:
            final[step.key, step.operation.process] = step
    by_key: dict[str | None, list[Step]] = {}
    for (key, _), step in final.items():
        by_key.setdefault(key, []).append(step)
    writes: dict[str | None, list[Step]] = {key: [] for key in by_key}
    for step in steps:
        if step.writes is not None and step.key in writes:
            writes[step.key].append(step)
    anomalies = [found for key, reads in by_key.items() for found in _disagreement(reads, writes[key], initial)]
    return Converged(len(final), anomalies)


def _disagreement(reads: Sequence[Step], writes: Sequence[Step], initial: bytes) -> Iterator[Anomaly]:
    """At most one anomaly a key."""
    certain = [step for step in writes if step.operation.outcome is EventType.OK]
    open_values = {step.writes for step in writes if step.operation.outcome is not EventType.OK}
    latest = max(certain, key=lambda step: step.operation.invoked, default=None)
    settled: dict[bytes | None, Step] = {}
    for read in reads:
        if read.reads in open_values:
            continue
        old = _replaced(read, certain, latest, initial)
        if old is not None:
            yield old
            return
        settled.setdefault(read.reads, read)
    if len(settled) > 1:
        one, other = list(settled.values())[:2]
        yield Anomaly(
            kind="no-agreement",
            key=one.key,
            operations=sorted([one.operation.invoked, other.operation.invoked]),
            text=f"{did(one.operation)}, and {did(other.operation)}, each for the last time, when all writes had ended "
            "and all faults were lifted",
        )


def _replaced(read: Step, certain: Sequence[Step], latest: Step | None, initial: bytes) -> Anomaly | None:
    if latest is None or latest.writes == read.reads:
        return None
    written = [step for step in certain if step.writes == read.reads]
    if any(step.operation.returned >= latest.operation.invoked for step in written):
        return None
    source = max(written, key=lambda step: step.operation.returned, default=None)
    if source is None and read.reads != initial:
        return None
    from_where = "the initial value" if source is None else f"which {moment(source.operation)}"
    return Anomaly(
        kind="not-converged",
        key=read.key,
        operations=sorted(each.operation.invoked for each in (read, latest, source) if each is not None),
        text=f"{did(read.operation)}, {from_where}, for the last time, when all writes had ended and all faults were "
        f"lifted, though after that {did(latest.operation)}",
    )
