"""Circles of transactions in the report: drawn where they can be, told where not, and never trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.checker import Budget, Recording
from checkers.history import encode
from checkers.transactions import ListAppend
from results.report import render
from results.report.circle import MOST_BOXES, Box, Ring, ring
from tests.checkers.transactions.histories import Txn, history
from tests.results.folders import HOSTILE, write_json


def around(count: int) -> list[Txn]:
    """A G1c circle of so many transactions: each read what the one before it had appended."""
    keys = [f"k{number}" for number in range(count)]
    return [
        Txn(at, at, 100 + at, [["append", keys[at], at + 1], ["r", keys[at - 1], [(at - 1) % count + 1]]])
        for at in range(count)
    ]


def folder(path: Path, txns: list[Txn]) -> Path:
    """A run folder whose history and verdict are of these transactions."""
    recorded = history(txns)
    result = ListAppend().check(Recording(recorded), Budget())
    path.mkdir()
    (path / "history.jsonl").write_bytes(b"".join(map(encode, recorded.events)))
    anomalies = [{"checker": result.checker, **msgspec.to_builtins(anomaly)} for anomaly in result.anomalies]
    checkers = [msgspec.to_builtins(result)]
    write_json(path / "verdict.json", {"verdict": result.verdict, "anomalies": anomalies, "checkers": checkers})
    return path


def details(count: int, **changes: Any) -> dict[str, Any]:
    names = [f"T{number}" for number in range(1, count + 1)]
    nodes = [{"name": name, "operation": at, "process": at, "steps": ["append x 1"]} for at, name in enumerate(names)]
    edges = [
        {"from": name, "to": names[(at + 1) % count], "type": "ww", "key": "x", "text": f"{name} came first"}
        for at, name in enumerate(names)
    ]
    return {"nodes": nodes, "edges": edges} | changes


def overlap(one: Box, other: Box) -> bool:
    return (
        abs(one.x - other.x) < (one.width + other.width) / 2 and abs(one.y - other.y) < (one.height + other.height) / 2
    )


def drawn(count: int) -> Ring:
    picture = ring(details(count))
    assert picture is not None
    return picture


@pytest.mark.parametrize("count", range(2, MOST_BOXES + 1))
def test_nothing_lies_on_anything_else(count: int) -> None:
    picture = drawn(count)
    boxes = picture.boxes
    assert not any(overlap(one, other) for at, one in enumerate(boxes) for other in boxes[:at])
    for box in boxes:
        assert box.left >= 0
        assert box.top >= 0
        assert box.left + box.width <= picture.width
        assert box.top + box.height <= picture.height
    labels = [Box("", "", (), 0, arrow.x, arrow.y, arrow.width, 20) for arrow in picture.arrows]
    assert not any(overlap(label, box) for label in labels for box in boxes)
    assert not any(overlap(one, other) for at, one in enumerate(labels) for other in labels[:at])
    assert all(10 <= label.y <= picture.height - 10 for label in labels)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"nodes": 5, "edges": "x"},
        details(2, edges=[]),
        details(2, nodes=[]),
        details(1),
        details(MOST_BOXES + 1),
        details(2, edges=[{"from": "T1", "to": "T9", "type": "ww"}, {"from": "T2", "to": "T1", "type": "ww"}]),
        details(2, edges=[{"from": ["T1"], "to": "T2", "type": "ww"}, {"from": "T2", "to": "T1", "type": {}}]),
    ],
)
def test_what_cannot_be_drawn_is_left_to_words(odd: dict[str, Any]) -> None:
    assert ring(odd) is None


def test_the_report_draws_and_tells_the_circle(tmp_path: Path) -> None:
    html = render(folder(tmp_path / "run", around(3))).read_text("utf-8")
    assert html.count('<g class="box"') == 3
    assert '<svg class="drawing circle"' in html
    assert "</span> G1c<" in html
    assert "T1 appended 1 to k0, which T2 read as [1]" in html


def test_values_cannot_break_out_of_the_picture(tmp_path: Path) -> None:
    txns = [
        Txn(0, 0, 9, [["append", HOSTILE, HOSTILE], ["r", "y", [1]]]),
        Txn(1, 1, 8, [["append", "y", 1], ["r", HOSTILE, [HOSTILE]]]),
    ]
    html = render(folder(tmp_path / "run", txns)).read_text("utf-8")
    assert '<svg class="drawing circle"' in html
    assert "<img src=x" not in html
    assert "<script>alert" not in html
