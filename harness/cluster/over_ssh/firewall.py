"""Packet filter rules on one node: a chain for each fault, which drops what comes from the sources that it names.

Only chains whose name begins with `raftstorm-` are ever touched, and the jumps to them from INPUT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run

PREFIX: Final = "raftstorm-"
_IPTABLES: Final = "iptables -w 5"


def chain_of(fault: str) -> str:
    return PREFIX + fault


async def block(node: Node, fault: str, sources: Mapping[str, str], *, spared: Iterable[int] = ()) -> None:
    """Drops what comes from these sources (name -> address), but for TCP to and from ports that are spared. Doing it
    twice is doing it once. Raises Trouble."""
    chain = chain_of(fault)
    rules = "".join(f"-A {chain} -p tcp --{end} {port} -j RETURN\n" for port in spared for end in ("sport", "dport"))
    rules += "".join(f"-A {chain} -s {address} -j DROP\n" for address in sources.values())
    table = f"*filter\n:{chain} - [0:0]\n{rules}COMMIT\n"
    jump = f"INPUT -j {chain}"
    await run(
        node,
        f"iptables-restore -w 5 --noflush && {{ {_IPTABLES} -C {jump} 2>/dev/null || {_IPTABLES} -I {jump}; }}",
        input=table.encode(),
    )


async def unblock(node: Node, fault: str) -> None:
    """Removes this fault's chain, if it is there. `leftovers` tells whether it worked. Raises Trouble."""
    chain = chain_of(fault)
    commands = (f"{_IPTABLES} -D INPUT -j {chain}", f"{_IPTABLES} -F {chain}", f"{_IPTABLES} -X {chain}")
    await run(node, "; ".join(f"{command} 2>/dev/null" for command in commands) + "; true")


async def dropped(node: Node, fault: str, sources: Mapping[str, str]) -> dict[str, int]:
    """Packets that the fault's rules have dropped, by the source's name. Raises Trouble."""
    listing = await run(node, f"{_IPTABLES} -nvxL {chain_of(fault)}")
    return dict(zip(sources, drop_counts(listing), strict=True))


def drop_counts(listing: str) -> list[int]:
    """The packet counters of a chain's DROP rules, in the order of the rules."""
    rows = (line.split() for line in listing.splitlines())
    return [int(row[0]) for row in rows if len(row) > 2 and row[2] == "DROP"]


async def leftovers(node: Node) -> list[str]:
    """The names of all chains of ours that are on the node, whichever run put them there. Raises Trouble."""
    return our_chains(await run(node, f"{_IPTABLES} -S"))


def our_chains(rules: str) -> list[str]:
    """The chains of ours that are named anywhere in `iptables -S`."""
    return sorted({word for line in rules.splitlines() for word in line.split() if word.startswith(PREFIX)})
