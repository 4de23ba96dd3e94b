"""Trials that were made, so that none is made twice: what comes of one is a function of its experiment and of the code.

The first line of the file says which code that was. A file that other code has written is refused: what it holds may
not be what a trial would come to now.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from harness.errors import BadInput
from harness.exploring.book import Lines
from harness.exploring.trial import Outcome, Trial, run_trial

ROOT: Final = Path(__file__).resolve().parent.parent
DECIDES: Final = ("checkers", "harness", "node_image", "workloads")
"""Folders of the code that decides what a trial comes to."""
CHOOSES: Final = ROOT / "harness" / "exploring"
"""Decides which trials are made, and nothing about what comes of them, but for TRIAL."""
TRIAL: Final = CHOOSES / "trial.py"


class OutOfTime(Exception):
    """A trial that nobody has made yet would have been begun too late."""


class Head(msgspec.Struct, kw_only=True, frozen=True, tag="memory"):
    code: str


class Made(msgspec.Struct, kw_only=True, frozen=True, tag="trial"):
    experiment: str
    """The hash of its options."""
    outcome: Outcome


class Memory:
    """`is_over`: whether no new trial may be begun."""

    def __init__(self, path: Path | None, is_over: Callable[[], bool]) -> None:
        """`path`: None keeps trials until the process ends. Raises BadInput where the file is another code's."""
        self._lines = Lines(path) if path is not None else None
        self._is_over = is_over
        self._made: dict[str, bytes] = {}
        """Encoded: they are many."""
        if self._lines is not None:
            self._read(self._lines)

    def work(self, trial: Trial) -> Outcome:
        """As run_trial. Raises OutOfTime."""
        key = _hash(msgspec.json.encode(trial.experiment))
        known = self._made.get(key)
        if known is None:
            if self._is_over():
                raise OutOfTime
            self._keep(key, outcome := run_trial(trial))
        else:
            outcome = msgspec.json.decode(known, type=Outcome)
        return msgspec.structs.replace(outcome, number=trial.number, parent=trial.parent)

    def _keep(self, key: str, outcome: Outcome) -> None:
        self._made[key] = msgspec.json.encode(outcome)
        if self._lines is not None:
            self._lines.add(Made(experiment=key, outcome=outcome))

    def _read(self, lines: Lines) -> None:
        lines.mend()
        head = Head(code=_code())
        read = lines.read(Head | Made)  # type: ignore[arg-type]
        first = next(read, None)
        if first is None:
            lines.add(head)
        elif first != head:
            raise BadInput(f"{lines.path} was written by other code: begin another file.")
        for line in read:
            if isinstance(line, Made):
                self._made[line.experiment] = msgspec.json.encode(line.outcome)


def _code() -> str:
    """A hash of all that decides what a trial comes to."""
    sources = (path for folder in DECIDES for path in (ROOT / folder).rglob("*.py"))
    deciding = sorted(path for path in sources if path.parent != CHOOSES or path == TRIAL)
    return _hash(b"".join(path.read_bytes() for path in deciding))


def _hash(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
