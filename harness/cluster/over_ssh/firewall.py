"""Packet filter rules on one node: a chain for each fault, which is jumped to from a chain of the machine's own.

    cuts              table filter, from INPUT: dropped, and counted
    hindered packets  table raw, from PREROUTING: queued for the agent (harness.on_nodes.packets), but for what proofs
                      go by. It is the earliest place: cuts and connection tracking meet a packet when it is let go

Only chains whose name begins with `raftstorm-` are ever touched, and the jumps to them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from harness.cluster import Node
from harness.cluster.over_ssh.shell import run

PREFIX: Final = "raftstorm-"
FIRST_PROBE_PORT: Final = 61440
"""Reachability is probed from this port on: above those that the kernel gives out by itself, and told by a mask."""
_WAIT: Final = "-w 5"


class Place(NamedTuple):
    """Where chains are, and from where they are jumped to."""

    table: str
    hook: str

    @property
    def iptables(self) -> str:
        return f"iptables {_WAIT}" + (f" -t {self.table}" if self.table != "filter" else "")

    def restore(self, chain: str, rules: Iterable[str]) -> str:
        """What `iptables-restore` is given: the chain with just these rules."""
        lines = "".join(f"-A {chain} {rule}\n" for rule in rules)
        return f"*{self.table}\n:{chain} - [0:0]\n{lines}COMMIT\n"

    def restoring(self, chain: str, rules: Iterable[str]) -> str:
        """A command that makes the chain so."""
        return f"printf %s {shlex.quote(self.restore(chain, rules))} | {RESTORE}"

    def jump(self, chain: str) -> str:
        """A command. Doing it twice is doing it once."""
        words = f"{self.hook} -j {chain}"
        return f"{{ {self.iptables} -C {words} 2>/dev/null || {self.iptables} -I {words}; }}"

    def removal(self, chain: str) -> str:
        """A command that removes the chain if it is there, and does not fail."""
        steps = (f"-D {self.hook} -j {chain}", f"-F {chain}", f"-X {chain}")
        return "; ".join(f"{self.iptables} {step} 2>/dev/null" for step in steps) + "; true"

    @property
    def listing(self) -> str:
        """A command that prints all rules (`our_chains` reads them)."""
        return f"{self.iptables} -S"


CUTS: Final = Place("filter", "INPUT")
QUEUES: Final = Place("raw", "PREROUTING")
RESTORE: Final = f"iptables-restore {_WAIT} --noflush"


class Chains:
    """Whose chains there are on a node: where it is the run's own, all of ours. `spared`: ports whose TCP no chain
    touches."""

    def __init__(self, *, spared: Iterable[int] = ()) -> None:
        self.spared = tuple(spared)

    def of(self, fault: str) -> str:
        """The fault's chain."""
        return PREFIX + fault

    def among(self, names: Iterable[str]) -> list[str]:
        """Those chains of ours that are this run's."""
        return list(names)


async def block(
    node: Node,
    chain: str,
    sources: Mapping[str, str],
    *,
    spared: Iterable[int] = (),
    answering: Mapping[str, int] | None = None,
) -> None:
    """Drops what comes from these sources (name -> address), but for TCP to and from ports that are spared, and TCP
    from the port on which a source takes connections, where `answering` (name -> port) has it. Doing it twice is doing
    it once. Raises Trouble."""
    rules = [f"-p tcp --{end} {port} -j RETURN" for port in spared for end in ("sport", "dport")]
    for name, address in sources.items():
        if answering and name in answering:
            rules.append(f"-s {address} -p tcp --sport {answering[name]} -j RETURN")
        rules.append(f"-s {address} -j DROP")
    await run(node, f"{RESTORE} && {CUTS.jump(chain)}", input=CUTS.restore(chain, rules).encode())


async def unblock(node: Node, chain: str) -> None:
    """Removes this chain, if it is there. `leftovers` tells whether it worked. Raises Trouble."""
    await run(node, CUTS.removal(chain))


def queueing(chain: str, sources: Iterable[str], queue: int, *, spared: Iterable[int] = ()) -> str:
    """A command that queues what comes from these addresses, for whoever listens; nobody: packets pass. Left alone are
    copies that were put in here (they come from the loopback device), answers to pings, probes of reachability, and TCP
    to and from ports that are spared."""
    probes = f"{FIRST_PROBE_PORT}:65535"
    rules = (
        "-i lo -j RETURN",
        "-p icmp --icmp-type echo-reply -j RETURN",
        f"-p tcp --sport {probes} -j RETURN",
        f"-p tcp --dport {probes} -j RETURN",
        *(f"-p tcp --{end} {port} -j RETURN" for port in spared for end in ("sport", "dport")),
        *(f"-s {source} -j NFQUEUE --queue-num {queue} --queue-bypass" for source in sources),
    )
    return f"{QUEUES.restoring(chain, rules)} && {QUEUES.jump(chain)}"


async def dropped(node: Node, chain: str, sources: Mapping[str, str]) -> dict[str, int]:
    """Packets that the chain's rules have dropped, by the source's name. Raises Trouble."""
    listing = await run(node, f"{CUTS.iptables} -nvxL {chain}")
    return dict(zip(sources, drop_counts(listing), strict=True))


def drop_counts(listing: str) -> list[int]:
    """The packet counters of a chain's DROP rules, in the order of the rules."""
    rows = (line.split() for line in listing.splitlines())
    return [int(row[0]) for row in rows if len(row) > 2 and row[2] == "DROP"]


async def leftovers(node: Node) -> list[str]:
    """The names of all chains of ours for cuts that are on the node, whichever run put them there. Raises Trouble."""
    return our_chains(await run(node, CUTS.listing))


def our_chains(rules: str) -> list[str]:
    """The chains of ours that are named anywhere in `iptables -S`."""
    return sorted({word for line in rules.splitlines() for word in line.split() if word.startswith(PREFIX)})
