"""Staleness: tables, and generated histories against counting by the definition, read by read."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkers.checker import Budget
from checkers.consistency.record import INITIAL, Record, record_of
from checkers.consistency.staleness import BUCKETS_MS, Replaced, stale_reads, summary, told
from checkers.events import EventType
from checkers.history import READS, History, Operation
from checkers.sequential.steps import INITIAL as NULL
from checkers.sequential.steps import steps
from tests.checkers.consistency.histories import Row, drawn, history


def at(index: int) -> dict[str, Any]:
    return {"log_index": index}


TABLE: dict[str, tuple[list[Row], list[tuple[int, float]]]] = {
    # (versions, milliseconds) of the stale reads
    "a read of the last write": ([(0, "w", "x", 1), (1, "r", "x", 1)], []),
    "one write behind": ([(0, "w", "x", 1, 1, 2), (1, "r", "x", None, 7, 8)], [(1, 5.0)]),
    "three writes behind, replaced by the first": (
        [(0, "w", "x", 1, 1, 2), (0, "w", "x", 2, 3, 4), (0, "w", "x", 3, 5, 6), (1, "r", "x", None, 10, 11)],
        [(3, 8.0)],
    ),
    "a write that is still going on does not count": ([(0, "w", "x", 1, 1, 9), (1, "r", "x", None, 5, 6)], []),
    "but one that somebody has seen": (
        [(0, "w", "x", 1, 1, 9), (2, "r", "x", 1, 2, 3), (1, "r", "x", None, 5, 6)],
        [(1, 2.0)],
    ),
    "also an unknown one": (
        [(0, "w", "x", 1, 1, None), (2, "r", "x", 1, 2, 3), (1, "r", "x", None, 5, 6)],
        [(1, 2.0)],
    ),
    "an unknown one that nobody saw does not": ([(0, "w", "x", 1, 1, None), (1, "r", "x", None, 5, 6)], []),
    "concurrent writes may have come in either order": (
        [(0, "w", "x", 1, 1, 3), (2, "w", "x", 2, 2, 4), (1, "r", "x", 1, 6, 7)],
        [],
    ),
    "unless log indexes tell": (
        [(0, "w", "x", 1, 1, 3, at(5)), (2, "w", "x", 2, 2, 4, at(6)), (1, "r", "x", 1, 6, 7, at(5))],
        [(1, 2.0)],
    ),
    "an index that anybody was told shows that the log has come so far": (
        [
            (0, "w", "x", 1, 1, 20, at(5)),
            (2, "w", "y", 2, 2, 4, at(6)),
            (1, "r", "x", None, 6, 7, at(4)),
        ],
        [(1, 2.0)],
    ),
    "other keys do not count": ([(0, "w", "y", 1, 1, 2), (1, "r", "x", None, 7, 8)], []),
}


def measured(recorded: History) -> tuple[Record, list[Replaced]]:
    record = record_of(steps(recorded.operations), NULL)
    return record, stale_reads(record, told(recorded.operations), Budget())


@pytest.mark.parametrize(("rows", "expected"), TABLE.values(), ids=TABLE)
def test_versions_and_milliseconds(rows: list[Row], expected: list[tuple[int, float]]) -> None:
    _, found = measured(history(rows))
    assert [(each.versions, each.stale_ns / 1e6) for each in found] == expected


def by_definition(record: Record, read: int) -> int:
    """Writes that were invoked when the source was settled, and that were settled when the read was invoked."""

    def settled(write: int) -> float:
        seen = [record.steps[r].operation.returned for r, source in record.source.items() if source == write]
        own = record.steps[write].operation
        certain = [r for r in seen if r < 1 << 62]
        return min([*certain, *([own.returned] if own.outcome is EventType.OK else [])], default=float("inf"))

    source, now = record.source[read], record.steps[read].operation.invoked
    since = -1 if source == INITIAL else settled(source)
    return sum(
        step.writes is not None
        and step.key == record.steps[read].key
        and step.operation.invoked > since
        and settled(number) < now
        for number, step in enumerate(record.steps)
    )


@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=False))
def test_without_indexes_it_is_as_defined(rng: random.Random) -> None:
    record, found = measured(drawn(rng, most=12))
    versions = {each.read: each.versions for each in found}
    for read, step in enumerate(record.steps):
        if step.operation.f in READS and read in record.source:
            assert versions.get(read, 0) == by_definition(record, read)


class Log:
    """Nodes that apply one log at their own pace, with the truth about how stale each read was when it was invoked."""

    def __init__(self, rng: random.Random, *, indexes: bool) -> None:
        self.rng, self.indexes = rng, indexes
        self.log: list[tuple[str, int]] = []
        self.rows: list[Row] = []
        self.truth: dict[int, int] = {}
        """Read, by the time of its invocation -> versions."""

    def run(self, operations: int) -> History:
        pending: list[tuple[str, str, Any, int, int]] = []
        process, now, left = 0, 0, operations
        while left or pending:
            now += 1
            if left and (not pending or self.rng.random() < 0.5):
                left, process = left - 1, process + 1
                key = self.rng.choice("xy")
                read = self.rng.random() < 0.6
                pending.append(("r" if read else "w", key, self._stale(key, now) if read else now, now, process))
                continue
            f, key, value, began, who = pending.pop(self.rng.randrange(len(pending)))
            if f == "w":
                self.log.append((key, value))
            index = value[1] if f == "r" else len(self.log)
            more = {"log_index": index} if self.indexes else {}
            self.rows.append((who, f, key, value[0] if f == "r" else value, began, now, more))
        return history(self.rows)

    def _stale(self, key: str, now: int) -> tuple[int | None, int]:
        applied = self.rng.randint(0, len(self.log))
        own = [value for k, value in self.log[:applied] if k == key]
        self.truth[now] = sum(k == key for k, _ in self.log[applied:])
        return (own[-1] if own else None), applied


@pytest.mark.parametrize("indexes", [True, False], ids=["with log indexes", "without"])
@settings(max_examples=60)
@given(rng=st.randoms(use_true_random=False))
def test_it_is_never_more_than_the_truth_and_just_that_by_index(indexes: bool, rng: random.Random) -> None:
    """Writes take effect as they are acknowledged here, so that the log has come as far as has been told."""
    log = Log(rng, indexes=indexes)
    record, found = measured(log.run(rng.randint(1, 20)))
    versions = {record.steps[each.read].operation.invoke.time // 10**6: each.versions for each in found}
    for invoked, truth in log.truth.items():
        assert versions.get(invoked, 0) == truth if indexes else versions.get(invoked, 0) <= truth


def test_the_summary_counts_fresh_reads_too() -> None:
    rows: list[Row] = [(0, "w", "x", 1, 1, 2), *((1, "r", "x", 1, 3 + 2 * n, 4 + 2 * n) for n in range(98))]
    record, found = measured(history([*rows, (2, "r", "x", None, 302, 303)]))
    numbers = summary(record, found, 99)
    assert (numbers["reads"], numbers["stale"]) == (99, 1)
    assert numbers["milliseconds"] == {"p50": 0.0, "p95": 0.0, "p99": 300.0, "max": 300.0}
    assert numbers["versions"]["max"] == 1
    assert [count for _, count in numbers["histogram_ms"]] == [0] * 8 + [1]
    assert numbers["histogram_ms"][-1][0] == 500
    worst: Operation = record.steps[found[0].read].operation
    assert worst.invoked in numbers["worst"]["operations"]
    assert numbers["worst"]["text"] == (
        "process 2 read null from x at 0.303 s, 300.0 ms after that had certainly been replaced, with 1 later write to "
        "it in effect; the first of them: process 0 wrote 1 to x at 0.002 s"
    )


def test_what_is_staler_than_all_buckets_has_one_of_its_own() -> None:
    rows: list[Row] = [(0, "w", "x", 1, 1, 2), (2, "r", "x", None, 10**6, 10**6 + 1)]
    record, found = measured(history(rows))
    assert summary(record, found, 1)["histogram_ms"][len(BUCKETS_MS)] == [None, 1]


def test_reads_of_repeated_values_are_not_measured() -> None:
    rows: list[Row] = [(0, "w", "x", 1), (0, "w", "x", 1), (0, "w", "x", 2), (1, "r", "x", 1)]
    assert measured(history(rows))[1] == []
