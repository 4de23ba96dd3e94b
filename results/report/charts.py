"""Series for the charts: latency quantiles and throughput in buckets of time, leaders, terms, clock offsets. Times in
seconds of run time. The points of the latency chart come from the history's own columns."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from checkers.events import EventType
from checkers.history import Operation
from checkers.stats import quantiles
from results.report.leadership import Sample, Span, by_node
from results.report.values import mappings, plain, whole

BUCKETS: Final = 120
"""About as many as a chart shows apart."""
FEWEST_BUCKETS: Final = 12
OPERATIONS_A_BUCKET: Final = 100
WIDTHS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3600.0)
_ORDER: Final = ("ok", "fail", "info")
MOST_OFFSETS: Final = 4000
"""Points of a node's clock curve."""


def bucket_width_s(end_ns: int) -> float:
    """The least of WIDTHS_S with which a run has no more than BUCKETS; wider than all where times are no run's."""
    return next((width for width in WIDTHS_S if end_ns / 1e9 / width <= BUCKETS), end_ns / 1e9 / BUCKETS)


def latency_width_s(operations: int, end_ns: int) -> float:
    """Wider where operations are few: a p99 of ten operations is only their greatest."""
    wanted = end_ns / 1e9 * OPERATIONS_A_BUCKET / max(operations, 1)
    widest = end_ns / 1e9 / FEWEST_BUCKETS
    least = bucket_width_s(end_ns)
    return next((width for width in WIDTHS_S if width >= max(least, min(wanted, widest))), least)


def _completed(operation: Operation) -> int:
    return operation.invoke.time if operation.completion is None else operation.completion.time


def latency(operations: Sequence[Operation], width_s: float, end_ns: int) -> dict[str, Any]:
    """p50, p95 and p99 in milliseconds of the operations that were ok, by the time at which they completed. Null in
    buckets without any."""
    taken: dict[int, list[int]] = defaultdict(list)
    for operation in operations:
        if operation.outcome is EventType.OK and operation.completion is not None:
            taken[int(operation.completion.time / 1e9 / width_s)].append(
                operation.completion.time - operation.invoke.time
            )
    count = int(end_ns / 1e9 / width_s) + 1
    rows = [quantiles(taken[bucket]) if bucket in taken else {} for bucket in range(count)]
    series = {name: [row.get(name) for row in rows] for name in ("p50_ms", "p95_ms", "p99_ms", "count")}
    return {"time": _middles(count, width_s), **series}


def throughput(operations: Sequence[Operation], width_s: float, end_ns: int) -> dict[str, Any]:
    """Operations a second by f and outcome, by the time at which they completed (or else were called)."""
    tally: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for operation in operations:
        bucket = int(_completed(operation) / 1e9 / width_s)
        tally[plain(operation.f, 30), operation.outcome.value][bucket] += 1
    count = int(end_ns / 1e9 / width_s) + 1
    series = [
        {"f": f, "outcome": outcome, "rate": [round(buckets[bucket] / width_s, 3) for bucket in range(count)]}
        for (f, outcome), buckets in sorted(tally.items(), key=lambda item: (_ORDER.index(item[0][1]), item[0][0]))
    ]
    return {"time": _middles(count, width_s), "series": series}


def _middles(count: int, width_s: float) -> list[float]:
    return [round((bucket + 0.5) * width_s, 4) for bucket in range(count)]


def span_rows(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [
        {"node": span.node, "term": span.term, "from": _seconds(span.begin_ns), "to": _seconds(span.end_ns)}
        for span in spans
    ]


def terms(samples: Sequence[Sample]) -> dict[str, dict[str, list[float]]]:
    """Node -> the times at which its term changed, and the terms; the last time is when it was last heard."""
    return {node: _changes(node_samples) for node, node_samples in by_node(samples).items()}


def _changes(samples: Sequence[Sample]) -> dict[str, list[float]]:
    known = [sample for sample in samples if sample.term is not None]
    times: list[float] = []
    values: list[float] = []
    for number, sample in enumerate(known):
        if number in (0, len(known) - 1) or sample.term != known[number - 1].term:
            times.append(_seconds(sample.time_ns))
            values.append(sample.term or 0)
    return {"time": times, "term": values}


def offsets(samples: Sequence[Sample]) -> dict[str, dict[str, list[float]]]:
    """Node -> its wall clock minus the harness's, in milliseconds. Of very many samples, those are kept where the curve
    turns: the least and the greatest of each stretch."""
    result = {}
    for node, node_samples in by_node(samples).items():
        points = [(s.time_ns, s.offset_ns) for s in node_samples if s.offset_ns is not None]
        if points:
            kept = _thinned(points)
            result[node] = {
                "time": [_seconds(time_ns) for time_ns, _ in kept],
                "offset_ms": [round(offset_ns / 1e6, 3) for _, offset_ns in kept],
            }
    return result


def _thinned(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    stretch = 2 * len(points) // MOST_OFFSETS
    if stretch < 2:
        return points
    kept: set[tuple[int, int]] = {points[0], points[-1]}
    for first in range(0, len(points), stretch):
        part = points[first : first + stretch]
        kept |= {min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])}
    return sorted(kept)


def phases(*sources: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The phases of the run, from the first source that has any; times in seconds."""
    for source in sources:
        rows = [
            {"name": plain(phase.get("name") or "", 40), "from": _seconds(begin), "to": _seconds(end)}
            for phase in mappings(source.get("phases"))
            if (begin := whole(phase.get("begin"))) is not None and (end := whole(phase.get("end"))) is not None
        ]
        if rows:
            return rows
    return []


def _seconds(time_ns: int) -> float:
    return round(time_ns / 1e9, 6)
