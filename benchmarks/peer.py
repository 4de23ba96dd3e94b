"""Porcupine beside us, in the same run: the checker in Go that ours is measured against.

It is built where Go and its source are: `--porcupine FOLDER` names a checkout of github.com/anishathalye/porcupine (its
home on the web, or a mirror). The program around it is porcupine/main.go, built in a temporary folder. Without Go or
the checkout a benchmark uses the figures that were once measured, and says so.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from checkers.events import EventType
from checkers.history import History, Operation

MAIN: Final = Path(__file__).parent / "porcupine" / "main.go"
RECORDED: Final = {1_000: 0.11, 10_000: 4.3, 30_000: 48.0}
"""Operations on one register, 10 clients, distinct values -> seconds, once measured on two cores."""
OUT_OF_MEMORY: Final = "out of memory"
MEMORY_SHARE: Final = 0.7
"""Of this machine's, that it may have: without a bound it takes all, and the system ends whatever it likes."""
GO_MOD: Final = """module benchmark

go 1.16

require github.com/anishathalye/porcupine v0.0.0

replace github.com/anishathalye/porcupine => {checkout}
"""


@dataclass(frozen=True)
class Said:
    """`answer`: true, false, unknown (out of time), or OUT_OF_MEMORY."""

    answer: str
    seconds: float
    own_s: float
    """Of the process itself, on all processors: what is left when others use the machine as well."""


@dataclass(frozen=True)
class Porcupine:
    program: Path
    folder: Path

    def judge(self, histories: Sequence[History], limit_s: float) -> list[Said]:
        """One answer for each history, which is one register's."""
        paths = [self.folder / f"{number}.txt" for number in range(len(histories))]
        for path, history in zip(paths, histories, strict=True):
            path.write_text("".join(f"{line}\n" for line in lines(history)))
        command = [str(self.program), f"{limit_s}s", *map(str, paths)]
        began = time.perf_counter()
        done = subprocess.run(command, check=False, capture_output=True, text=True, preexec_fn=_bound_memory)
        if done.returncode != 0 and len(histories) == 1 and "out of memory" in done.stderr:
            return [Said(OUT_OF_MEMORY, time.perf_counter() - began, float("nan"))]
        done.check_returncode()
        return [Said(answer, float(took), float(own)) for answer, took, own in map(str.split, done.stdout.splitlines())]


def _bound_memory() -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = int(MEMORY_SHARE * machine)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--porcupine", type=Path, metavar="FOLDER", help="a checkout of anishathalye/porcupine")


def build(checkout: Path | None, folder: Path) -> Porcupine | str:
    """Porcupine, built in `folder`; or why there is none."""
    if checkout is None:
        return "no --porcupine FOLDER was given"
    if shutil.which("go") is None:
        return "Go is not installed"
    source = folder / "source"
    source.mkdir()
    shutil.copy(MAIN, source)
    (source / "go.mod").write_text(GO_MOD.format(checkout=checkout.resolve()))
    command = ["go", "build", "-o", str(folder / "porcupine"), "."]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    if done.returncode != 0:
        return f"it does not build: {done.stderr.strip()}"
    return Porcupine(folder / "porcupine", folder)


def lines(history: History) -> Iterator[str]:
    """The events of one register in the form of porcupine/main.go. What is unknown returns at the end, which is how
    Porcupine takes an operation that may happen at any time; reads without an answer are left out."""
    moments: list[tuple[int, str]] = []
    for op in history.operations:
        said = op.outcome is EventType.OK if op.f == "read" else op.outcome is not EventType.FAIL or op.f == "cas"
        if not said:
            continue
        a, b = op.value if op.f == "cas" else (op.value, None)
        moments.append((op.invoked, f"call {op.invoked} {op.f} {_word(a)} {_word(b)}"))
        moments.append((op.returned, f"return {op.invoked} {_outcome(op)}"))
    return (line for _, line in sorted(moments))


def _outcome(op: Operation) -> str:
    if op.outcome is EventType.INFO:
        return "unknown ?"
    if op.outcome is EventType.FAIL:
        return "no ?"  # A compare-and-set that failed did not match: what etcd's histories of 2014 mean by it.
    if op.f == "cas" and not op.matched:
        assert op.completion is not None
        return f"no {_word(op.completion.actual)}"
    return f"yes {_word(op.value)}" if op.f == "read" else "yes ?"


def _word(value: Any) -> str:
    return "-" if value is None else str(value)
