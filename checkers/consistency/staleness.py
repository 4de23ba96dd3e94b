"""How stale reads were: by versions, and by milliseconds.

By versions: how many writes to the key had certainly taken effect after the read's source and before the read was
invoked. By milliseconds: for how long, when the read was invoked, its source had certainly been replaced. Both are
lower bounds, never guesses: nobody outside sees when a write takes effect. A read of 0 versions was not stale as far
as anybody can tell.

- Where the writes of a key report log indexes, their order is known exactly, and a write has certainly taken effect
  when anybody has been told its index or a higher one (a log takes effect in order). The place of an unknown write is
  then known only from above, by the lowest index at which somebody read it.
- Where they do not, a write is settled when it was acknowledged, or when somebody had read it. It comes certainly after
  the source if it was invoked when the source was settled.

A read whose source is not known (repeated values) is not measured.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, NamedTuple

from checkers.checker import Budget
from checkers.consistency.record import INITIAL, Record, is_write
from checkers.consistency.words import did
from checkers.events import EventType
from checkers.history import PENDING, Operation

BUCKETS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000)
"""Upper ends of the histogram's buckets; what is more goes into one more."""
_BEGINNING: Final = -1
_SPEND_EVERY: Final = 2048


class Replaced(NamedTuple):
    """A read whose source was certainly replaced: the first write after it, and the event at which that was sure."""

    read: int
    source: int
    by: int
    versions: int
    stale_ns: int


@dataclass(frozen=True)
class Told:
    """Which log index anybody had been told by when: ascending events, and the highest index by then."""

    events: Sequence[int]
    highest: Sequence[int]
    times: Sequence[int]

    def before(self, event: int) -> int:
        """The highest index told before the event; 0 for none."""
        at = bisect_left(self.events, event)
        return self.highest[at - 1] if at else 0

    def first(self, index: int) -> int:
        """Where the first answer stands that told this index or a higher one."""
        return bisect_left(self.highest, index)


def told(operations: Iterable[Operation]) -> Told:
    answers = sorted(
        (op.completion.index, op.completion.log_index, op.completion.time)
        for op in operations
        if op.outcome is EventType.OK and op.completion is not None and op.completion.log_index is not None
    )
    return Told(
        [event for event, _, _ in answers],
        list(accumulate((index for _, index, _ in answers), max)),
        [time for _, _, time in answers],
    )


def stale_reads(record: Record, known: Told, budget: Budget) -> list[Replaced]:
    """The reads that were stale, key by key."""
    keys: dict[str | None, list[int]] = {}
    for number, step in enumerate(record.steps):
        keys.setdefault(step.key, []).append(number)
    settled = _settled(record)
    found: list[Replaced] = []
    for numbers in keys.values():
        budget.spend()
        writes = [number for number in numbers if record.steps[number].writes is not None and number in settled]
        reads = [number for number in numbers if not is_write(record.steps[number]) and number in record.source]
        indexes = _indexes(record, writes, numbers)
        ask = _by_time(record, writes, reads, settled) if indexes is None else _by_index(record, indexes, reads, known)
        found += ask
    return found


def _settled(record: Record) -> dict[int, tuple[int, int]]:
    """Write -> the event at which it had certainly taken effect, and its time. Not for unknown ones that nobody is
    known to have read."""
    settled: dict[int, tuple[int, int]] = {}
    for number, step in enumerate(record.steps):
        completion = step.operation.completion
        if step.operation.outcome is not EventType.OK or completion is None:
            continue
        moment = (completion.index, completion.time)
        if step.writes is not None:
            settled[number] = min(moment, settled.get(number, moment))
        source = record.source.get(number, INITIAL)
        if source != INITIAL:
            settled[source] = min(moment, settled.get(source, moment))
    return settled


def _by_time(
    record: Record, writes: Sequence[int], reads: Sequence[int], settled: dict[int, tuple[int, int]]
) -> Iterator[Replaced]:
    invoked = [record.steps[number].operation.invoked for number in writes]
    soonest = list(accumulate(((settled[number], number) for number in reversed(writes)), min))[::-1]
    """Of each write and those invoked after it, the one that was settled first."""
    ends = sorted((settled[number][0], record.steps[number].operation.invoked) for number in writes)
    open_since: list[int] = []
    begun = ended = 0
    for read in reads:
        now, source = record.steps[read].operation.invoked, record.source[read]
        since = _BEGINNING if source == INITIAL else settled[source][0]
        while begun < len(writes) and invoked[begun] < now:
            insort(open_since, invoked[begun])
            begun += 1
        while ended < len(ends) and ends[ended][0] < now:
            open_since.remove(ends[ended][1])
            ended += 1
        first = bisect_right(invoked, since)
        versions = begun - first - (len(open_since) - bisect_right(open_since, since))
        if versions > 0:
            (_, time), by = soonest[first]
            yield Replaced(read, source, by, versions, record.steps[read].operation.invoke.time - time)


