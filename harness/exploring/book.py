"""What is kept of a search, so that it can be stopped at any moment and go on later.

    explore.json   what is searched: the experiment, the first seed, whether it learns
    trials.jsonl   every trial with its outcome, one a line, appended as they end
    runs/          the findings, each a run folder

What a search has learned is in its trials: they are read again, in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from harness.errors import BadInput, CannotRun
from harness.exploring.trial import Outcome
from results.store import write_atomically

T = TypeVar("T")

ROOT: Final = Path("results/explore")


class Search(msgspec.Struct, kw_only=True, frozen=True):
    """`options`: of the experiment that every trial is."""

    options: dict[str, Any]
    first_seed: int
    learns: bool
    version: str


class Lines:
    """A file of JSON lines that grows. A line that was cut off when somebody was killed is overwritten."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, kind: type[T]) -> Iterator[T]:
        """Raises BadInput for a line that is none of this kind."""
        decoder = msgspec.json.Decoder(kind)
        for number, line in enumerate(self._whole().splitlines(), start=1):
            try:
                yield decoder.decode(line)
            except msgspec.MsgspecError as error:
                raise BadInput(f"{self.path}, line {number} is not what raftstorm wrote: {error}.") from error

    def add(self, line: Any) -> None:
        """Raises CannotRun."""
        try:
            with self.path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            raise CannotRun(f"{self.path} cannot be written: {error.strerror}.") from error

    def mend(self) -> None:
        """Takes away what was not written to its end."""
        if self.path.exists() and len(whole := self._whole()) < self.path.stat().st_size:
            write_atomically(self.path, whole)

    def _whole(self) -> bytes:
        """Up to the end of the last whole line."""
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
        except OSError as error:
            raise BadInput(f"{self.path} cannot be read: {error.strerror}.") from error
        return data[: data.rfind(b"\n") + 1]


class Book:
    """`folder` exists and holds a search."""

    def __init__(self, folder: Path, search: Search) -> None:
        self.folder = folder
        self.search = search
        self._trials = Lines(folder / "trials.jsonl")
        self._trials.mend()

    @property
    def runs(self) -> Path:
        """Where the findings are."""
        return self.folder / "runs"

    def outcomes(self) -> Iterator[Outcome]:
        return self._trials.read(Outcome)

    def add(self, outcome: Outcome) -> None:
        self._trials.add(outcome)


def create_book(folder: Path, search: Search) -> Book:
    """Raises BadInput where there is one already, CannotRun where it cannot be written."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise BadInput(f"{folder} is there already: choose another --name, or go on with --resume {folder}.") from error
    except OSError as error:
        raise CannotRun(f"{folder} cannot be made: {error.strerror}.") from error
    write_atomically(folder / "explore.json", msgspec.json.format(msgspec.json.encode(search), indent=1) + b"\n")
    return Book(folder, search)


def open_book(folder: Path) -> Book:
    """Raises BadInput."""
    path = folder / "explore.json"
    try:
        return Book(folder, msgspec.json.decode(path.read_bytes(), type=Search))
    except OSError as error:
        raise BadInput(f"{folder} holds no search that could go on: {path} cannot be read.") from error
    except msgspec.MsgspecError as error:
        raise BadInput(f"{path} is not what raftstorm wrote: {error}.") from error
