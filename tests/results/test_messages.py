"""messages.jsonl in the report: what is embedded, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from results.report import render
from results.report.messages import (
    DELIVERED,
    LOST,
    MOST_MESSAGES,
    UNDER_WAY,
    Picture,
    Stretch,
    message_columns,
    picture,
)
from tests.results.folders import make, write_lines
from tests.results.messages import write_messages
from tests.results.test_report import Page

SECOND = 1_000_000_000
THREE = ["n1", "n2", "n3"]
APPEND = {"event": "send", "node": "n1", "peer": "n2", "text": "AppendEntries"}


def picture_of(
    folder: Path, lines: list[dict[str, Any]], *, focus: tuple[int, int] | None = None, nodes: list[str] = THREE
) -> Picture:
    write_lines(folder / "messages.jsonl", lines)
    made = picture(folder / "messages.jsonl", nodes, focus)
    assert made is not None
    return made


def test_what_became_of_each_message(tmp_path: Path) -> None:
    made = picture_of(
        tmp_path,
        [
            {"time": 1000, "message": 1, **APPEND, "term": 3},
            {"time": 2000, "message": 2, **APPEND},
            {"time": 3000, "message": 3, **APPEND},
            {"time": 4000, "event": "deliver", "node": "n2", "peer": "n1", "message": 1},
            {"time": 5000, "event": "drop", "node": "n2", "peer": "n1", "message": 2, "text": "cut by f1"},
            {"time": 9000, "event": "deliver", "node": "n2", "peer": "n1", "message": 1},
            {"time": 9000, "event": "deliver", "node": "n2", "peer": "n1", "message": 99},
        ],
    )
    rows = [(m.number, m.sent_ns, m.fate, m.until_ns, m.why, m.again) for m in made.messages]
    assert rows == [
        ("1", 1000, DELIVERED, 4000, "", False),
        ("1", 1000, DELIVERED, 9000, "", True),
        ("2", 2000, LOST, 5000, "cut by f1", False),
        ("3", 3000, UNDER_WAY, 0, "", False),
    ]
    columns = message_columns(made)
    assert (columns["sent"], columns["took"]) == ([1, 0, 1, 1], [3, 8, 3, -1])
    assert columns["term"] == ["3", "3", None, None]
    assert made.lost == 1


def test_roles_last_until_the_next_and_are_broken_by_crashes_and_pauses(tmp_path: Path) -> None:
    made = picture_of(
        tmp_path,
        [
            {"time": 0, "event": "start", "node": "n1"},
            {"time": 1000, "event": "role", "node": "n1", "role": "follower", "term": 1},
            {"time": 3000, "event": "role", "node": "n1", "role": "leader", "term": 2},
            {"time": 5000, "event": "crash", "node": "n1"},
            {"time": 7000, "event": "start", "node": "n1", "role": "follower", "term": 2},
            {"time": 8000, "event": "pause", "node": "n1"},
            {"time": 9000, "event": "resume", "node": "n1"},
            {"time": 9500, "event": "crash", "node": "n2"},
            {"time": 10000, "event": "commit", "node": "n1", "commit": 7},
        ],
    )
    assert made.roles == [
        (0, 1000, 3000, "follower", 1),
        (0, 3000, 5000, "leader", 2),
        (0, 7000, 8000, "follower", 2),
        (0, 9000, 10000, "follower", 2),
    ]
    assert made.downs == [(0, 5000, 7000, "crashed"), (0, 8000, 9000, "paused"), (1, 9500, 10000, "crashed")]
    assert made.commits == [(0, 10000, 7)]


def test_a_role_that_is_said_again_is_one_and_may_say_how_far_is_committed(tmp_path: Path) -> None:
    leads = {"event": "role", "node": "n1", "role": "leader", "term": 2}
    made = picture_of(tmp_path, [{"time": time, **leads, "commit": max(time - 3, 0) // 2} for time in range(1, 9)])
    assert made.roles == [(0, 1, 1001, "leader", 2)]
    assert made.commits == [(0, 5, 1), (0, 7, 2)]


def test_little_is_embedded_whole_and_its_end_is_shown(tmp_path: Path) -> None:
    lines = [{"time": number * SECOND, "message": number, **APPEND} for number in range(11)]
    made = picture_of(tmp_path, lines)
    assert (made.stretch, made.first) == (Stretch(0, 10 * SECOND), Stretch(8 * SECOND, 10 * SECOND))
    assert (made.total, len(made.messages), made.focused) == (11, 11, False)


def many(count: int) -> list[dict[str, Any]]:
    """A hundred a second; n1 is a leader from long before anything of the middle."""
    role = {"time": 0, "event": "role", "node": "n1", "role": "leader", "term": 5}
    return [role, *({"time": number * SECOND // 100, "message": number, **APPEND} for number in range(count))]


@pytest.mark.parametrize(
    ("focus_s", "first", "stretch"),
    [
        (None, (97.99, 99.99), (60.0, 99.99)),
        # The middle: as much on either side.
        ((50.0, 50.5), (49.8, 50.7), (30.26, 70.25)),
        # Long: its end.
        ((20.0, 50.5), (48.7, 50.7), (29.7, 69.69)),
        # Near an end: the rest is on the other side.
        ((1.0, 1.5), (0.8, 1.7), (0.0, 39.99)),
        ((99.0, 99.9), (98.8, 99.99), (60.0, 99.99)),
        # Not in the file.
        ((200.0, 201.0), (97.99, 99.99), (60.0, 99.99)),
    ],
)
def test_of_many_those_around_the_contradiction_are_embedded(
    focus_s: tuple[float, float] | None, first: tuple[float, float], stretch: tuple[float, float], tmp_path: Path
) -> None:
    focus = None if focus_s is None else (round(focus_s[0] * SECOND), round(focus_s[1] * SECOND))
    made = picture_of(tmp_path, many(10_000), focus=focus)
    assert seconds(made.first) == first
    assert seconds(made.stretch) == pytest.approx(stretch, abs=0.02)
    assert MOST_MESSAGES - 2 <= len(made.messages) <= MOST_MESSAGES
    assert made.total == 10_000
    assert made.first.begin_ns >= made.stretch.begin_ns
    assert made.first.end_ns <= made.stretch.end_ns
    # What was true before is still known.
    assert made.roles == [(0, made.stretch.begin_ns, made.stretch.end_ns, "leader", 5)]


def seconds(stretch: Stretch) -> tuple[float, float]:
    return stretch.begin_ns / SECOND, stretch.end_ns / SECOND


def test_too_many_around_the_contradiction_leave_its_end(tmp_path: Path) -> None:
    lines = [{"time": 2 * SECOND + number * 100_000, "message": number, **APPEND} for number in range(10_000)]
    made = picture_of(tmp_path, lines, focus=(2 * SECOND, 2 * SECOND + 900_000_000))
    assert len(made.messages) == MOST_MESSAGES
    assert made.stretch.end_ns == made.first.end_ns


def test_nodes_stand_in_the_order_of_the_run(tmp_path: Path) -> None:
    made = picture_of(tmp_path, [{"time": 1, "message": 1, **APPEND, "peer": "n0"}], nodes=["n2", "n1"])
    assert made.nodes == ["n2", "n1", "n0"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]\nnull\n7\n",
        b"\xff\x00\n",
        b'{"time": "x", "event": "send"}\n{"time": 1}\n{"event": "send"}\n',
        b"[" * 5000 + b"\n",
    ],
)
def test_a_file_without_records_draws_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "messages.jsonl").write_bytes(content)
    assert picture(tmp_path / "messages.jsonl", THREE, None) is None
    assert "messages" not in Page(render(tmp_path)).ids


def test_odd_records_are_passed_over(tmp_path: Path) -> None:
    odd: list[Any] = [None, 7, [], {}, "x", 2**70, -1, 1.5, True]
    fields = ("time", "node", "peer", "message", "text", "term", "role", "commit", "fault")
    events = ("send", "deliver", "drop", "start", "crash", "pause", "role", "commit", "fault-begin", "fault-end", "?")
    common = {"time": 5, "node": "n1", "peer": "n2", "message": 1, "role": "leader", "text": "A"}
    lines = [{**common, "event": event, field: value} for event in events for field in fields for value in odd]
    write_lines(tmp_path / "messages.jsonl", lines)
    assert "messages" in Page(render(tmp_path)).ids


def test_the_page_says_what_it_holds(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", operations=100, seconds=10, stale=True)
    lines = write_messages(folder, 5000, THREE)
    page = Page(render(folder))
    total = sum(line["event"] == "send" for line in lines)
    assert f"Of {total:,} messages, 4,000 are embedded here" in " ".join(page.text.split())
    assert "where the contradiction is" in page.text
    data = page.json("messages-data")
    assert data["count"] == 4000
    assert {len(data[name]) for name in ("sent", "took", "fate", "sender", "text", "number")} == {4000}
    assert [operation["number"] for operation in data["operations"]] == ["1", "2", "3"]
    assert data["first"][0] <= data["operations"][-1]["from"] <= data["first"][1]


def test_faults_of_both_sources_are_drawn_once(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", operations=50, seconds=10)
    begun = [{"time": SECOND, "event": "fault-begin", "fault": name, "text": "disk n2"} for name in ("f1", "f77")]
    write_lines(folder / "messages.jsonl", [*begun, {"time": 2 * SECOND, "event": "fault-end", "fault": "f77"}])
    faults = [fault for fault in Page(render(folder)).json("messages-data")["faults"] if fault["id"] in ("f1", "f77")]
    assert [(fault["id"], fault["kind"]) for fault in faults] == [("f77", "disk"), ("f1", "partition")]
    assert (faults[0]["from"], faults[0]["to"], faults[0]["lifted"]) == (1_000_000, 2_000_000, True)


def test_a_run_without_the_file_has_no_such_section(tmp_path: Path) -> None:
    page = Page(render(make(tmp_path / "run", operations=50, seconds=10)))
    assert "messages" not in page.ids
    assert "messages-data" not in page.data


def test_the_format_s_example_is_read(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "messages-format.md").read_text("utf-8")
    lines = [json.loads(line) for line in text.split("```")[1].strip().splitlines()]
    made = picture_of(tmp_path, lines)
    assert [(m.text, m.fate) for m in made.messages] == [
        ("AppendEntries 3 entries from 12, commit 11", DELIVERED),
        ("RequestVote last 14 in term 4", LOST),
    ]
