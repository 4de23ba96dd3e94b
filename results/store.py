"""The store: one folder a run, holding what a reviewer needs and nothing hidden.

    run.json       the whole experiment: options, seed, versions, nodes, phases
    schedule.toml  the timeline of a run that was given one (docs/schedules.md)
    history.jsonl  every event, appended as it happened (docs/history-format.md)
    status.jsonl   what the monitor saw of each node: term, role, leader, indexes, clock offset
    messages.jsonl what the nodes said to each other, where somebody saw it (docs/messages-format.md)
    nodes/NAME/    each node's logs and trace.jsonl
    verdict.json   what the checkers said: the object that --json prints
    report.html    the same for people; junit.xml for CI systems; harness.log for harness troubles

A folder is readable at any moment: the history is appended line by line, everything else is written beside
its place and renamed into it. So a run that was killed is a run folder without verdict.json, and can still be
judged.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from results.errors import StoreError

if TYPE_CHECKING:
    from checkers.history import History

DEFAULT_ROOT: Final = Path("results/runs")
LATEST: Final = "latest"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class RunFolder:
    """Paths and contents of one run."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def history_path(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def status_path(self) -> Path:
        return self.path / "status.jsonl"

    @property
    def messages_path(self) -> Path:
        return self.path / "messages.jsonl"

    @property
    def report_path(self) -> Path:
        return self.path / "report.html"

    @property
    def junit_path(self) -> Path:
        return self.path / "junit.xml"

    @property
    def log_path(self) -> Path:
        return self.path / "harness.log"

    def node_folder(self, node: str) -> Path:
        return self.path / "nodes" / node

    def run(self) -> dict[str, Any]:
        """run.json. Raises StoreError."""
        return _read_object(self.path / "run.json")

    def verdict(self) -> dict[str, Any] | None:
        """verdict.json, or None for a run that was not judged. Raises StoreError."""
        path = self.path / "verdict.json"
        return _read_object(path) if path.exists() else None

    def history(self) -> History:
        """Raises StoreError where there is none, HistoryError where it is not a history."""
        try:
            data = self.history_path.read_bytes()
        except OSError as error:
            raise StoreError(f"{self.history_path} cannot be read: {error.strerror}.") from error
        from checkers.history import decode  # which takes numpy: most commands read no history

        return decode(data)

    def statuses(self) -> list[dict[str, Any]]:
        return list(_read_lines(self.status_path))

    def traces(self) -> dict[str, list[dict[str, Any]]]:
        """Each node's trace records in the order written; lines that were cut off are left out."""
        files = sorted(self.path.glob("nodes/*/trace.jsonl"))
        return {file.parent.name: list(_read_lines(file)) for file in files}

    def logs(self) -> dict[str, str]:
        """What each node's server logged."""
        files = sorted(self.path.glob("nodes/*/node.log"))
        return {file.parent.name: file.read_text("utf-8", "replace") for file in files}

    def save_run(self, run: Mapping[str, Any]) -> None:
        self._save("run.json", run)

    def save_verdict(self, verdict: Mapping[str, Any]) -> None:
        self._save("verdict.json", verdict)

    def discard_if_empty(self) -> None:
        """Removes the folder of a run that ended before anything was recorded, so that its name is free again."""
        if self.history_path.exists() or any((self.path / "nodes").iterdir()):
            return
        shutil.rmtree(self.path)
        latest = self.path.parent / LATEST
        if latest.is_symlink() and os.readlink(latest) == self.name:
            latest.unlink()

    def save_schedule(self, text: str) -> None:
        write_atomically(self.path / "schedule.toml", text.encode())

    def _save(self, name: str, content: Mapping[str, Any]) -> None:
        write_atomically(self.path / name, msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


def write_atomically(path: Path, data: bytes) -> None:
    """Readers see the old content or the new, never a part. Raises StoreError.

    A link stays one: the file that it names is written. What is no regular file (a pipe, a device) is written to."""
    path = path.resolve()
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error


def create(root: Path, name: str) -> RunFolder:
    """Makes a new run's folder. Raises StoreError for a name in use and a place that cannot be written."""
    if not _NAME.fullmatch(name) or name == LATEST:
        raise StoreError(
            f"{name!r} cannot be a run's name: use letters, digits, dots, dashes and underscores, but not {LATEST!r}."
        )
    path = root / name
    try:
        if root.exists() and not root.is_dir():
            raise StoreError(f"The results folder {root} cannot be written: it is a file.")
        root.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        (path / "nodes").mkdir()
        _point_latest(root, name)
    except FileExistsError as error:
        raise StoreError(f"A run named {name!r} is already in {root}: choose another --name.") from error
    except OSError as error:
        raise StoreError(f"The results folder {root} cannot be written: {error.strerror}.") from error
    return RunFolder(path)


def _point_latest(root: Path, name: str) -> None:
    beside = root / f".{LATEST}.{os.getpid()}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(name)
    beside.replace(root / LATEST)


def find(root: Path, run: str) -> RunFolder:
    """A run by its folder or its name. Raises StoreError naming what there is."""
    for path in (Path(run), root / run):
        if (path / "run.json").is_file() or (path / "history.jsonl").is_file():
            return RunFolder(path.resolve())
    if Path(run).is_dir():
        raise StoreError(f"{run} is not a run folder: it holds neither run.json nor history.jsonl.")
    names = [folder.name for folder in list_runs(root)]
    known = f"the newest there is {names[-1]!r}" if names else "there is none yet"
    raise StoreError(f"No run named {run!r} in {root}: {known}; `raftstorm runs` lists them.")


def list_runs(root: Path) -> Sequence[RunFolder]:
    """Oldest first, by the time at which they were made."""
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and not path.is_symlink()]
    runs = [path for path in folders if (path / "run.json").is_file()]
    return [RunFolder(path) for path in sorted(runs, key=_made_ns)]


def _made_ns(path: Path) -> int:
    nodes = path / "nodes"
    return (nodes if nodes.is_dir() else path).stat().st_ctime_ns  # copies and artefacts may lack empty folders


def _read_object(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path} is not what raftstorm wrote: {error}.") from error


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as file:
        for line in file:
            try:
                yield decoder.decode(line)
            except msgspec.MsgspecError:
                continue  # cut off when its writer was killed
