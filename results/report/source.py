"""The run folder, read for the report. A run may have been killed at any moment, so any file may be missing or cut:
what there is is shown, and `missing` says in words what there is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from checkers.events import Event
from checkers.history import History, HistoryError, Operation, decode
from results.errors import StoreError
from results.report.values import plain, printable
from results.store import RunFolder

LOG_BYTES: Final = 256 * 1024
"""Of each log, the end: what happened last is what explains most."""
CUT: Final = "The last line of history.jsonl is cut off (its writer was killed); it is left out."
T = TypeVar("T")


@dataclass(frozen=True)
class Log:
    """The end of a log file; `left_out` counts the bytes before it."""

    node: str
    file: str
    text: str
    size: int
    left_out: int


@dataclass(frozen=True)
class Material:
    """All that a report is made from."""

    name: str
    run: Mapping[str, Any]
    verdict: Mapping[str, Any] | None
    events: Sequence[Event]
    operations: Sequence[Operation]
    statuses: Sequence[Mapping[str, Any]]
    traces: Mapping[str, Sequence[Mapping[str, Any]]]
    logs: Sequence[Log]
    missing: Sequence[str] = field(default_factory=list)
    messages: Path | None = None
    """messages.jsonl, where there is one."""
    lone: bool = False
    """A history by itself: there is no run that could have left more behind."""
    timed: bool = True
    """Whether the times were recorded (History.timed)."""
    line_of: Callable[[int], int] = lambda index: index + 1
    """By event index, the line of the file on which it stands."""

    @property
    def end_ns(self) -> int:
        """The run time at which the last event was recorded; 0 for an empty history."""
        return self.events[-1].time if self.events else 0


def read(path: Path) -> Material:
    folder = RunFolder(path)
    missing: list[str] = []
    events, operations = _history(folder, missing)
    material = Material(
        name=folder.name,
        run=_or_note(folder.run, {}, missing),
        verdict=_or_note(folder.verdict, None, missing),
        events=events,
        operations=operations,
        statuses=_or_note(folder.statuses, [], missing),
        traces=_or_note(folder.traces, {}, missing),
        logs=[*_logs(path, missing)],
        missing=missing,
        messages=folder.messages_path if folder.messages_path.is_file() else None,
    )
    _note_absent(material, missing)
    return material


def lone(verdict: Mapping[str, Any], history: History) -> Material:
    """A history that stands alone, and what was said of it."""
    missing = [CUT] if history.cut else []
    if not history.timed:
        missing.append("The file holds no times: only the order of its events is known, and drawn a millisecond apart.")
    return Material(
        name=plain(verdict.get("source") or "a history", 200),
        run={},
        verdict=verdict,
        events=history.events,
        operations=history.operations,
        statuses=[],
        traces={},
        logs=[],
        missing=missing,
        lone=True,
        timed=history.timed,
        line_of=history.line_of,
    )


def _or_note(read: Callable[[], T], default: T, missing: list[str]) -> T:
    try:
        return read()
    except StoreError as error:
        missing.append(str(error))
    except OSError as error:
        missing.append(f"{error.filename} cannot be read: {error.strerror}.")
    return default


def _note_absent(material: Material, missing: list[str]) -> None:
    if material.run.get("trouble"):
        missing.append(f"The harness had trouble: {plain(material.run['trouble'], 600)}")
    if material.verdict is None and not any("verdict.json" in note for note in missing):
        missing.append(
            "There is no verdict.json: the run ended before its history was judged. "
            f"`raftstorm check {material.name}` judges what was recorded."
        )
    if not material.statuses:
        missing.append("There is no status.jsonl: what the monitor saw of the nodes is not known.")
    if not material.traces:
        missing.append("There are no traces of the nodes: they are collected when a run ends in order.")
    if not material.logs:
        missing.append("There are no logs: they are collected when a run ends in order.")


def _history(folder: RunFolder, missing: list[str]) -> tuple[Sequence[Event], Sequence[Operation]]:
    try:
        history = folder.history()
    except StoreError as error:
        missing.append(f"There is no history to show: {error}")
        return [], []
    except HistoryError as error:
        missing.append(f"history.jsonl is shown up to its bad line: {error}.")
        history = _first_lines(folder, error.line - 1)
    if history.cut:
        missing.append(CUT)
    return _paired(history, missing)


def _first_lines(folder: RunFolder, count: int) -> History:
    lines = folder.history_path.read_bytes().split(b"\n")[:count]
    return decode(b"".join(line + b"\n" for line in lines))


def _paired(history: History, missing: list[str]) -> tuple[Sequence[Event], Sequence[Operation]]:
    try:
        return history.events, history.operations
    except HistoryError as error:
        missing.append(f"history.jsonl is shown up to an event that fits no operation: {error}.")
        before = History(history.events[: error.line - 1])
        return before.events, before.operations


def _logs(path: Path, missing: list[str]) -> Sequence[Log]:
    files = [file for file in sorted(path.glob("nodes/*/*")) if file.suffix == ".log" and file.is_file()]
    harness = path / "harness.log"
    logs = [_log(file, missing) for file in [*files, *([harness] if harness.is_file() else [])]]
    return [log for log in logs if log is not None]


def _log(file: Path, missing: list[str]) -> Log | None:
    """The last LOG_BYTES of a log, from the beginning of a line."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            stream.seek(max(0, size - LOG_BYTES))
            data = stream.read(LOG_BYTES)
    except OSError as error:
        missing.append(f"{file} cannot be read: {error.strerror}.")
        return None
    if size > LOG_BYTES:
        data = data[data.find(b"\n") + 1 :]
    lines = data.decode("utf-8", "replace").splitlines()
    text = "\n".join(printable(line.replace("\t", "    ")) for line in lines)
    node = file.parent.name if file.parent.parent.name == "nodes" else "harness"
    return Log(node=node, file=file.name, text=text, size=size, left_out=size - len(data))
