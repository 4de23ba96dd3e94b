"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from checkers.verdict import Verdict
from results.store import DEFAULT_ROOT

EXIT_CODES: Final = {Verdict.VALID: 0, Verdict.INVALID: 1, Verdict.UNKNOWN: 2}

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
