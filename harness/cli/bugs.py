"""`raftstorm bugs`: the deliberate bugs that nodes can be started with."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import Final

import click
import msgspec
from tabulate import tabulate

from harness import plugins
from harness.cli.hunt import hunt
from harness.cli.options import debug_option, json_option
from harness.system import Bug, System

WIDTHS: Final = [None, 50, 56]
SHOW: Final = "show"
FIRST: Final = 14
"""The width of a row's name, where one bug is shown."""


class _Bugs(click.Group):
    """A word that is no command is a bug's name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.get_command(ctx, args[0]) is not None or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else [SHOW, *args])


@click.group(cls=_Bugs, invoke_without_command=True, subcommand_metavar="[NAME | COMMAND ...]")
@click.option("--group", help="Only those of one group.")
@click.option("--system", default="raft", show_default=True, help="The system whose bugs they are.")
@click.option("--node-source", help="The bugs of the node in this folder instead of the image's copy.")
@json_option
@debug_option
@click.pass_context
def bugs(
    context: click.Context, group: str | None, system: str, node_source: str | None, as_json: bool, debug: bool
) -> None:
    """List the deliberate bugs that nodes can be started with (`raftstorm run --bug NAME`), and the rules they break.

    \b
    raftstorm bugs                      all of them
    raftstorm bugs --group reads        one group
    raftstorm bugs wall-clock-lease     one of them, and how to find it
    raftstorm bugs hunt                 which of them are found, by what, and how soon
    """
    context.obj = _catalogue(system, node_source)
    if context.invoked_subcommand is None:
        _list(_of_group(context.obj, group), as_json)


@bugs.command(SHOW)
@click.argument("name")
@json_option
@debug_option
@click.pass_obj
def show(catalogue: Mapping[str, Bug], name: str, as_json: bool, debug: bool) -> None:
    """One bug: what it does, the rule that it breaks, and how to find it."""
    if name not in catalogue:
        raise plugins.unknown("bug", name, sorted(catalogue))
    bug = catalogue[name]
    if as_json:
        click.echo(msgspec.json.encode(bug))
        return
    for title, text in _told(bug):
        click.echo(textwrap.fill(text, 110, initial_indent=title.ljust(FIRST), subsequent_indent=" " * FIRST))


bugs.add_command(hunt)


def _catalogue(system: str, node_source: str | None) -> Mapping[str, Bug]:
    options = {"source": node_source}
    under_test: System = plugins.load("system", system)
    under_test.check(options)
    return under_test.bugs(options)


def _of_group(catalogue: Mapping[str, Bug], group: str | None) -> Sequence[Bug]:
    groups = dict.fromkeys(bug.group for bug in catalogue.values())
    if group is not None and group not in groups:
        raise plugins.unknown("group", group, list(groups))
    return [bug for bug in catalogue.values() if group in (None, bug.group)]


def _list(listed: Sequence[Bug], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(listed))
        return
    groups = dict.fromkeys(bug.group for bug in listed)
    for group in groups:
        rows = [[bug.name, bug.description, bug.breaks] for bug in listed if bug.group == group]
        headers = [group.upper() or "BUGS", "what the node does", "the rule that it breaks"]
        click.echo(tabulate(rows, headers=headers, maxcolwidths=WIDTHS) + "\n")
    click.echo(f"{len(listed)} bugs. `raftstorm bugs NAME` tells how one is found.")


def _told(bug: Bug) -> list[tuple[str, str]]:
    rows = [
        ("name", bug.name),
        ("group", bug.group),
        ("what it does", bug.description),
        ("breaks", bug.breaks),
        ("checks", ", ".join(bug.checks)),
        ("found by", _command(bug)),
        ("containers", f"cannot show it: {bug.simulator_only}" if bug.simulator_only is not None else ""),
    ]
    return [(title, text) for title, text in rows if text]


def _command(bug: Bug) -> str:
    options = [part for name, value in bug.found_by.items() for part in (f"--{name}", value)]
    where = ["--cluster", "sim"] if bug.simulator_only is not None else []
    return shlex.join(["raftstorm", "run", *where, "--bug", bug.name, *options])
