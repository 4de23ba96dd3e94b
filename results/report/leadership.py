"""Who led when, and what each node's clock said.

Two sources tell: the nodes' traces (every change, written by the node itself, in its CLOCK_MONOTONIC) and the
monitor's polls (status.jsonl, several a second, in run time). Traces are finer, and are preferred where they exist and
their clock is the harness's own (nodes on this machine); else the polls serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from results.report.source import Material
from results.report.values import mapping, plain, whole

SLACK_NS: Final = 300_000_000_000
"""Traces may begin before the run's time 0 (the cluster comes up) and end after its last event."""
LEADER: Final = "leader"


@dataclass(frozen=True)
class Sample:
    """What one node was at one time. `role` None: it did not answer."""

    time_ns: int
    node: str
    role: str | None
    term: int | None
    offset_ns: int | None = None
    restarted: bool = False


@dataclass(frozen=True)
class Span:
    """A node held a role in a term from `begin_ns` to `end_ns`."""

    node: str
    role: str | None
    term: int | None
    begin_ns: int
    end_ns: int


def polled(material: Material) -> list[Sample]:
    return [sample for status in material.statuses if (sample := _from_status(status)) is not None]


def _from_status(status: Mapping[str, Any]) -> Sample | None:
    time_ns, node = whole(status.get("time")), status.get("node")
    if time_ns is None or node is None:
        return None
    if status.get("error") is not None or status.get("role") is None:
        return Sample(time_ns, plain(node, 40), None, None)
    role, term = plain(status["role"], 20), whole(status.get("term"))
    return Sample(time_ns, plain(node, 40), role, term, whole(status.get("offset_ns")))


def traced(material: Material) -> list[Sample]:
    """Samples from the traces, or nothing where their clock is not the harness's."""
    base, wall = whole(material.run.get("mono_base_ns")), whole(material.run.get("wall_base_ns"))
    if base is None:
        return []
    samples = [
        sample
        for node, trace in material.traces.items()
        for record in trace
        if (sample := _from_trace(node, record, base, wall)) is not None
    ]
    fits = all(-SLACK_NS <= sample.time_ns <= material.end_ns + SLACK_NS for sample in samples)
    return samples if fits else []


def _from_trace(node: str, record: Mapping[str, Any], base: int, wall_base: int | None) -> Sample | None:
    mono, wall = whole(record.get("mono")), whole(record.get("wall"))
    if mono is None or record.get("role") is None:
        return None
    offset = None if wall is None or wall_base is None else (wall - wall_base) - (mono - base)
    return Sample(
        time_ns=mono - base,
        node=plain(record.get("node") or node, 40),
        role=plain(record["role"], 20),
        term=whole(record.get("term")),
        offset_ns=offset,
        restarted=record.get("event") == "start",
    )


def best(material: Material) -> list[Sample]:
    """Traces if they can be placed in run time, else polls."""
    return traced(material) or polled(material)


def by_node(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    ordered = sorted(samples, key=lambda sample: (sample.node, sample.time_ns))
    return {node: list(group) for node, group in groupby(ordered, key=lambda sample: sample.node)}


def spans(samples: Iterable[Sample]) -> list[Span]:
    """Each node's times in one role and term, by node and time. A role lasts until the node says otherwise; one that is
    broken by a restart ends with the last that was heard before it."""
    return [span for node_samples in by_node(samples).values() for span in _node_spans(node_samples)]


def _node_spans(samples: Sequence[Sample]) -> Iterator[Span]:
    first = last = samples[0]
    for sample in samples[1:]:
        if sample.restarted or (sample.role, sample.term) != (first.role, first.term):
            end = last.time_ns if sample.restarted else sample.time_ns
            yield Span(first.node, first.role, first.term, first.time_ns, end)
            first = sample
        last = sample
    yield Span(first.node, first.role, first.term, first.time_ns, last.time_ns)


def leaders(samples: Iterable[Sample]) -> list[Span]:
    """The times in which a node held itself to be leader, by time."""
    held = [span for span in spans(samples) if span.role == LEADER]
    return sorted(held, key=lambda span: (span.begin_ns, span.node))


def names(material: Material, samples: Iterable[Sample]) -> list[str]:
    """Every node that the run knows, in the order of run.json."""
    listed = [plain(mapping(node).get("name") or "", 40) for node in material.run.get("nodes") or []]
    seen = {sample.node for sample in samples} | {plain(node, 40) for node in material.traces}
    return [*dict.fromkeys(name for name in listed if name), *sorted(seen - set(listed))]
