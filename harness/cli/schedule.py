"""`raftstorm schedule`: what happened in a run, as a schedule that plays it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from checkers.history import History
from harness.cli.options import debug_option, results_option
from harness.errors import BadInput
from harness.experiment import Experiment, flags
from harness.generator.base import NS
from harness.judging import stored_experiment
from harness.script import replayed, write_script
from results.store import find, write_atomically

LEFT_OUT: Final = (
    "nemesis",
    "nemesis-interval",
    "schedule-shape",
    "swarm",
    "schedule",
    "runs",
    "name",
    "results",
    "keep",
)
"""Options that a replay does not take over: the schedule stands for the first, the others are the new run's own."""


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@click.option("--operations", is_flag=True, help="Write the clients' operations too.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@results_option
@debug_option
def schedule(run: str, operations: bool, out: Path | None, results: Path, debug: bool) -> None:
    """Write the timeline of a stored run, for `raftstorm run --schedule`: every fault that took effect, with what it
    hit and when. docs/schedules.md has the format."""
    folder = find(results, run)
    stored = folder.run()
    experiment, history = stored_experiment(stored), folder.history()
    begins_ns, ends_ns = main_phase(stored, history, experiment.time_limit)
    script = replayed(history, begins_ns=begins_ns, ends_ns=ends_ns, operations=operations)
    if not script.faults and not script.operations:
        raise BadInput(
            f"No fault took effect in {folder.name}: there is nothing to write (--operations: what clients did)."
        )
    head = [f"The run {folder.name}. It is played again by:", command(experiment, out)]
    text = write_script(script, head=head)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text.encode())


def main_phase(run: Mapping[str, Any], history: History, time_limit_s: float) -> tuple[int, int]:
    """When it began and ended, in run time. A run that was killed has not said so: then it began with its first
    operation, or at 0. It counts as no longer than its time limit, since a replay is not either."""
    phases: list[dict[str, Any]] = run.get("phases", [])
    phase = next((phase for phase in phases if phase.get("name") == "main"), {})
    begins_ns: int = phase.get("begin", history.operations[0].invoke.time if history.operations else 0)
    limit_ns = begins_ns + round(time_limit_s * NS)
    return begins_ns, min(phase.get("end", limit_ns), limit_ns)


def command(experiment: Experiment, out: Path | None) -> str:
    """What runs the schedule under the run's other options."""
    schedule = "FILE" if out is None else str(out)
    return shlex.join(["raftstorm", "run", "--schedule", schedule, *flags(experiment, LEFT_OUT)])
