"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from checkers.verdict import Verdict
from results.store import DEFAULT_ROOT

EXIT_CODES: Final = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNKNOWN: 2}

MOST_SEED: Final = 2**31
"""Fresh seeds are below it."""

Command = Callable[..., Any]


def debug_option(command: Command) -> Command:
    return click.option("--debug", is_flag=True, help="Show tracebacks.")(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line of stdout.")(
        command
    )


def results_option(command: Command) -> Command:
    return click.option(
        "--results",
        type=click.Path(path_type=Path),
        default=DEFAULT_ROOT,
        show_default=True,
        help="The folder that run folders are kept in.",
    )(command)


SEARCH: Final = (
    ("workload", str, "Workloads, comma-separated, or all.  [default: all, of which a swarm draws three at most]"),
    ("nemesis", str, "Kinds of fault, comma-separated, or all, or none.  [default: all; docker: the usual four]"),
    ("nemesis-interval", float, "Mean seconds between two faults of one kind.  [default: 5; more for more than four]"),
    ("schedule-shape", str, "random, or swizzled: one node at a time, lifted in another order.  [default: random]"),
    ("read-mode", str, "linearizable, lease, sequential or stale.  [default: each workload's own]"),
    ("nodes", int, "Nodes of the cluster.  [default: 5]"),
    ("concurrency", str, "Client processes of each workload; 3n is three for each node.  [default: 2n, or drawn]"),
    ("rate", float, "Operations a second, all together.  [default: 60]"),
    ("keys", int, "Keys in use at once, for each workload.  [default: 5]"),
    ("ops-per-key", int, "Operations on a key before a fresh one takes its place.  [default: 300]"),
    ("time-limit", float, "Virtual seconds of each run's main phase.  [default: 20]"),
    ("call-timeout", float, "Virtual seconds that a client waits for an answer.  [default: 3]"),
    ("bug", str, "Start the nodes with a deliberate bug."),
)
"""Options of `raftstorm run` that searches in the simulator have too."""


def search_options(command: Command) -> Command:
    for name, kind, text in reversed(SEARCH):
        command = click.option(f"--{name}", type=kind, help=text)(command)
    return click.option(
        "--swarm/--no-swarm", default=None, help="Draw which faults are possible in a run.  [default: with all]"
    )(command)
