"""`raftstorm image build`, `raftstorm clean`, `raftstorm doctor`: what a machine needs, and what is left on it."""

from __future__ import annotations

import click
import msgspec
from tabulate import tabulate

from harness import plugins
from harness.cli.options import debug_option, json_option
from harness.cluster.cleanup import Cleaned
from harness.cluster.cleanup import clean as clean_up
from harness.cluster.hosts.cleanup import clean_hosts
from harness.cluster.hosts.inventory import read_inventory
from harness.doctor import can_run, examine
from harness.errors import CannotRun
from harness.image import build

EXIT_LACKING = 3


@click.group()
def image() -> None:
    """The node's container image."""


@image.command("build")
@click.option("--base", help="A Debian image to build on.  [default: debian:bookworm-slim, or one bootstrapped]")
@click.option("--system", default="raft", show_default=True, help="With the packages that this system needs.")
@debug_option
def build_image(base: str | None, system: str, debug: bool) -> None:
    """Build the node image; without a registry, on a Debian bootstrapped from its packages."""
    packages = plugins.load("system", system).packages
    click.echo(build(lambda line: click.echo(line, err=True), base=base, packages=packages))


@click.command()
@click.option("--force", is_flag=True, help="Clusters that are in use too.")
@click.option("--images", is_flag=True, help="Node images of former versions too.")
@click.option("--inventory", help="Clean the hosts of this inventory instead of this machine.")
@debug_option
def clean(force: bool, images: bool, inventory: str | None, debug: bool) -> None:
    """Remove the containers, networks, volumes and local processes that killed runs (and --keep) left behind.

    With --inventory: what they left on hosts, and nothing here.
    """
    if inventory is not None:
        _clean_hosts(inventory, force)
        return
    cleaned = clean_up(force=force, images=images)
    if cleaned.engine:
        click.echo(f"Only local clusters were looked for. {cleaned.engine}", err=True)
    for line in _what_was_cleaned(cleaned):
        click.echo(line)


def _clean_hosts(inventory: str, force: bool) -> None:
    cleaned = clean_hosts(read_inventory(inventory), force=force)
    lines = [f"removed {what}" for what in sorted(cleaned.removed)]
    lines += [f"in use, left alone (--force removes it too): {what}" for what in sorted(cleaned.in_use)]
    for line in lines or ["nothing was left behind"] * (not cleaned.troubles):
        click.echo(line)
    if cleaned.troubles:
        raise CannotRun(" ".join(sorted(cleaned.troubles)))


def _what_was_cleaned(cleaned: Cleaned) -> list[str]:
    kinds = {name: name for name in ("containers", "networks", "volumes", "images")} | {"local": "local clusters"}
    lines = [
        f"removed {len(names)} {words}: {', '.join(names)}"
        for kind, words in kinds.items()
        if (names := getattr(cleaned, kind))
    ]
    stayed = [f"in use, left alone (--force removes them too): {name}" for name in cleaned.in_use]
    return [*lines, *stayed] or ["nothing was left behind"]


@click.command()
@json_option
@debug_option
def doctor(as_json: bool, debug: bool) -> None:
    """Tell what this machine has and lacks for runs on Docker, and with local processes."""
    rows = examine()
    if as_json:
        click.echo(msgspec.json.encode(rows))
    else:
        table = [["ok" if row.ok else "MISSING", row.item, row.found, "" if row.ok else row.hint] for row in rows]
        click.echo(tabulate(table, headers=["", "what", "found", "what to do"], maxcolwidths=[None, None, 50, 60]))
    raise click.exceptions.Exit(0 if can_run(rows) else EXIT_LACKING)
