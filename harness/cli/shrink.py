"""`raftstorm shrink`: from a simulated run that fails to the smallest one that still does."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click
import msgspec

from checkers.verdict import Verdict
from harness.cli.options import debug_option, json_option, results_option
from harness.errors import BadInput, CannotRun
from harness.experiment import Experiment, validated
from harness.exploring.pool import Pool, interruptible
from harness.exploring.trial import Found, replay_command
from harness.judging import judge_run
from harness.progress import Display, Progress, display
from harness.script import write_script
from results.store import RunFolder, create, find

if TYPE_CHECKING:
    from harness.exploring.shrink import Failure, Shrinker, Story

SMALL: Final = "small"
NOT_REPRODUCED: Final = 2
REPLACED: Final = ("nemesis", "swarm")
"""Options in whose place the schedule stands."""


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option(
    "--minutes", type=float, default=10.0, show_default=True, help="At most; then the smallest so far counts."
)
@click.option("--jobs", type=int, help="Processes that simulate.  [default: one for each processor]")
@click.option("--name", help="The small run's name.  [default: RUN-small]")
@results_option
@json_option
@debug_option
def shrink(
    run: str, minutes: float, jobs: int | None, name: str | None, results: Path, as_json: bool, debug: bool
) -> None:
    """Make a simulated run that fails as small as can be: fewer faults, operations and nodes, less time, as long as it
    fails in the same way. The result is a run of its own, with a schedule that makes it.

    \b
    Exit codes: 0 there is a smaller run, 2 the run could not be played from a script, 3 could not run.
    """
    from harness.exploring.shrink import Shrinker, failure_of  # the node's code, which other commands have no use for

    if minutes <= 0:
        raise BadInput(f"--minutes takes more than 0, not {minutes:g}.")
    source = find(results, run)
    experiment = _asked(source)
    began = time.monotonic()
    progress = Progress(now_s=lambda: time.monotonic() - began)
    with display(progress) as shown, interruptible(shown.say) as stopping, Pool(jobs) as pool:
        shown.say(f"shrinking {source.path}")
        progress.begin("simulating")
        shown.refresh()
        failure = failure_of(experiment)
        if failure is None:
            raise BadInput(f"{source.name} does not fail (any more): there is nothing to shrink.")
        shrinker = Shrinker(
            pool,
            failure.signatures,
            lambda: stopping() or progress.now_s() > minutes * 60,
            lambda phase, story: _tick(progress, shown, shrinker, phase, story),
        )
        shown.say(f"it fails: {'; '.join(' '.join(filter(None, s)) for s in sorted(failure.signatures))}")
        small = _shrunk(shrinker, failure)
    if small is None:
        _not_reproduced(source, shrinker, as_json)
    folder, verdict, command = _keep(small, source, results, name)
    _tell(source, folder, verdict, command, failure, shrinker, small, as_json)


def _asked(folder: RunFolder) -> Experiment:
    """The experiment as somebody asked for it. A schedule is the one in the folder."""
    simulation = folder.run().get("simulation")
    if simulation is None:
        raise BadInput(f"{folder.name} was no simulated run: only those can be made again, and so shrunk.")
    try:
        experiment = msgspec.convert(simulation["asked"], Experiment)
    except (KeyError, msgspec.ValidationError) as error:
        raise BadInput(f"run.json holds no experiment of this version of raftstorm: {error}.") from error
    if experiment.schedule is not None:
        experiment = msgspec.structs.replace(experiment, schedule=str(folder.path / "schedule.toml"))
    return experiment


def _shrunk(shrinker: Shrinker, failure: Failure) -> Story | None:
    if not failure.story.script.operations:
        raise CannotRun("It fails before clients have done anything: nothing can be taken away.")
    story = shrinker.reproduce(failure)
    return None if story is None else shrinker.shrink(story, failure.after_s)


def _tick(progress: Progress, shown: Display, shrinker: Shrinker, phase: str, story: Story | None) -> None:
    if progress.phase != phase:
        progress.begin(phase)
    progress.note(f"{shrinker.runs} runs" + (f", smallest so far: {story}" if story is not None else ""))
    shown.refresh()


def _not_reproduced(source: RunFolder, shrinker: Shrinker, as_json: bool) -> NoReturn:
    sentence = (
        f"{source.name} fails, but played from a script it does not, in {shrinker.runs} attempts with different fates "
        "of messages and disks: it cannot be shrunk."
    )
    click.echo(sentence, err=True)
    if as_json:
        click.echo(msgspec.json.encode({"verdict": "unknown", "source": str(source.path), "reason": sentence}))
    raise click.exceptions.Exit(NOT_REPRODUCED)


def _keep(story: Story, source: RunFolder, results: Path, name: str | None) -> tuple[RunFolder, dict[str, Any], str]:
    """The run folder, what was judged of it, and the command that makes it again."""
    from harness.cluster.simulation.record import record

    folder = create(results, name or _free_name(results, f"{source.name}-{SMALL}"))
    schedule = folder.path / "schedule.toml"
    experiment = msgspec.structs.replace(story.experiment, schedule=_shown(schedule))
    command = replay_command(experiment, REPLACED)
    text = write_script(
        story.script, head=[f"The run {source.name}, made small: {story}. It is made again by:", command]
    )
    folder.save_schedule(text)
    record(validated(experiment), folder, command=command)
    folder.save_schedule(text)
    return folder, judge_run(folder), command


def _shown(path: Path) -> str:
    """From where the command was started, if it lies there."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _free_name(results: Path, wanted: str) -> str:
    names = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, 1 << 31))
    return next(name for name in names if not (results / name).exists())


def _tell(
    source: RunFolder,
    folder: RunFolder,
    verdict: Mapping[str, Any],
    command: str,
    failure: Failure,
    shrinker: Shrinker,
    small: Story,
    as_json: bool,
) -> None:
    from harness.exploring.shrink import signature

    anomalies = [Found(a["checker"], a["kind"], a["text"]) for a in verdict["anomalies"]]
    if failure.signatures.isdisjoint(map(signature, anomalies)):
        raise CannotRun(f"The small run in {folder.path} does not fail in the same way, though it did in memory.")
    first = next(found for found in anomalies if signature(found) in failure.signatures)
    lines = [
        f"{failure.story}",
        f"  -> {small}, in {shrinker.runs} runs",
        f"{first.checker}: {first.kind}: {first.text.splitlines()[0]}",
        f"  {folder.path}",
        f"  {command}",
    ]
    click.echo("\n".join(lines), err=as_json)
    if as_json:
        told = {
            "verdict": Verdict(verdict["verdict"]).value,
            "source": str(source.path),
            "run": str(folder.path),
            "command": command,
            "seed": small.experiment.seed,
            "runs": shrinker.runs,
            "before": dict(zip(SIZES, failure.story.size, strict=True)),
            "after": dict(zip(SIZES, small.size, strict=True)),
            "anomalies": verdict["anomalies"],
        }
        click.echo(msgspec.json.encode(told))


SIZES: Final = ("faults", "operations", "nodes", "time_limit_s")
