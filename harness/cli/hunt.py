"""`raftstorm bugs hunt`: which bugs of the catalogue are found, by what, and how soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from tabulate import tabulate

from checkers.verdict import Verdict
from harness import plugins
from harness.cli.options import debug_option, json_option, results_option, search_options
from harness.errors import BadInput
from harness.experiment import Experiment, build
from harness.exploring.hunt import Hunt, Hunting, Record, Row, told
from harness.exploring.pool import Pool, Work, interruptible
from harness.exploring.trial import DEFAULTS, Found, Outcome, Trial, replay_command, run_trial
from harness.progress import Display, Progress, display
from harness.system import Bug
from results.store import create

STORES: Final = Path("results/hunts")
NO_BUG: Final = "(no bug)"
HEADERS: Final = ("bug", "found", "by", "runs", "virtual", "wall", "cpu", "seed")


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--cluster", type=click.Choice(["sim", "docker"]), default="sim", show_default=True)
@click.option("--minutes-per-bug", type=float, default=10.0, show_default=True, help="Of the clock, until giving up.")
@click.option("--runs-per-bug", type=int, help="Runs until giving up.  [default: as many as there is time for]")
@click.option("--jobs", type=int, help="sim: processes that simulate.  [default: one for each processor]")
@click.option("--seed", type=int, default=1, show_default=True, help="The first seed for each bug.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Where the hunt is kept, a line a run; it goes on with what is there.  [default: results/hunts/CLUSTER.jsonl]",
)
@click.option("--fresh", is_flag=True, help="Begin anew, whatever is kept.")
@search_options
@results_option
@json_option
@debug_option
@click.pass_obj
def hunt(
    catalogue: Mapping[str, Bug],
    /,
    names: Sequence[str],
    cluster: str,
    minutes_per_bug: float,
    runs_per_bug: int | None,
    jobs: int | None,
    seed: int,
    store: Path | None,
    fresh: bool,
    results: Path,
    as_json: bool,
    debug: bool,
    bug: str | None,
    **options: Any,
) -> None:
    """Hunt bugs of the catalogue (all, or those named): run after run until each is found, with the same settings for
    all; and at last the node without bugs, as long.

    Hunts are kept, and go on where they were stopped.

    \b
    Exit codes: 0 every bug was found and the node without bugs was not, 1 the node without bugs was, 2 a bug was not
    found (yet), 3 could not run.
    """
    if bug is not None:
        raise BadInput(f"Name the bugs to hunt without --bug: raftstorm bugs hunt {bug}.")
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None}
    experiment = build(DEFAULTS if cluster == "sim" else {}, {"cluster": cluster, "results": str(results)} | given)
    prey = _prey(catalogue, names, cluster)
    _check(minutes_per_bug, runs_per_bug, jobs)
    path = store or STORES / f"{cluster}.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    asked = msgspec.json.decode(msgspec.json.encode(experiment))
    record = Record(path, Hunting(options=asked, first_seed=seed, version=version("raftstorm")))
    rows = _hunt(experiment, record, prey, Settings(minutes_per_bug, runs_per_bug, jobs, seed))
    click.echo(_table(rows), err=as_json)
    click.echo(f"kept in {path}", err=True)
    if as_json:
        click.echo(
            msgspec.json.encode({"store": str(path), "bugs": [told(row, _command(experiment, row)) for row in rows]})
        )
    raise click.exceptions.Exit(_exit_code(rows, prey))


@dataclass(frozen=True)
class Settings:
    minutes_per_bug: float
    runs_per_bug: int | None
    jobs: int | None
    first_seed: int


def _check(minutes: float, runs: int | None, jobs: int | None) -> None:
    for name, value in (("minutes-per-bug", minutes), ("runs-per-bug", runs), ("jobs", jobs)):
        if value is not None and not value > 0:
            raise BadInput(f"--{name} takes more than 0, not {value:g}.")


def _prey(catalogue: Mapping[str, Bug], names: Sequence[str], cluster: str) -> list[str | None]:
    """What is hunted, the node without bugs at last. Containers cannot show every bug."""
    for name in names:
        if name not in catalogue:
            raise plugins.unknown("bug", name, sorted(catalogue))
    listed = dict.fromkeys(names or (n for n, bug in catalogue.items() if cluster == "sim" or not bug.simulator_only))
    return [*listed, None]


def _hunt(experiment: Experiment, record: Record, prey: Sequence[str | None], settings: Settings) -> list[Row]:
    began = time.monotonic()
    progress = Progress(now_s=lambda: time.monotonic() - began)
    on_docker = experiment.cluster == "docker"
    with display(progress) as shown, interruptible(shown.say) as stopping:
        docker = DockerWork(shown.say)
        work: Work = docker if on_docker else run_trial
        hunting = Hunt(
            experiment,
            settings.first_seed,
            record,
            settings.minutes_per_bug * 60,
            progress.now_s,
            lambda: stopping() or docker.interrupted,
            settings.runs_per_bug,
        )
        with Pool(1 if on_docker else settings.jobs, work) as pool:
            for row in hunting.hunt(prey, pool, lambda row: _tick(progress, shown, row)):
                shown.say(_line(row))
    return [record.row(bug) for bug in prey if record.row(bug).runs]


def _tick(progress: Progress, shown: Display, row: Row) -> None:
    name = row.bug or NO_BUG
    if progress.phase != name:
        progress.begin(name)
    progress.note(f"{row.runs} runs, {row.virtual_s / 60:.1f} virtual minutes")
    shown.refresh()


@dataclass
class DockerWork:
    """Runs, one after another, as `raftstorm run` makes them. `interrupted`: whether somebody interrupted one."""

    say: Callable[[str], Any]
    interrupted: bool = False
    made: list[str] = field(default_factory=list)
    """The names of the run folders."""

    def __call__(self, trial: Trial) -> Outcome:
        """Raises RaftstormError where the experiment could not run at all."""
        from harness.cli import run

        experiment = trial.experiment
        seed = experiment.seed
        assert seed is not None
        began, cpu_began = time.monotonic(), time.process_time()
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        folder = create(Path(experiment.results), f"hunt-{experiment.bug or 'none'}-{seed}-{stamp}")
        self.made.append(folder.name)
        progress = Progress(now_s=lambda: time.monotonic() - began)
        with display(progress) as shown:
            try:
                verdict, interrupted = run.record_and_judge(experiment, folder, progress, shown)
            except BaseException:
                folder.discard_if_empty()
                raise
        self.interrupted = self.interrupted or interrupted
        return _outcome(verdict, trial, round(time.process_time() - cpu_began, 3))


def _outcome(verdict: Mapping[str, Any], trial: Trial, cpu_s: float) -> Outcome:
    """Of a run's verdict.json. There is no virtual time; the CPU time is the harness's alone."""
    seed = trial.experiment.seed
    assert seed is not None
    firsts = {(a["checker"], a["kind"]): a["text"] for a in reversed(verdict["anomalies"])}
    invalid = verdict["verdict"] == Verdict.INVALID
    return Outcome(
        number=trial.number,
        seed=seed,
        verdict=Verdict(verdict["verdict"]),
        findings=tuple(Found(*key, text) for key, text in sorted(firsts.items())) if invalid else (),
        cpu_s=cpu_s,
        faults={fault["kind"]: fault["effective"] for fault in verdict["faults"]},
    )


def _line(row: Row) -> str:
    name, *cells = _cells(row)
    return f"{name}: " + ", ".join(f"{header} {cell}" for header, cell in zip(HEADERS[1:], cells, strict=True) if cell)


def _table(rows: Sequence[Row]) -> str:
    return tabulate(
        [_cells(row) for row in rows], headers=HEADERS, maxcolwidths=[None, None, 40], disable_numparse=True
    )


def _cells(row: Row) -> list[str]:
    return [
        row.bug or NO_BUG,
        "yes" if row.found else "no",
        ", ".join(sorted({found.checker for found in row.findings})),
        str(row.runs),
        _seconds(row.virtual_s),
        _seconds(row.wall_s),
        _seconds(row.cpu_s),
        str(row.found.seed) if row.found else "",
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds else ""


def _command(experiment: Experiment, row: Row) -> str | None:
    if row.found is None:
        return None
    left_out = () if experiment.cluster == "sim" else ("swarm",)
    return replay_command(msgspec.structs.replace(experiment, bug=row.bug, seed=row.found.seed), left_out)


def _exit_code(rows: Sequence[Row], prey: Sequence[str | None]) -> int:
    found = {row.bug for row in rows if row.found}
    if None in found:
        return 1
    return 0 if found == set(prey) - {None} and len(rows) == len(prey) else 2
