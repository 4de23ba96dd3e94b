"""`raftstorm check`, `raftstorm export` and `raftstorm report`: what to do with what was recorded before."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from checkers import library
from checkers.formats import AUTO, READERS, read
from checkers.formats.export import jepsen_edn
from checkers.history import History, HistoryError
from checkers.verdict import Verdict
from harness.cli.options import EXIT_CODES, debug_option, json_option, results_option
from harness.errors import BadInput
from harness.judging import TIME_LIMIT_S, judge_run
from harness.lone import Asked, judge_lone
from results.explain import explain as explained
from results.report import render, render_lone
from results.store import RunFolder, find, write_atomically
from results.summary import summary

STANDARD_INPUT = "-"
EXPORTED = "jepsen-edn"


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """What click takes for a number in range, but is none."""
    if math.isnan(value):
        raise click.BadParameter("nan is no number of seconds.")
    return value


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--model", help=f"What the operations were done on: {', '.join(library.MODELS)}.")
@click.option("--format", "format_", default=AUTO, help=f"auto, {', '.join(READERS)}.  [default: auto]")
@click.option("--initial", help="What the model's object holds at first, as JSON.  [default: the model's own]")
@click.option(
    "--nil-reads",
    type=click.Choice(["value", "nothing"]),
    help="In jepsen-edn: an ok read of nil read nil, or says nothing.  [default: as Knossos' model has it]",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(min=0, min_open=True),
    default=TIME_LIMIT_S,
    callback=_seconds,
    show_default=True,
    help="Seconds of each checker, then unknown.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes for keys.  [default: one a processor, if it pays]")
@click.option("--explain", is_flag=True, help="Show the operations of a contradiction, and how they overlap.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a report, one HTML page, to this file.")
@results_option
@json_option
@debug_option
def check(
    path: str,
    model: str | None,
    format_: str,
    initial: str | None,
    nil_reads: str | None,
    time_limit: float,
    jobs: int | None,
    explain: bool,
    out: Path | None,
    results: Path,
    as_json: bool,
    debug: bool,
) -> None:
    """Judge a history: a stored run (its name or folder), a file of ours or of another tool, or - for what is piped in.

    \b
    raftstorm check latest                                     a stored run, by its workloads
    raftstorm check history.edn --model cas-register           a history of Jepsen's
    raftstorm check - --model list-append --json < elle.edn    one object for programs
    """
    _need_model(model, {"--initial": initial, "--nil-reads": nil_reads})
    asked = Asked(
        model=model,
        format=format_,
        initial=library.DEFAULT if initial is None else _json(initial),
        nil_reads_say_nothing=None if nil_reads is None else nil_reads == "nothing",
        time_limit_s=time_limit,
        jobs=jobs,
    )
    verdict, history, report_path = _judge(path, asked, results)
    if out is not None:
        report_path = render_lone(out, verdict, history)
    click.echo(summary(verdict, report_path), err=as_json)
    if explain and verdict["anomalies"]:
        click.echo("\n" + explained(verdict, history), err=as_json)
    if as_json:
        click.echo(msgspec.json.encode(verdict))
    raise click.exceptions.Exit(EXIT_CODES[Verdict(verdict["verdict"])])


def _need_model(model: str | None, given: Mapping[str, str | None]) -> None:
    for option, value in given.items():
        if model is None and value is not None:
            raise BadInput(f"{option} says something about a model: name it with --model.")


def _judge(path: str, asked: Asked, results: Path) -> tuple[dict[str, Any], History, Path | None]:
    """A run is judged by its workloads, and keeps the verdict; whatever else is asked for leaves it as it is."""
    if path == STANDARD_INPUT or Path(path).is_file():
        verdict, history = judge_lone(_name(path), _bytes(path), asked)
        return verdict, history, None
    if asked.model is not None and not Path(path).exists() and not (results / path).exists():
        raise BadInput(f"There is no file {path}, and no run of that name in {results}.")
    folder = find(results, path)
    if asked.model is not None:
        verdict, history = judge_lone(str(folder.history_path), _bytes(str(folder.history_path)), asked)
        return verdict, history, None
    return judge_run(folder, time_limit_s=asked.time_limit_s, jobs=asked.jobs), folder.history(), folder.report_path


def _name(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path


def _bytes(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise BadInput(f"{_name(path)} cannot be read: {error.strerror}.") from error


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadInput(f"--initial takes a JSON value, as 0, null or '\"text\"'; {text!r} is none.") from error


@click.command()
@click.argument("path", metavar="RUN|FILE")
@click.option("--format", "format_", default=EXPORTED, show_default=True, help="What to write.")
@click.option("--key", help="Only the operations on this key, without the key.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@results_option
@debug_option
def export(path: str, format_: str, key: str | None, out: Path | None, results: Path, debug: bool) -> None:
    """Write a history as Knossos and Elle read it. docs/checking.md says how each operation is said in their words."""
    if format_ != EXPORTED:
        raise BadInput(f"There is no format named {format_!r} to write: there is {EXPORTED}.")
    if path != STANDARD_INPUT and not Path(path).is_file():
        path = str(find(results, path).history_path)
    try:
        history, _ = read(_bytes(path), nil_reads_say_nothing=True)  # of Knossos' own, where it comes back to it
        data = b"".join(jepsen_edn(history, key=key))
    except HistoryError as error:
        raise BadInput(f"{_name(path)} cannot be written as {format_}: {error}.") from error
    if out is None:
        click.echo(data, nl=False)
    else:
        write_atomically(out, data)


@click.command()
@click.argument("run", metavar="RUN", default="latest")
@results_option
@debug_option
def report(run: str, results: Path, debug: bool) -> None:
    """Render a stored run's report.html again."""
    folder: RunFolder = find(results, run)
    click.echo(render(folder.path))
