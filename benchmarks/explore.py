"""How many runs it takes until a bug is found: a search that learns, beside one that takes seed after seed.

    python -m benchmarks.explore --memory FILE                       all bugs of the catalogue, 20 repeats each
    python -m benchmarks.explore count-old-votes --runs 200 --memory FILE
    python -m benchmarks.explore --memory FILE --minutes 0           the table of what has been measured so far

Each repeat begins with another first seed, the same for both searches. A repeat that found nothing within --runs counts
as that many, and is told as missed. "Each" is runs made for each finding, missed repeats included; the ratio is that of
these: below 1 learning needs fewer runs. p is that of a two-sided Mann-Whitney U test of the runs: how often two such
samples would differ as much if both searches were the same, after Holm's correction for the number of bugs. As Mallory
(CCS 2023) measures it, but in runs, since a run costs the same in both.

Why is told beside it: how many of the fresh seeds and how many of the variations of the search that learns found the
bug. Where a variation finds it no more often than a fresh seed does, nothing that could be learned helps.

A trial is a function of the bug, the seed and the fork, so those that both searches make are made once. --memory keeps
them: what was stopped goes on, and another way to learn is compared without making the fresh seeds again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import geometric_mean, median
from typing import Final

from scipy.stats import mannwhitneyu, wilcoxon
from tabulate import tabulate

from benchmarks.memory import Memory, OutOfTime
from harness.experiment import build
from harness.exploring.book import Search, create_book
from harness.exploring.explorer import Explorer
from harness.exploring.pool import Pool
from harness.exploring.trial import DEFAULTS, Outcome
from harness.systems.raft import SYSTEM

APART: Final = 100_000
"""From one repeat's first seed to the next one's."""
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True)
class Repeat:
    """A search for one bug. `states`: distinct ones. `varied`: how many of the runs were variations."""

    runs: int
    found: bool
    found_varied: bool
    varied: int
    states: int


@dataclass
class Row:
    """A bug's repeats, each with its twin at the same place of the other list."""

    bug: str
    learned: list[Repeat] = field(default_factory=list)
    blind: list[Repeat] = field(default_factory=list)

    @property
    def p(self) -> float:
        samples = runs_of(self.learned), runs_of(self.blind)
        return float(mannwhitneyu(*samples).pvalue) if samples[0] != samples[1] else 1.0

    @property
    def ratio(self) -> float | None:
        learned, blind = each(self.learned), each(self.blind)
        return None if learned is None or blind is None else learned / blind


def runs_of(repeats: Sequence[Repeat]) -> list[int]:
    return [repeat.runs for repeat in repeats]


def each(repeats: Sequence[Repeat]) -> float | None:
    """Runs made for each finding."""
    found = sum(repeat.found for repeat in repeats)
    return sum(runs_of(repeats)) / found if found else None


def search(pool: Pool, bug: str, first_seed: int, most: int, learns: bool) -> Repeat:
    """Raises OutOfTime."""
    with tempfile.TemporaryDirectory() as folder:
        book = create_book(
            Path(folder) / "search", Search(options={"bug": bug}, first_seed=first_seed, learns=learns, version="")
        )
        experiment = build(DEFAULTS, {"bug": bug})
        explorer = Explorer(experiment, book, ends=lambda begun: begun >= most, keep_going=False)
        found = [outcome for _, outcome in explorer.explore(pool, lambda: None)]
        return Repeat(
            runs=explorer.tally.runs,
            found=bool(found),
            found_varied=any(_is_variation(outcome) for outcome in found),
            varied=sum(_is_variation(outcome) for outcome in book.outcomes()),
            states=explorer.tally.states,
        )


def _is_variation(outcome: Outcome) -> bool:
    return outcome.parent is not None


def measure(rows: Sequence[Row], pool: Pool, repeats: int, most: int, seeds_from: int) -> None:
    """One repeat of every bug after another, so that what was stopped says something about all of them."""
    for number in range(repeats):
        for row in rows:
            first_seed = seeds_from + APART * number
            try:
                blind = search(pool, row.bug, first_seed, most, False)
                learned = search(pool, row.bug, first_seed, most, True)
            except OutOfTime:
                continue
            row.blind.append(blind)
            row.learned.append(learned)
            print(f"{row.bug}, from seed {first_seed}: learned {told(learned)}, blind {told(blind)}", flush=True)


def told(repeat: Repeat) -> str:
    how = "" if not repeat.found_varied else " (a variation)"
    return f"{repeat.runs}{how if repeat.found else ' without finding it'}"


