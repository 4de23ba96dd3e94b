"""Taking away what runs left on the hosts of an inventory: `raftstorm clean --inventory`.

A claim says all that a run has made on a host, and nothing else is touched. One whose owner still lives is in use and
stays, unless it is asked for by force. Whether an owner lives can be told on its own machine alone; in doubt it does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from harness.cluster.hosts.claim import held, read_claim, release
from harness.cluster.hosts.examine import base_of, look
from harness.cluster.hosts.inventory import Host, Inventory
from harness.cluster.hosts.lines import Lines
from harness.control.ssh import SshControl
from harness.errors import CannotRun


@dataclass
class CleanedHosts:
    """Lines for people: what was removed, what is in use and stayed, and what could not be done."""

    removed: list[str] = field(default_factory=list)
    in_use: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def clean_hosts(inventory: Inventory, *, force: bool = False) -> CleanedHosts:
    """All hosts, also where one does not answer. Raises CannotRun where there are no keys to log in with."""
    return asyncio.run(_clean(inventory, force))


async def _clean(inventory: Inventory, force: bool) -> CleanedHosts:
    lines, cleaned = Lines(inventory.hosts), CleanedHosts()
    try:
        await asyncio.gather(
            *(_clean_host(lines.controls[host.name], host, force, cleaned) for host in inventory.hosts)
        )
    finally:
        await lines.close()
    return cleaned


async def _clean_host(control: SshControl, host: Host, force: bool, cleaned: CleanedHosts) -> None:
    try:
        base = base_of(await look(control, host), host)
        text = await held(control, base)
        if text is None:
            return
        claim = read_claim(text)
        if claim is None:
            cleaned.troubles.append(
                f"{host.name} has a claim in {base} that is none of raftstorm's: look at it yourself."
            )
        elif not (claim.abandoned or force):
            cleaned.in_use.append(f"{host.name}, by {claim.words}")
        else:
            went = await release(control, base, text)
            killed = f", with {len(went['processes'])} processes" if went["processes"] else ""
            cleaned.removed.append(f"from {host.name} {claim.words}{killed}")
    except CannotRun as error:
        cleaned.troubles.append(str(error))
