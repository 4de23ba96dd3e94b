"""A circle of transactions, laid out to be drawn: what goes where, in pixels, for an SVG. How it looks is style.css.

Each transaction is a box with its steps. The boxes stand on an ellipse in the order of the circle, clockwise from the
top, two of them side by side; an arrow from box to box says why the one must come before the other. What an anomaly
brings is not trusted to have the shape that it should have: what cannot be drawn is left to words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from results.report.values import columns_wide, listing, mappings, plain, shorten, whole

MOST_BOXES: Final = 12
MOST_LINES: Final = 7
LINE: Final = 17.0
CHARACTER: Final = 7.3
SMALL: Final = 6.6
"""Pixels that a character of a step, and of an arrow's label, takes."""
BETWEEN: Final = 120.0
"""Room between neighbours, for the arrows and their labels."""
BEND: Final = 34.0
MARGIN: Final = 16.0
TYPES: Final = ("ww", "wr", "rw", "process", "realtime")


@dataclass
class Box:
    """`x`, `y`: its middle."""

    name: str
    head: str
    lines: Sequence[str]
    index: int
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def left(self) -> float:
        return self.x - self.width / 2

    @property
    def top(self) -> float:
        return self.y - self.height / 2


@dataclass
class Arrow:
    type: str
    ends: str
    """'T1 → T2'"""
    label: str
    text: str
    path: str = ""
    head: str = ""
    x: float = 0.0
    y: float = 0.0
    """Where the label's middle is."""

    @property
    def width(self) -> float:
        return SMALL * columns_wide(self.label) + 12


@dataclass
class Ring:
    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)


Point = tuple[float, float]


def ring(details: Mapping[str, Any]) -> Ring | None:
    """None where there is no circle, or one that cannot be drawn."""
    edges = [edge for edge in mappings(details.get("edges")) if edge.get("type") in TYPES]
    boxes = {box.name: box for node in mappings(details.get("nodes")) if (box := _box(node)) is not None}
    order = list(dict.fromkeys(str(edge.get("from")) for edge in edges))
    known = all(str(edge.get(end)) in boxes for edge in edges for end in ("from", "to"))
    if not known or not 2 <= len(order) <= MOST_BOXES or set(order) != set(boxes):
        return None
    picture = _placed([boxes[name] for name in order])
    middle = picture.width / 2, picture.height / 2
    for edge in edges:
        picture.arrows.append(_arrow(edge, boxes[str(edge["from"])], boxes[str(edge["to"])], middle))
    return picture


def _box(node: Mapping[str, Any]) -> Box | None:
    name, index = node.get("name"), whole(node.get("operation"))
    if not isinstance(name, str) or index is None:
        return None
    lines = [shorten(plain(line), 34) for line in listing(node.get("steps"))]
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], f"and {len(lines) - MOST_LINES + 1} more"]
    head = f"process {plain(node.get('process'), 12)}"
    box = Box(plain(name, 8), head, lines, index)
    widest = max([len(box.name) + len(head) + 3, *map(columns_wide, lines)])
    box.width, box.height = max(130.0, CHARACTER * widest + 24), 34 + LINE * len(lines)
    return box


def _placed(boxes: Sequence[Box]) -> Ring:
    count = len(boxes)
    wide, high = max(box.width for box in boxes), max(box.height for box in boxes)
    if count == 2:
        across, down = (wide + BETWEEN + 60) / 2, 0.0
    else:
        across, down = ((size + BETWEEN) * max(0.72, count / 5.5) for size in (wide, high))
    room = BEND + 30 if count == 2 else BEND / 2
    picture = Ring(2 * across + wide + 2 * MARGIN, 2 * down + max(high, 2 * room) + 2 * MARGIN + 20)
    begin = math.pi if count == 2 else -math.pi / 2
    for place, box in enumerate(boxes):
        angle = begin + 2 * math.pi * place / count
        box.x = picture.width / 2 + across * math.cos(angle)
        box.y = picture.height / 2 + down * math.sin(angle)
    picture.boxes = list(boxes)
    return picture


def _arrow(edge: Mapping[str, Any], begin: Box, end: Box, middle: Point) -> Arrow:
    """Bent away from the middle of the picture; the two arrows of a pair each to the left of its own direction."""
    kind, key = str(edge["type"]), edge.get("key")
    label = f"{kind} {plain(key, 16)}" if isinstance(key, str) and key else kind
    arrow = Arrow(kind, f"{begin.name} → {end.name}", label, plain(edge.get("text") or "", 1000))
    control = _control((begin.x, begin.y), (end.x, end.y), middle)
    start, stop = _border(begin, control), _border(end, control)
    arrow.path = f"M{start[0]:.1f} {start[1]:.1f}Q{control[0]:.1f} {control[1]:.1f} {stop[0]:.1f} {stop[1]:.1f}"
    arrow.head = _head(control, stop)
    arrow.x = (start[0] + 2 * control[0] + stop[0]) / 4
    arrow.y = (start[1] + 2 * control[1] + stop[1]) / 4
    return arrow


def _control(begin: Point, end: Point, middle: Point) -> Point:
    across, down = end[0] - begin[0], end[1] - begin[1]
    length = math.hypot(across, down) or 1.0
    half = (begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2
    outward = half[0] - middle[0], half[1] - middle[1]
    left = down / length, -across / length
    straight = math.hypot(*outward) < 1.0
    side = 1.0 if straight or left[0] * outward[0] + left[1] * outward[1] >= 0 else -1.0
    bend = 2 * BEND if straight else BEND
    return half[0] + side * bend * left[0], half[1] + side * bend * left[1]


def _border(box: Box, towards: Point) -> Point:
    """Where the way from the middle of a box to a point leaves the box, and a little further."""
    across, down = towards[0] - box.x, towards[1] - box.y
    reach = min(
        (box.width / 2 + 4) / abs(across) if across else math.inf,
        (box.height / 2 + 4) / abs(down) if down else math.inf,
        1.0,
    )
    return box.x + across * reach, box.y + down * reach


def _head(control: Point, stop: Point) -> str:
    """The three corners of an arrow's head."""
    across, down = stop[0] - control[0], stop[1] - control[1]
    length = math.hypot(across, down) or 1.0
    x, y = across / length, down / length
    back = stop[0] - 11 * x, stop[1] - 11 * y
    corners = [stop, (back[0] - 5 * y, back[1] + 5 * x), (back[0] + 5 * y, back[1] - 5 * x)]
    return " ".join(f"{corner[0]:.1f},{corner[1]:.1f}" for corner in corners)
