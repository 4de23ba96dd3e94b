"""What is shown while a run goes on, without a terminal and with one."""

from __future__ import annotations

import os
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from checkers.events import NEMESIS, Event, EventType
from harness.progress import LiveDisplay, PlainDisplay, Progress, RunConsole


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def event(**fields: Any) -> Event:
    common: dict[str, Any] = {"index": 0, "time": 0, "process": 1, "type": EventType.OK, "f": "read", "value": None}
    return Event(**(common | fields))


def fault(action: str) -> Event:
    return event(process=NEMESIS, f="kill", fault="f1", value={"action": action, "variant": "leader"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress(clock: Clock) -> Progress:
    progress = Progress(now_s=clock, leader=lambda: "n2 in term 3")
    progress.begin("main", 30.0)
    return progress


def test_plain_lines_come_with_phases_and_every_few_seconds(progress: Progress, clock: Clock) -> None:
    said = StringIO()
    display = PlainDisplay(progress, Console(file=said))
    for tenth in range(101):
        clock.now = tenth / 10
        progress.observe(event())
        display.refresh()
    lines = said.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1] == "main 5 s, 25 s to go | 10 ops/s | ok 51 fail 0 info 0 | leader n2 in term 3 | faults: none"


def test_a_reader_that_goes_away_ends_no_run(progress: Progress) -> None:
    reading, writing = os.pipe()
    survived = False
    with suppress(BrokenPipeError), os.fdopen(writing, "w") as pipe:  # closing it writes what it still holds
        display = PlainDisplay(progress, RunConsole(file=pipe))
        display.say("somebody reads this")
        os.close(reading)
        display.say("nobody reads this")
        display.refresh()
        progress.begin("healing")
        display.refresh()
        survived = True
    assert survived


def test_faults_in_force(progress: Progress) -> None:
    progress.observe(event())
    progress.observe(fault("begin"))
    assert "faults: kill leader" in progress.line()
    progress.observe(fault("end"))
    assert "faults: none" in progress.line()


def test_before_operations_there_is_the_phase_and_what_it_is_at(progress: Progress) -> None:
    progress.begin("node image")
    progress.note("Step 3/9")
    assert progress.line() == "node image 0 s | Step 3/9"


def test_the_panel_shows_the_same(progress: Progress) -> None:
    said = StringIO()
    progress.observe(event(type=EventType.INFO))
    with LiveDisplay(progress, Console(file=said, force_terminal=True, width=100)) as display:
        display.refresh()
    shown = said.getvalue()
    assert all(word in shown for word in ("main", "30 s to go", "info 1", "n2 in term 3"))
