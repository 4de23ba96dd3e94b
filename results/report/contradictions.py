"""Anomalies as the page tells them: the words of the checker, the operations, and what else was going on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from checkers.history import Operation
from results.report.circle import Ring, ring
from results.report.drawing import Drawing, Scene, draw, faults_within, leaders_within, window
from results.report.faults import Fault
from results.report.leadership import Span
from results.report.source import Material
from results.report.values import is_flat, listing, mapping, mappings, plain, whole

MOST_DRAWN: Final = 20
"""Anomalies after these are told in words only: one lost write can break hundreds of reads."""
MOST_TOLD: Final = 500
MOST_LEADERS: Final = 8


@dataclass(frozen=True)
class Contradiction:
    """`number` from 1, in the order of verdict.json."""

    number: int
    kind: str
    text: str
    key: str | None
    checker: str
    details: Mapping[str, Any]
    operations: Sequence[Operation]
    unknown_operations: int
    """Operations that the verdict names and the history does not hold."""
    drawing: Drawing | None = None
    circle: Ring | None = None
    """Transactions each of which must come before the next."""
    faults: Sequence[Fault] = ()
    leaders: Sequence[Span] = ()

    @property
    def jump(self) -> str:
        return ",".join(str(operation.invoked) for operation in self.operations)


class Context:
    """Finds operations by their event index, and those on the same key or by the same processes."""

    def __init__(self, material: Material, scene: Scene) -> None:
        self.scene = scene
        self._operations = material.operations

    @cached_property
    def by_index(self) -> Mapping[int, Operation]:
        """By the index of the invocation and by that of the completion: checkers may name either."""
        found = {op.completion.index: op for op in self._operations if op.completion is not None}
        return found | {op.invoked: op for op in self._operations}

    @cached_property
    def by_key(self) -> Mapping[str | None, Sequence[Operation]]:
        groups: dict[str | None, list[Operation]] = defaultdict(list)
        for operation in self._operations:
            groups[operation.key].append(operation)
        return groups

    def neighbours(self, operations: Sequence[Operation]) -> Iterable[Operation]:
        """On the same key; where several keys take part, those of the same processes."""
        keys = {operation.key for operation in operations}
        if len(keys) == 1:
            return self.by_key.get(keys.pop(), ())
        processes = {operation.process for operation in operations}
        return (operation for operation in self._operations if operation.process in processes)


def anomalies(verdict: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """All anomalies with their checker's name: verdict.json's own list, or else gathered from its results."""
    if verdict is None:
        return []
    whole_list = mappings(verdict.get("anomalies"))
    if whole_list:
        return whole_list
    return [
        {"checker": result.get("checker"), **anomaly}
        for result in mappings(verdict.get("checkers"))
        for anomaly in mappings(result.get("anomalies"))
    ]


def tell(material: Material, scene: Scene) -> list[Contradiction]:
    context = Context(material, scene)
    told = anomalies(material.verdict)[:MOST_TOLD]
    return [_tell(number, anomaly, context) for number, anomaly in enumerate(told, 1)]


def _tell(number: int, anomaly: Mapping[str, Any], context: Context) -> Contradiction:
    indexes = [index for value in listing(anomaly.get("operations")) if (index := whole(value)) is not None]
    found = {op.invoked: op for index in indexes if (op := context.by_index.get(index)) is not None}
    operations = sorted(found.values(), key=lambda operation: operation.invoked)
    details = mapping(anomaly.get("details"))
    moments = _moments(details, context.scene) if not operations else []
    faults, leaders = _meanwhile(operations, moments, context.scene)
    return Contradiction(
        number=number,
        kind=_title(plain(anomaly.get("kind") or "anomaly", 60)),
        text=plain(anomaly.get("text") or "", 4000),
        key=None if anomaly.get("key") is None else plain(anomaly["key"], 80),
        checker=plain(anomaly.get("checker") or "", 80),
        details={plain(name, 60): value for name, value in details.items() if is_flat(value)},
        operations=operations,
        unknown_operations=sum(index not in context.by_index for index in indexes),
        drawing=_drawing(operations, moments, context) if number <= MOST_DRAWN else None,
        circle=ring(details) if number <= MOST_DRAWN else None,
        faults=faults,
        leaders=leaders[:MOST_LEADERS],
    )


def _title(kind: str) -> str:
    """'Stale read'; names that are written with a capital stay as they are: 'G-single-realtime'."""
    return kind if kind[:1].isupper() else kind.replace("-", " ").capitalize()


def _moments(details: Mapping[str, Any], scene: Scene) -> list[int]:
    """The times that matter to an anomaly of a term, which names no operations."""
    term = whole(details.get("term"))
    spans = [span for span in scene.leaders if term is not None and span.term == term]
    return sorted({moment for span in spans for moment in (span.begin_ns, span.end_ns)})


def _meanwhile(operations: Sequence[Operation], moments: Sequence[int], scene: Scene) -> tuple[list[Fault], list[Span]]:
    if not operations and not moments:
        return [], []
    begin, end = window(operations) if operations else (moments[0], moments[-1])
    return faults_within(scene, begin, end), leaders_within(scene, begin, end)


def _drawing(operations: Sequence[Operation], moments: Sequence[int], context: Context) -> Drawing | None:
    if not operations and not moments:
        return None
    neighbours = context.neighbours(operations) if operations else ()
    return draw(operations, neighbours, context.scene, moments)
