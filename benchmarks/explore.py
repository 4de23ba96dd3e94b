"""How many runs it takes until a bug is found: a search that learns, beside one that takes seed after seed.

    python -m benchmarks.explore                        all bugs of the catalogue, 20 repeats each
    python -m benchmarks.explore count-old-votes lead-without-quorum --repeats 6 --runs 200

Each repeat begins with another first seed, the same for both. A repeat that found nothing within --runs counts as that
many runs, and is told. The ratio is that of the means: below 1 learning needs fewer runs. p is that of a two-sided
Mann-Whitney U test: how often two such samples would differ as much if both searches were the same. As Mallory (CCS
2023) measures it, but in runs, since a run costs the same in both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Final

from scipy.stats import mannwhitneyu
from tabulate import tabulate

from harness.experiment import build
from harness.exploring.book import Search, create_book
from harness.exploring.explorer import Explorer
from harness.exploring.pool import Pool
from harness.exploring.trial import DEFAULTS
from harness.systems.raft import SYSTEM

APART: Final = 100_000
"""From one repeat's first seed to the next one's."""


def runs_until_found(pool: Pool, bug: str, first_seed: int, most: int, learns: bool) -> tuple[int, bool, int]:
    """Runs that were made, whether the bug was found, and distinct states."""
    search = Search(options={"bug": bug}, first_seed=first_seed, learns=learns, version="")
    with tempfile.TemporaryDirectory() as folder:
        book = create_book(Path(folder) / "search", search)
        experiment = build(DEFAULTS, {"bug": bug})
        explorer = Explorer(experiment, book, ends=lambda begun: begun >= most, keep_going=False)
        found = [outcome for _, outcome in explorer.explore(pool, lambda: None)]
        return explorer.tally.runs, bool(found), explorer.tally.states


def row(pool: Pool, bug: str, repeats: int, most: int) -> list[object]:
    began = time.monotonic()
    samples = {
        learns: [runs_until_found(pool, bug, 1 + APART * number, most, learns) for number in range(repeats)]
        for learns in (True, False)
    }
    runs = {learns: [runs for runs, _, _ in sample] for learns, sample in samples.items()}
    ratio = mean(runs[True]) / mean(runs[False])
    p = float(mannwhitneyu(runs[True], runs[False]).pvalue) if runs[True] != runs[False] else 1.0
    cells: list[object] = [bug]
    for learns in (True, False):
        missed = sum(not found for _, found, _ in samples[learns])
        states = sum(s for _, _, s in samples[learns]) / sum(runs[learns])
        cells += [f"{median(runs[learns]):g}", f"{mean(runs[learns]):.1f}", missed, f"{states:.0f}"]
    cells += [f"{ratio:.2f}", f"{p:.2f}"]
    print(f"{bug}: learned {runs[True]}, blind {runs[False]}, {time.monotonic() - began:.0f} s", flush=True)
    return cells


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bugs", nargs="*")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--runs", type=int, default=500, help="at most, until a repeat is given up")
    parser.add_argument("--jobs", type=int, default=1, help="more: what is learned comes a little later")
    given = parser.parse_args(arguments)
    with Pool(given.jobs) as pool:
        rows = [row(pool, bug, given.repeats, given.runs) for bug in given.bugs or list(SYSTEM.bugs({}))]
    each = ("median", "mean", "missed", "states/run")
    headers = ["bug", *(f"learned: {name}" for name in each), *(f"blind: {name}" for name in each), "ratio", "p"]
    print(tabulate(rows, headers=headers, disable_numparse=True, maxheadercolwidths=12))


if __name__ == "__main__":
    main()