def _indexes(record: Record, writes: Sequence[int], numbers: Sequence[int]) -> dict[int, int] | None:
    """Write -> its log index; for an unknown one the lowest at which it was read. None where some are missing."""
    found: dict[int, int] = {}
    for number in numbers:
        step = record.steps[number]
        completion = step.operation.completion
        if step.operation.outcome is not EventType.OK:
            continue
        if completion is None or completion.log_index is None:
            return None
        if step.writes is not None:
            found[number] = completion.log_index
    for number in numbers:
        source, completion = record.source.get(number, INITIAL), record.steps[number].operation.completion
        if source != INITIAL and record.steps[source].operation.returned == PENDING and number in record.source:
            if completion is None or completion.log_index is None:
                return None
            found[source] = min(completion.log_index, found.get(source, completion.log_index))
    return found if all(number in found for number in writes) else None


def _by_index(record: Record, indexes: dict[int, int], reads: Sequence[int], known: Told) -> Iterator[Replaced]:
    certain = sorted((i, write) for write, i in indexes.items() if record.steps[write].operation.returned != PENDING)
    places = [index for index, _ in certain]
    for read in reads:
        operation, source = record.steps[read].operation, record.source[read]
        first = bisect_right(places, 0 if source == INITIAL else indexes[source])
        versions = bisect_right(places, known.before(operation.invoked)) - first
        if versions > 0:
            sure = known.times[known.first(places[first])]
            yield Replaced(read, source, certain[first][1], versions, operation.invoke.time - sure)


def summary(record: Record, stale: Sequence[Replaced], measured: int) -> dict[str, Any]:
    """Numbers for tables and plots. Quantiles are over all reads that were measured, those that were not stale too."""
    fresh = measured - len(stale)
    times = [0] * fresh + sorted(each.stale_ns for each in stale)
    versions = [0] * fresh + sorted(each.versions for each in stale)
    result: dict[str, Any] = {"reads": measured, "stale": len(stale)}
    if measured:
        result |= {
            "milliseconds": {name: round(value / 1e6, 3) for name, value in _quantiles(times).items()},
            "versions": _quantiles(versions),
        }
    if stale:
        result["histogram_ms"] = _histogram([each.stale_ns / 1e6 for each in stale])
        result["worst"] = _worst(record, max(stale, key=lambda each: (each.stale_ns, each.versions)))
        result["most_versions"] = _worst(record, max(stale, key=lambda each: (each.versions, each.stale_ns)))
    return result


def _quantiles(ordered: Sequence[int]) -> dict[str, int]:
    shares = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in shares.items()}


def _histogram(values_ms: Sequence[float]) -> list[list[Any]]:
    """[upper end in milliseconds (null: none), how many] of each bucket, up to the last that holds any."""
    counts = [0] * (len(BUCKETS_MS) + 1)
    for value in values_ms:
        counts[bisect_left(BUCKETS_MS, value)] += 1
    last = max(at for at, count in enumerate(counts) if count)
    return [[end, count] for end, count in zip((*BUCKETS_MS, None), counts, strict=True)][: last + 1]


def _worst(record: Record, each: Replaced) -> dict[str, Any]:
    read, by = record.steps[each.read].operation, record.steps[each.by].operation
    took_part = [each.read, each.by, *([each.source] if each.source != INITIAL else [])]
    writes = "1 later write" if each.versions == 1 else f"{each.versions:,} later writes"
    return {
        "milliseconds": round(each.stale_ns / 1e6, 3),
        "versions": each.versions,
        "operations": sorted(record.steps[number].operation.invoked for number in took_part),
        "text": f"{did(read, node=True)}, {each.stale_ns / 1e6:.1f} ms after that had certainly been replaced, with "
        f"{writes} to it in effect; the first of them: {did(by)}",
    }
