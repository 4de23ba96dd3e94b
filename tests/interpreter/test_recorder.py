"""The recorder: one order, on disk before `record` returns, and never a line after a broken one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from checkers.events import NEMESIS, Event, EventType
from checkers.history import decode
from harness.errors import CannotRun
from harness.recorder import Recorder


def test_events_get_index_and_time_and_are_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with Recorder(path, iter([5, 3, 9]).__next__) as recorder:
        first = recorder.record(process=0, type=EventType.INVOKE, f="write", key="k", value=1)
        assert decode(path.read_bytes()).events == [first]
        second = recorder.record(process=NEMESIS, type=EventType.INFO, f="kill", fault="f1", evidence={"pid": 1})
        third = recorder.record(process=0, type=EventType.OK, f="write", key="k", value=1, log_index=4)
    assert decode(path.read_bytes()).events == [first, second, third]
    assert [(event.index, event.time) for event in (first, second, third)] == [(0, 5), (1, 5), (2, 9)]


def test_observers_see_each_event_after_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    seen: list[tuple[Event, int]] = []
    with Recorder(path, lambda: 0) as recorder:
        recorder.subscribe(lambda event: seen.append((event, len(decode(path.read_bytes()).events))))
        events = [recorder.record(process=0, type=EventType.INVOKE, f="read") for _ in range(2)]
    assert seen == [(events[0], 1), (events[1], 2)]


def test_a_history_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"older\n")
    with pytest.raises(CannotRun, match="File exists"):
        Recorder(path, lambda: 0)
    assert path.read_bytes() == b"older\n"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match=r"The history .*history\.jsonl cannot be made: No such file"):
        Recorder(tmp_path / "nowhere" / "history.jsonl", lambda: 0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_closes_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    plain_open = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode: plain_open("/dev/full", os.O_WRONLY))
    recorder = Recorder(Path("full"), lambda: 0)
    with pytest.raises(CannotRun, match="The history full cannot be written: No space left"):
        recorder.record(process=0, type=EventType.INVOKE, f="read")
    with pytest.raises(CannotRun, match="The history full is closed"):
        recorder.record(process=0, type=EventType.INVOKE, f="read")


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole_write(file, data[:7]))
    path = tmp_path / "history.jsonl"
    with Recorder(path, lambda: 0) as recorder:
        event = recorder.record(process=0, type=EventType.INVOKE, f="read", key="k")
    assert decode(path.read_bytes()).events == [event]


KILLED = """
import os, signal, sys
from pathlib import Path
from checkers.events import EventType
from harness.recorder import Recorder
recorder = Recorder(Path(sys.argv[1]), lambda: 0)
for number in range(1000):
    recorder.record(process=number, type=EventType.INVOKE, f="write", key="k", value=number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_recorded_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    history = decode(path.read_bytes())
    assert [event.value for event in history.events] == list(range(1000))
    assert not history.cut
