"""How long the recorded etcd histories take to check, all together, beside Porcupine.

    python -m benchmarks.check_recorded [FOLDER] [--porcupine FOLDER]

FOLDER holds etcd_*.log and verdicts.tsv (../shared/histories/porcupine-etcd where none is named). Both sides get the
same histories in memory, one after another, and reading is left out; ours includes shrinking and telling every
contradiction, Porcupine's is valid or not. The best of five rounds counts on both sides.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import peer
from checkers.checker import Budget, Recording
from checkers.formats import read_jepsen_log
from checkers.history import History
from checkers.linearizability import Linearizability

FOLDER: Final = Path(__file__).parents[2] / "shared" / "histories" / "porcupine-etcd"
ROUNDS: Final = 5
LIMIT_S: Final = 60.0


Round = tuple[float, float, list[str]]
"""Seconds on the clock, of the process itself, verdicts."""


def ours(histories: Sequence[History]) -> Round:
    began, own = time.perf_counter(), time.process_time()
    results = [Linearizability().check(Recording(history), Budget()) for history in histories]
    verdicts = [str(result.verdict == "valid").lower() for result in results]
    return time.perf_counter() - began, time.process_time() - own, verdicts


def theirs(porcupine: peer.Porcupine, histories: Sequence[History]) -> Round:
    said = porcupine.judge(histories, LIMIT_S)
    return sum(each.seconds for each in said), sum(each.own_s for each in said), [each.answer for each in said]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    peer.add_option(parser)
    options = parser.parse_args()
    paths = sorted(options.folder.glob("etcd_*.log"))
    if not paths:
        print(f"Skipped: there are no recorded histories in {options.folder}.")
        return
    histories = [read_jepsen_log(path.read_bytes()) for path in paths]
    with tempfile.TemporaryDirectory() as name:
        porcupine = peer.build(options.porcupine, Path(name))
        compare(histories, porcupine)


def compare(histories: Sequence[History], porcupine: peer.Porcupine | str) -> None:
    seconds, own_s, verdicts = min(ours(histories) for _ in range(ROUNDS))
    valid = verdicts.count("true")
    print(f"{len(histories)} histories: {seconds:.3f} s ({own_s:.3f} s of its own), {valid} of them valid")
    if isinstance(porcupine, str):
        print(f"Porcupine did not run ({porcupine}); recorded on another machine: 0.87 s for 102 such histories.")
        return
    their_seconds, their_own_s, their_verdicts = min(theirs(porcupine, histories) for _ in range(ROUNDS))
    agreed = "the same verdicts" if verdicts == their_verdicts else "other verdicts"
    print(
        f"Porcupine: {their_seconds:.3f} s ({their_own_s:.3f} s of its own), {their_seconds / seconds:.1f} times as "
        f"long ({their_own_s / own_s:.1f} times by own time), {agreed}"
    )


if __name__ == "__main__":
    main()
