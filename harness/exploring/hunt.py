"""The hunt: for each bug of the catalogue, run after run until it is found, under the same settings for all. The last
prey is the node without bugs, which must not be caught.

What is kept is a line a run (`Step`), so a hunt can be stopped at any moment and goes on with the next seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from checkers.verdict import Verdict
from harness.errors import BadInput, CannotRun
from harness.experiment import Experiment
from harness.exploring.book import Lines
from harness.exploring.pool import Pool
from harness.exploring.trial import Found, Outcome, Trial


class Hunting(msgspec.Struct, kw_only=True, frozen=True, tag="hunting"):
    """The first line: what is the same for all bugs. `options`: of the experiment."""

    options: dict[str, Any]
    first_seed: int
    version: str


class Step(msgspec.Struct, kw_only=True, frozen=True, tag="run"):
    bug: str | None
    """None: the node without bugs."""
    wall_s: float
    """Spent on this bug so far, all sessions together."""
    outcome: Outcome


@dataclass
class Row:
    """What has come of one bug."""

    bug: str | None
    runs: int = 0
    unknown: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    found: Outcome | None = None
    """The first finding."""
    numbers: set[int] = field(default_factory=set)
    """Of the runs that were made."""

    def add(self, step: Step) -> None:
        outcome = step.outcome
        self.runs += 1
        self.unknown += outcome.verdict is Verdict.UNKNOWN
        self.virtual_s += outcome.virtual_s
        self.cpu_s += outcome.cpu_s
        self.wall_s = max(self.wall_s, step.wall_s)
        self.numbers.add(outcome.number)
        if self.found is None and outcome.verdict is Verdict.INVALID:
            self.found = outcome

    @property
    def findings(self) -> Sequence[Found]:
        return self.found.findings if self.found else ()


class Record:
    """The file of a hunt. `rows`: what has come of each bug so far."""

    def __init__(self, path: Path, hunting: Hunting) -> None:
        """Goes on with what the file holds. Raises BadInput where that is another hunt's, CannotRun where it cannot be
        written."""
        self._lines = Lines(path)
        self.rows: dict[str | None, Row] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotRun(f"{path.parent} cannot be made: {error.strerror}.") from error
        self._lines.mend()
        self._read(path, hunting)

    def _read(self, path: Path, hunting: Hunting) -> None:
        read = self._lines.read(Hunting | Step)  # type: ignore[arg-type]
        head = next(read, None)
        if head is None:
            self._lines.add(hunting)
        elif head != hunting:
            raise BadInput(
                f"{path} holds a hunt with other settings: begin another one with --store FILE, or anew with --fresh."
            )
        for line in read:
            if isinstance(line, Step):
                self.row(line.bug).add(line)

    def row(self, bug: str | None) -> Row:
        return self.rows.setdefault(bug, Row(bug))

    def add(self, step: Step) -> None:
        self._lines.add(step)
        self.row(step.bug).add(step)


@dataclass(frozen=True)
class Hunt:
    """`experiment`: without its seed and bug. `stops`: whether somebody wants it to end. `now_s`: a clock, seconds."""

    experiment: Experiment
    first_seed: int
    record: Record
    seconds_per_bug: float
    now_s: Callable[[], float]
    stops: Callable[[], bool]
    runs_per_bug: int | None = None

    def is_over(self, row: Row) -> bool:
        """Found, or given up."""
        return (
            row.found is not None
            or row.wall_s >= self.seconds_per_bug
            or (self.runs_per_bug is not None and row.runs >= self.runs_per_bug)
        )

    def hunt(self, bugs: Sequence[str | None], pool: Pool, tick: Callable[[Row], object]) -> Iterator[Row]:
        """Each bug's row as soon as it is over, those of earlier sessions too."""
        for bug in bugs:
            row = self.record.row(bug)
            if not self.is_over(row):
                self._hunt_one(row, pool, tick)
            if self.stops() and not self.is_over(row):
                return
            yield row

    def _hunt_one(self, row: Row, pool: Pool, tick: Callable[[Row], object]) -> None:
        began_s = self.now_s() - row.wall_s
        numbers = (number for number in range(1 << 31) if number not in row.numbers)
        begun = row.runs

        def next_trial() -> Trial | None:
            nonlocal begun
            out_of_time = self.now_s() - began_s >= self.seconds_per_bug
            enough = self.runs_per_bug is not None and begun >= self.runs_per_bug
            if self.stops() or row.found is not None or out_of_time or enough:
                return None
            begun += 1
            number = next(numbers)
            seed = self.first_seed + number
            return Trial(msgspec.structs.replace(self.experiment, bug=row.bug, seed=seed), number)

        for _, outcome in pool.run(next_trial, lambda: tick(row)):
            wall_s = round(self.now_s() - began_s, 3)
            self.record.add(Step(bug=row.bug, wall_s=wall_s, outcome=outcome))


def told(row: Row, command: str | None) -> Mapping[str, Any]:
    """A row for --json. `command`: what makes the finding again."""
    return {
        "bug": row.bug,
        "found": row.found is not None,
        "checkers": sorted({found.checker for found in row.findings}),
        "anomalies": msgspec.to_builtins(row.findings),
        "runs": row.runs,
        "unknown": row.unknown,
        "virtual_s": round(row.virtual_s, 3),
        "wall_s": round(row.wall_s, 3),
        "cpu_s": round(row.cpu_s, 3),
        "seed": row.found.seed if row.found else None,
        "command": command,
    }
