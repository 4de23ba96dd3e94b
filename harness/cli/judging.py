"""`raftstorm check` and `raftstorm report`: judging and rendering what was recorded before."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from checkers.verdict import Verdict
from harness.cli.options import EXIT_CODES, debug_option, json_option, results_option
from harness.judging import judge_history_file, judge_run
from results.report import render
from results.store import RunFolder, find
from results.summary import summary


@click.command()
@click.argument("run", metavar="RUN")
@results_option
@click.option(
    "--time-limit", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Seconds, then unknown."
)
@json_option
@debug_option
def check(run: str, results: Path, time_limit: float, as_json: bool, debug: bool) -> None:
    """Judge a stored run again: by its name, its folder, or a history.jsonl alone."""
    if Path(run).is_file():
        verdict = judge_history_file(Path(run), time_limit_s=time_limit)
        report_path = None
    else:
        folder = find(results, run)
        verdict = judge_run(folder, time_limit_s=time_limit)
        report_path = folder.report_path
    click.echo(summary(verdict, report_path), err=as_json)
    if as_json:
        click.echo(msgspec.json.encode(verdict))
    raise click.exceptions.Exit(EXIT_CODES[Verdict(verdict["verdict"])])


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@results_option
@debug_option
def report(run: str, results: Path, debug: bool) -> None:
    """Render a stored run's report.html again."""
    folder: RunFolder = find(results, run)
    click.echo(render(folder.path))
