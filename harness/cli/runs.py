"""`raftstorm runs`: the runs that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from tabulate import tabulate

from harness.cli.options import debug_option, json_option, results_option
from results.errors import StoreError
from results.store import RunFolder, list_runs


@click.command()
@results_option
@json_option
@debug_option
def runs(results: Path, as_json: bool, debug: bool) -> None:
    """List the stored runs, newest last."""
    rows = [describe(folder) for folder in list_runs(results)]
    if as_json:
        click.echo(msgspec.json.encode(rows))
        return
    if not rows:
        click.echo(f"No runs in {results} yet: `raftstorm run` makes one.")
        return
    table = [
        [row[name] for name in ("run", "created", "verdict", "workload", "bug", "seed", "operations")] for row in rows
    ]
    click.echo(tabulate(table, headers=["run", "created", "verdict", "workload", "bug", "seed", "operations"]))


def describe(folder: RunFolder) -> dict[str, Any]:
    """One run in a few words; a run that was killed has no verdict yet."""
    try:
        run, verdict = folder.run(), folder.verdict()
    except StoreError as error:
        return {"run": folder.name, "verdict": f"unreadable: {error}"} | dict.fromkeys(
            ("created", "workload", "bug", "seed", "operations")
        )
    options = run.get("options", {})
    return {
        "run": folder.name,
        "created": run.get("created"),
        "verdict": verdict["verdict"] if verdict else "not judged (raftstorm check)",
        "workload": ",".join(options.get("workload", [])),
        "bug": options.get("bug"),
        "seed": run.get("seed"),
        "operations": verdict["operations"]["total"] if verdict else None,
    }
