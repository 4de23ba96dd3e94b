"""`raftstorm explore`: seed after seed in the simulator, until something is found."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from checkers.verdict import Verdict
from harness import plugins
from harness.cli.options import EXIT_CODES, MOST_SEED, debug_option, json_option, search_options
from harness.errors import BadInput
from harness.experiment import Experiment, build
from harness.exploring.book import ROOT, Book, Search, create_book, open_book
from harness.exploring.explorer import Explorer, Tally
from harness.exploring.pool import Pool, interruptible
from harness.exploring.show import SearchProgress, fault_words, virtual_words
from harness.exploring.trial import DEFAULTS, Outcome, replay_command
from harness.judging import judge_run
from harness.progress import Display, display
from results.store import create

DEFAULT_MINUTES: Final = 10.0


@dataclass(frozen=True)
class Limits:
    """None: none."""

    minutes: float | None
    runs: int | None
    jobs: int | None
    keep_going: bool

    def __post_init__(self) -> None:
        for name, value in (("minutes", self.minutes), ("runs", self.runs), ("jobs", self.jobs)):
            if value is not None and not value > 0:
                raise BadInput(f"--{name} takes more than 0, not {value:g}.")

    @property
    def seconds(self) -> float | None:
        if self.minutes is None and self.runs is None:
            return DEFAULT_MINUTES * 60
        return None if self.minutes is None else self.minutes * 60


@click.command()
@click.option("--minutes", type=float, help="How long.  [default: 10, where --runs is not given]")
@click.option("--runs", type=int, help="How many.")
@click.option("--jobs", type=int, help="Processes that simulate.  [default: one for each processor]")
@click.option("--seed", type=int, help="The first seed.  [default: a fresh one]")
@click.option(
    "--learn/--blind",
    "learns",
    default=None,
    help="Vary runs that led to what is new, too; or take seed after seed.  [default: blind]",
)
@click.option("--keep-going", is_flag=True, help="Do not stop at the first finding.")
@click.option("--name", help="The name of the search.  [default: the time and the seed]")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the search in this folder.")
@search_options
@json_option
@debug_option
def explore(
    minutes: float | None,
    runs: int | None,
    jobs: int | None,
    seed: int | None,
    learns: bool | None,
    keep_going: bool,
    name: str | None,
    resume: Path | None,
    as_json: bool,
    debug: bool,
    **options: Any,
) -> None:
    """Search for a run that fails: thousands of them, each with another seed, in virtual time.

    A finding is kept as a run folder in the search's own (results/explore/NAME/runs), with the command that makes it
    again. A search that was stopped goes on with --resume.

    \b
    Exit codes: 0 nothing was found, 1 something was, 2 raftstorm itself made a mistake in some run, 3 could not run.
    """
    limits = Limits(minutes, runs, jobs, keep_going)
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None}
    if resume is not None:
        _refuse(given | {"seed": seed, "name": name, "learn" if learns else "blind": learns})
        book = open_book(resume)
    else:
        book = _new_book(given, seed, name, bool(learns))
    experiment = _experiment(book.search.options)
    tally, made, seconds = _explore(experiment, book, limits)
    told = _object(book, tally, made, seconds)
    click.echo(_summary(book, tally, made, seconds), err=as_json)
    if as_json:
        click.echo(msgspec.json.encode(told))
    raise click.exceptions.Exit(EXIT_CODES[Verdict(told["verdict"])])


def _refuse(given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if value is not None:
            raise BadInput(f"--resume goes on with a search as it was begun: leave --{name} out.")


def _new_book(given: Mapping[str, Any], seed: int | None, name: str | None, learns: bool) -> Book:
    _experiment(given)
    first_seed = secrets.randbelow(MOST_SEED) if seed is None else seed
    folder = ROOT / (name or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{first_seed}")
    search = Search(options=dict(given), first_seed=first_seed, learns=learns, version=version("raftstorm"))
    return create_book(folder, search)


def _experiment(options: Mapping[str, Any]) -> Experiment:
    """Raises BadInput, also for a bug that there is not."""
    experiment = build(DEFAULTS, options)
    plugins.load("system", experiment.system).check(experiment.system_options)
    return experiment


Made = list[tuple[Path, str, Outcome]]
"""Findings: the run folder, the command that makes it again, what was found."""


def _explore(experiment: Experiment, book: Book, limits: Limits) -> tuple[Tally, Made, float]:
    began = time.monotonic()
    progress = SearchProgress(now_s=lambda: time.monotonic() - began)
    made: Made = []
    with display(progress) as shown, interruptible(shown.say) as stopping:
        shown.say(f"search {book.folder.name}, first seed {book.search.first_seed}, in {book.folder}")
        explorer = Explorer(
            experiment,
            book,
            ends=lambda begun: stopping() or _is_over(limits, begun, progress.now_s()),
            keep_going=limits.keep_going,
        )
        progress.tally, progress.runs_before = explorer.tally, explorer.tally.runs
        progress.begin("exploring", limits.seconds)
        with Pool(limits.jobs) as pool:
            for found, outcome in explorer.explore(pool, shown.refresh):
                made.append(_keep(found, outcome, book, shown))
    return explorer.tally, made, progress.now_s()


def _is_over(limits: Limits, begun: int, now_s: float) -> bool:
    return (limits.runs is not None and begun >= limits.runs) or (
        limits.seconds is not None and now_s >= limits.seconds
    )


def _keep(experiment: Experiment, outcome: Outcome, book: Book, shown: Display) -> tuple[Path, str, Outcome]:
    """Makes it again, with all that a run folder holds."""
    from harness.cluster.simulation.record import record

    command = replay_command(experiment)
    folder = create(book.runs, f"trial-{outcome.number}-seed-{outcome.seed}")
    again = record(experiment, folder, command=command)
    if again.digest != outcome.digest:
        shown.say(f"seed {outcome.seed} came out otherwise the second time: it should not, please report it")
    judge_run(folder)
    shown.say(f"found, seed {outcome.seed}: {words(outcome)}\n  {folder.path}\n  {command}")
    return folder.path, command, outcome


def words(outcome: Outcome) -> str:
    first = outcome.findings[0]
    more = len(outcome.findings) - 1
    return f"{first.checker}: {first.kind}: {first.text.splitlines()[0]}" + (f" (and {more} more)" if more else "")


def _summary(book: Book, tally: Tally, made: Sequence[tuple[Path, str, Outcome]], seconds: float) -> str:
    lines = [
        f"{tally.runs} runs ({tally.unknown} unknown), {virtual_words(tally.virtual_s)}, {seconds:.0f} s: "
        f"{tally.states} distinct states, {fault_words(tally)}",
        f"{len(tally.findings)} findings" if tally.findings else "nothing was found",
    ]
    for path, command, outcome in made:
        lines += [f"  seed {outcome.seed}: {words(outcome)}", f"    {path}", f"    {command}"]
    lines += [
        f"  a mistake of raftstorm's own, seed {outcome.seed}: {(outcome.trouble or '').splitlines()[-1]}"
        for outcome in tally.troubles
    ]
    return "\n".join([*lines, f"go on: raftstorm explore --resume {book.folder}"])


def _object(book: Book, tally: Tally, made: Sequence[tuple[Path, str, Outcome]], seconds: float) -> dict[str, Any]:
    kept = {outcome.number: (str(path), command) for path, command, outcome in made}
    verdict = Verdict.INVALID if tally.findings else Verdict.UNKNOWN if tally.troubles else Verdict.VALID
    return {
        "verdict": verdict.value,
        "search": str(book.folder),
        "seed": book.search.first_seed,
        "runs": tally.runs,
        "unknown": tally.unknown,
        "virtual_s": round(tally.virtual_s, 3),
        "cpu_s": round(tally.cpu_s, 3),
        "seconds": round(seconds, 3),
        "states": tally.states,
        "faults": dict(sorted(tally.faults.items())),
        "findings": [
            {
                "seed": outcome.seed,
                "fork": outcome.fork,
                "digest": outcome.digest,
                "anomalies": msgspec.to_builtins(outcome.findings),
                "run": kept.get(outcome.number, (None, None))[0],
                "command": kept.get(outcome.number, (None, None))[1],
            }
            for outcome in tally.findings
        ],
        "troubles": [{"seed": outcome.seed, "trouble": outcome.trouble} for outcome in tally.troubles],
    }
