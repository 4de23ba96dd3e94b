"""The contradicting operations of an anomaly, laid out to be drawn: what goes where, in pixels, for an SVG. How it
looks is style.css.

From top to bottom: the faults in force, one row for each process that takes part (its operation as a bar from call to
answer; open to the right if the answer never came), dimmed rows for other operations on the same key at the time, a row
for each node that held itself to be leader, and the axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from checkers.events import EventType
from checkers.history import Operation
from results.report.faults import Fault, colour
from results.report.leadership import Span
from results.report.scale import Scale, fit
from results.report.values import columns_wide, plain, shorten
from results.report.wording import duration_text, label, outcome_words, seconds_text

GUTTER: Final = 118.0
LANE: Final = 22.0
ROW: Final = 54.0
DIM_ROW: Final = 24.0
LEADER_ROW: Final = 22.0
LABEL_PX: Final = 7.3
"""Pixels that a character of a label takes (12 px, fixed width)."""
SMALL_PX: Final = 6.3
"""Pixels that a character of the small print takes."""
MOST_OPERATIONS: Final = 40
MOST_NEIGHBOURS: Final = 200
MOST_DIM_ROWS: Final = 8


@dataclass
class Bar:
    x: float
    y: float
    width: float
    height: float
    text: str
    caption: str
    title: str
    f: str
    outcome: str
    open: bool
    index: int
    number: int = 0
    """Its number in the anomaly, from 1; 0 for a neighbour."""


@dataclass
class Band:
    """A fault: a named bar in a lane at the top, and a shade over the rows."""

    x: float
    width: float
    y: float
    text: str
    text_x: float
    anchor: str
    colour: int
    id: str
    title: str


@dataclass
class Label:
    x: float
    y: float
    text: str
    dim: bool = False


@dataclass
class Gap:
    """A stretch of time in which none of the operations went on, drawn shorter than it was."""

    x: float
    right: float
    y: float
    text: str
    text_width: float


@dataclass
class Drawing:
    width: float = 0.0
    height: float = 0.0
    left: float = GUTTER
    right: float = 0.0
    rows_top: float = 0.0
    rows_bottom: float = 0.0
    axis_y: float = 0.0
    bands: list[Band] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    leaders: list[Bar] = field(default_factory=list)
    rows: list[Label] = field(default_factory=list)
    ticks: list[Label] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    left_out: int = 0
    """Contradicting operations beyond MOST_OPERATIONS, which are not drawn."""


@dataclass(frozen=True)
class Scene:
    """What may be drawn, of the whole run."""

    faults: Sequence[Fault]
    kinds: Sequence[str]
    leaders: Sequence[Span]
    end_ns: int


def draw(
    operations: Sequence[Operation], neighbours: Iterable[Operation], scene: Scene, moments: Sequence[int] = ()
) -> Drawing:
    """`operations`: those of the anomaly, by invocation. `moments`: more times (ns) that belong to it. One of the two
    must hold something."""
    drawn = operations[:MOST_OPERATIONS]
    scale = _scale(drawn, moments)
    picture = Drawing(right=scale.positions[-1], left_out=len(operations) - len(drawn))
    picture.width = picture.right + 8
    _draw_faults(picture, scene, scale)
    _draw_operations(picture, drawn, scale)
    _draw_neighbours(picture, _nearest(neighbours, drawn, scale), scale)
    picture.rows_bottom = picture.height
    _draw_leaders(picture, scene, scale)
    _draw_axis(picture, drawn, scale)
    return picture


def answered_ns(operation: Operation) -> int | None:
    """When the client had a definite answer."""
    completion = operation.completion
    known = completion is not None and completion.type is not EventType.INFO
    return completion.time if known and completion is not None else None


def window(operations: Sequence[Operation]) -> tuple[int, int]:
    """From the first call to the last call or definite answer."""
    begins = [operation.invoke.time for operation in operations]
    ends = [end for operation in operations if (end := answered_ns(operation)) is not None]
    return min(begins), max([*begins, *ends])


def _moments(operation: Operation) -> list[int]:
    end = answered_ns(operation)
    return [operation.invoke.time] if end is None else [operation.invoke.time, end]


def _scale(operations: Sequence[Operation], more: Sequence[int]) -> Scale:
    moments = [*more, *(moment for operation in operations for moment in _moments(operation))]
    needs = []
    for operation in operations:
        end = answered_ns(operation)
        if end is not None and end > operation.invoke.time:
            needs.append((operation.invoke.time, end, _needed(operation)))
    return fit(moments, needs, GUTTER)


def _needed(operation: Operation) -> float:
    text, caption = shorten(label(operation), 28), _caption(operation)
    return max(34 + LABEL_PX * columns_wide(text), 4 + SMALL_PX * columns_wide(caption))


def _caption(operation: Operation) -> str:
    completion = operation.completion
    node = (completion.node if completion is not None else None) or operation.invoke.node
    parts = [plain(operation.key, 14) if operation.key is not None else "", plain(node, 12) if node else ""]
    if completion is not None and completion.log_index is not None:
        parts.append(f"log {completion.log_index}")
    return " · ".join(part for part in parts if part)


def title(operation: Operation) -> str:
    """All that is known of an operation, in one line."""
    end = answered_ns(operation)
    until = f"{seconds_text(end, 6)} s ({duration_text(end - operation.invoke.time)})" if end is not None else "…"
    return (
        f"process {operation.process}: {label(operation)} {_caption(operation)}, from "
        f"{seconds_text(operation.invoke.time, 6)} s to {until}, {outcome_words(operation)}, event {operation.invoked}"
    )


def _bar(operation: Operation, scale: Scale, y: float, height: float, number: int = 0) -> Bar:
    x = scale.at(operation.invoke.time)
    end = answered_ns(operation)
    right = scale.positions[-1] if end is None else scale.at(end)
    width = max(right - x, 3.0)
    text = shorten(label(operation), 28)
    room = width - (34 if number else 6)
    fits = LABEL_PX * (1 if number else 0.86) * columns_wide(text) <= room or bool(number)
    return Bar(
        x=x,
        y=y,
        width=width,
        height=height,
        text=text if fits else "",
        caption=_caption(operation) if number else "",
        title=title(operation),
        f=operation.f,
        outcome=operation.outcome.value,
        open=end is None,
        index=operation.invoked,
        number=number,
    )


def _draw_operations(picture: Drawing, operations: Sequence[Operation], scale: Scale) -> None:
    picture.rows_top = picture.height
    places: dict[int, float] = {}
    for number, operation in enumerate(operations, 1):
        if operation.process not in places:
            places[operation.process] = picture.height
            picture.rows.append(Label(GUTTER - 12, picture.height + 24, shorten(f"process {operation.process}", 14)))
            picture.height += ROW
        picture.bars.append(_bar(operation, scale, places[operation.process] + 6, 28, number))


def _nearest(neighbours: Iterable[Operation], operations: Sequence[Operation], scale: Scale) -> list[Operation]:
    """Neighbours inside the picture; where there are too many, those nearest to the last contradicting operation."""
    part = {operation.invoked for operation in operations}
    last = operations[-1].invoke.time if operations else scale.begin_ns
    inside = [
        other
        for other in neighbours
        if other.invoked not in part
        and other.invoke.time <= scale.end_ns
        and (answered_ns(other) or scale.end_ns) >= scale.begin_ns
        and not (answered_ns(other) is None and other.invoke.time < scale.begin_ns)
    ]
    nearest = sorted(inside, key=lambda other: abs(other.invoke.time - last))[:MOST_NEIGHBOURS]
    return sorted(nearest, key=lambda other: other.invoked)


def _draw_neighbours(picture: Drawing, neighbours: Sequence[Operation], scale: Scale) -> None:
    """Operations of a process that takes part stay in its row, others get dimmed rows."""
    own = {row.text: row.y - 24 for row in picture.rows}
    places: dict[int, float] = {}
    for other in neighbours:
        name = shorten(f"process {other.process}", 14)
        if name in own:
            picture.bars.append(_bar(other, scale, own[name] + 12, 16))
            continue
        if other.process not in places:
            if len(places) == MOST_DIM_ROWS:
                continue
            places[other.process] = picture.height
            picture.rows.append(Label(GUTTER - 12, picture.height + 16, name, dim=True))
            picture.height += DIM_ROW
        picture.bars.append(_bar(other, scale, places[other.process] + 4, 16))


def _draw_faults(picture: Drawing, scene: Scene, scale: Scale) -> None:
    """Lanes of named bars; a name that is longer than its bar keeps its room, so that none overlap."""
    free: list[float] = []
    for fault in faults_within(scene, scale.begin_ns, scale.end_ns):
        x, right = scale.at(fault.from_ns), scale.at(fault.to_ns(scene.end_ns))
        wide = 12 + SMALL_PX * columns_wide(fault.name)
        at_end = x + wide > scale.positions[-1]
        begin, end = (min(x, right - wide), right) if at_end else (x, max(right, x + wide))
        lane = next((number for number, limit in enumerate(free) if limit <= begin), len(free))
        free[lane : lane + 1] = [end + 6]
        picture.bands.append(
            Band(
                x=x,
                width=max(right - x, 2.0),
                y=4 + lane * LANE,
                text=fault.name,
                text_x=max(right - 6, GUTTER + wide) if at_end else x + 6,
                anchor="end" if at_end else "start",
                colour=colour(fault.kind, scene.kinds),
                id=fault.id,
                title=_fault_title(fault, scene.end_ns),
            )
        )
    picture.height = 4 + len(free) * LANE + (6 if free else 0)


def _fault_title(fault: Fault, end_ns: int) -> str:
    lifted = f"to {seconds_text(fault.to_ns(end_ns))} s" if fault.lifted else "and was never seen lifted"
    return f"{fault.name}, in force from {seconds_text(fault.from_ns)} s {lifted}"


def faults_within(scene: Scene, begin_ns: int, end_ns: int) -> list[Fault]:
    return [
        fault
        for fault in scene.faults
        if fault.in_force and fault.from_ns <= end_ns and fault.to_ns(scene.end_ns) >= begin_ns
    ]


def leaders_within(scene: Scene, begin_ns: int, end_ns: int) -> list[Span]:
    return [span for span in scene.leaders if span.begin_ns <= end_ns and span.end_ns >= begin_ns]


def _draw_leaders(picture: Drawing, scene: Scene, scale: Scale) -> None:
    spans = leaders_within(scene, scale.begin_ns, scale.end_ns)
    for node in dict.fromkeys(span.node for span in spans):
        picture.rows.append(Label(GUTTER - 12, picture.height + 19, shorten(node, 15), dim=True))
        for span in spans:
            if span.node == node:
                picture.leaders.append(_leader_bar(span, scale, picture.height + 7))
        picture.height += LEADER_ROW
    picture.height += 8 if spans else 0


def _leader_bar(span: Span, scale: Scale, y: float) -> Bar:
    x = scale.at(span.begin_ns)
    width = max(scale.at(span.end_ns) - x, 2.0)
    term = "?" if span.term is None else span.term
    texts = (f"leads term {term}", f"term {term}", f"{term}", "")
    text = next(text for text in texts if SMALL_PX * len(text) + 8 <= width or not text)
    about = f"{span.node} held itself to be leader of term {term}"
    times = f"from {seconds_text(span.begin_ns)} s to {seconds_text(span.end_ns)} s"
    return Bar(x, y, width, 16, text, "", f"{about} {times}", "leader", "ok", False, -1)


def _draw_axis(picture: Drawing, operations: Sequence[Operation], scale: Scale) -> None:
    """Times where the operations begin and end, in two rows so that most find room, and how long the stretches are in
    which none of them went on."""
    picture.axis_y = picture.height + 4
    moments = scale.moments[1:-1]
    decimals = 3 if all(after - before >= 1_000_000 for before, after in pairwise(moments)) else 6
    limits = [0.0, 0.0]
    for moment in moments:
        text = f"{seconds_text(moment, decimals)} s"
        x, half = scale.at(moment), SMALL_PX * len(text) / 2 + 4
        row = next((row for row, limit in enumerate(limits) if x - half >= limit), None)
        if row is not None:
            limits[row] = x + half
        picture.ticks.append(Label(x, picture.axis_y + 16 + 14 * (row or 0), text if row is not None else ""))
    _draw_gaps(picture, operations, scale, picture.axis_y + (44 if limits[1] else 30))
    picture.height = picture.axis_y + (52 if limits[1] else 38)


def _draw_gaps(picture: Drawing, operations: Sequence[Operation], scale: Scale, y: float) -> None:
    ends = [(operation.invoke.time, answered_ns(operation)) for operation in operations]
    for before, after in pairwise(scale.moments[1:-1]):
        busy = any(begin <= before and end is not None and end >= after for begin, end in ends)
        text = duration_text(after - before)
        x, right, text_width = scale.at(before), scale.at(after), SMALL_PX * len(text)
        if not busy and text_width + 24 <= right - x:
            picture.gaps.append(Gap(x, right, y, text, text_width))
