"""The group of commands, and the one place where exceptions become sentences and exit codes.

Exit codes: 0 valid, 1 invalid, 2 unknown, 3 could not run (bad input, no engine, unreachable host). Every non-zero
exit has one clear sentence on stderr; a traceback is shown with --debug alone.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import Any, Final

import click

from checkers.errors import HistoryError
from harness.errors import RaftstormError
from results.errors import StoreError

EXIT_CANNOT_RUN = 3
EXIT_INTERRUPTED = 130
EXIT_UNREAD = 141
"""Nobody read the output: as of a program that SIGPIPE ended."""


_MODULES: Final = {
    "run": "run",
    "explore": "explore",
    "shrink": "shrink",
    "check": "judging",
    "export": "judging",
    "report": "judging",
    "runs": "runs",
    "bugs": "bugs",
    "schedule": "schedule",
    "image": "maintenance",
    "clean": "maintenance",
    "doctor": "maintenance",
}
"""Where each command is, in the package of this module. A command that is not given costs nothing: what all of them
import takes longer than an election."""


class _Unread(Exception):
    """Whoever read our output has gone."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command = getattr(import_module(f"harness.cli.{_MODULES[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Keeps a broken pipe from click, which ends it with 1: here that would mean invalid."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _Unread from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("raftstorm"), prog_name="raftstorm")
def cli() -> None:
    """Break a Raft cluster on purpose, and decide from what its clients saw whether it kept its promises.

    \b
    raftstorm run                          five nodes in Docker, all faults, 30 s, a verdict and a report
    raftstorm run --bug ack-before-sync    the same against a node with a known bug
    raftstorm bugs                         the bugs there are
    raftstorm run nightly.toml             options from a file; flags win
    raftstorm explore                      seed after seed in the simulator, until something is found
    raftstorm shrink RUN                   a simulated run that fails, as small as can be
    raftstorm check RUN                    judge a stored run again
    raftstorm check FILE --model NAME      judge any history, of Jepsen's, Porcupine's or Elle's too
    raftstorm doctor                       what this machine lacks

    Exit codes: 0 valid, 1 invalid, 2 unknown, 3 could not run.
    """


def main(arguments: list[str] | None = None) -> None:
    """Runs one command and exits with its code."""
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in arguments
    try:
        code = cli.main(arguments, prog_name="raftstorm", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted.", debug, EXIT_INTERRUPTED)
    except click.ClickException as error:
        code = _complain(error.format_message(), debug, EXIT_CANNOT_RUN)
    except (RaftstormError, StoreError, HistoryError) as error:
        code = _complain(str(error), debug, EXIT_CANNOT_RUN)
    except _Unread:
        # Python would complain at exit of what is left of the output, with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_UNREAD
    except Exception as error:
        code = _complain(_unforeseen(error), debug, EXIT_CANNOT_RUN)
    sys.exit(code or 0)


def _unforeseen(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "there is no space left where the output goes."
    return f"a mistake of raftstorm's own: {type(error).__name__}: {error} (--debug shows where)."


def _complain(sentence: str, debug: bool, code: int) -> int:
    if debug:
        traceback.print_exc()
    click.echo(f"raftstorm: {sentence}", err=True)
    return code