def holm(ps: Sequence[float]) -> list[float]:
    """Corrected for their number, in the same order (Holm, 1979)."""
    corrected = [1.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        highest = max(highest, min(1.0, ps[place] * (len(ps) - rank)))
        corrected[place] = highest
    return corrected


def cells(row: Row, corrected: float) -> Iterator[object]:
    yield row.bug
    yield len(row.blind)
    for repeats in (row.learned, row.blind):
        yield f"{median(runs_of(repeats)):g}"
        yield _number(each(repeats), ".1f")
        yield sum(not repeat.found for repeat in repeats)
        yield f"{sum(repeat.states for repeat in repeats) / sum(runs_of(repeats)):.0f}"
    yield _number(row.ratio, ".2f")
    yield f"{row.p:.2f}"
    yield f"{corrected:.2f}"
    varied = sum(repeat.varied for repeat in row.learned)
    found_varied = sum(repeat.found_varied for repeat in row.learned)
    yield f"{sum(repeat.found for repeat in row.learned) - found_varied}/{sum(runs_of(row.learned)) - varied}"
    yield f"{found_varied}/{varied}"


def _number(value: float | None, digits: str) -> str:
    return "-" if value is None else format(value, digits)


HEADERS: Final = (
    "bug",
    "repeats",
    *(f"{search}: {what}" for search in ("learned", "blind") for what in ("median", "each", "missed", "states/run")),
    *("ratio", "p", "p (Holm)", "found by fresh seeds", "found by variations"),
)


def summary(rows: Sequence[Row], corrected: Sequence[float]) -> Iterator[str]:
    compared = [row for row in rows if row.ratio is not None]
    ratios = [row.ratio for row in compared if row.ratio is not None]
    if not ratios:
        return
    same = sum(runs_of(row.learned) == runs_of(row.blind) for row in rows)
    yield f"{len(rows)} bugs, {same} of them with the same runs in both; {len(compared)} found by both"
    yield f"ratio: median {median(ratios):.2f}, geometric mean {geometric_mean(ratios):.2f}"
    for word, is_better in (("fewer", lambda ratio: ratio < 1), ("more", lambda ratio: ratio > 1)):
        better = [(row, p) for row, p in zip(rows, corrected, strict=True) if row.ratio and is_better(row.ratio)]
        decided = [row.bug for row, p in better if p < SIGNIFICANT]
        yield f"learning needs {word} runs: {len(better)} bugs, {len(decided)} of them decided {', '.join(decided)}"
    differences = [
        [learned.runs - blind.runs for learned, blind in zip(row.learned, row.blind, strict=True)] for row in rows
    ]
    yield signs("pairs", [difference for of_bug in differences for difference in of_bug])
    whole = min(len(of_bug) for of_bug in differences)
    repeats = [sum(of_bug[number] for of_bug in differences) for number in range(whole)]
    yield signs("repeats, all bugs together", repeats) + ": bugs of one repeat share their seeds, repeats share nothing"


def signs(what: str, differences: Sequence[int]) -> str:
    """p is that of Wilcoxon's signed-rank test, which takes them for independent."""
    fewer, more = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    p = float(wilcoxon(differences).pvalue) if any(differences) else 1.0
    return f"{what}: {fewer} with fewer runs, {more} with more, of {len(differences)} (signed ranks: p = {p:.2g})"


def show(rows: Sequence[Row]) -> None:
    measured = [row for row in rows if row.blind]
    corrected = holm([row.p for row in measured])
    table = [list(cells(row, p)) for row, p in zip(measured, corrected, strict=True)]
    print(tabulate(table, headers=HEADERS, disable_numparse=True, maxheadercolwidths=12))
    print(*summary(measured, corrected), sep="\n")


def until(minutes: float | None) -> Callable[[], bool]:
    began = time.monotonic()
    return lambda: minutes is not None and time.monotonic() - began >= 60 * minutes


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bugs", nargs="*")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--runs", type=int, default=500, help="at most, until a repeat is given up")
    parser.add_argument("--seeds-from", type=int, default=1, help="the first repeat's first seed")
    parser.add_argument("--memory", type=Path, help="a file that keeps the trials; new, or of an earlier measurement")
    parser.add_argument("--minutes", type=float, help="no trial is begun after these")
    given = parser.parse_args(arguments)
    rows = [Row(bug) for bug in given.bugs or SYSTEM.bugs({})]
    memory = Memory(given.memory, is_over=until(given.minutes))
    with Pool(1, work=memory.work) as pool:
        measure(rows, pool, given.repeats, given.runs, given.seeds_from)
    show(rows)


if __name__ == "__main__":
    main()
