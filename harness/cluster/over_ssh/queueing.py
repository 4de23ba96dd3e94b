"""Hindered packets by a queue of the kernel, on the nodes that receive them.

On each target the fault has a chain that queues what its sources send, and one agent (harness.on_nodes.packets) decides
what becomes of it. The agent is told the whole of what it is to do whenever a fault comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from harness.cluster import Link, Node
from harness.cluster.over_ssh.firewall import QUEUES, chain_of, our_chains, queueing
from harness.cluster.over_ssh.probe import address
from harness.cluster.over_ssh.program import call
from harness.cluster.over_ssh.shell import Details, Trouble, run
from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.nfqueue import NUMBER

PROGRAM: Final = "packets"
_HELD: Final = "{ cat /proc/net/netfilter/nfnetlink_queue 2>/dev/null || true; }"
"""There is no such file before the first queue."""


class Queueing:
    name: Final = "nfqueue"

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def places(self, links: Iterable[Link]) -> dict[str, list[str]]:
        """Where links are hindered, and which: by target, its sources."""
        sources: dict[str, list[str]] = {}
        for source, target in sorted(links):
            sources.setdefault(target, []).append(source)
        return sources

    async def put(self, name: str, fault: str, peers: Iterable[str], all_peers: Mapping[str, Hindrance]) -> Details:
        """Raises Trouble, ControlError."""
        node, sources = self._nodes[name], [self._address(peer) for peer in peers]
        told, _ = await self._hinder(node, all_peers, after=queueing(fault, sources, NUMBER))
        return {"kernel": told["kernel"]}

    async def take(self, name: str, fault: str, left: Mapping[str, Hindrance]) -> Details:
        """Raises Trouble, ControlError."""
        node = self._nodes[name]
        after = f"{QUEUES.listing} && {_HELD}"
        told, listing = await self._hinder(node, left, before=f"{{ {QUEUES.removal(chain_of(fault))}; }}", after=after)
        rules, queues = our_chains(listing), _queued(listing)
        if chain_of(fault) in rules:
            raise Trouble(f"{name} still has the rules of {fault}")
        if not left and queues:
            raise Trouble(f"{name}: the agent that held packets did not end")
        return told | {"rules_left": rules, "agent": "runs" if queues else "gone"}

    async def intact(self, name: str, fault: str) -> Details:
        """Raises Trouble where something has ended that should go on, ControlError."""
        node = self._nodes[name]
        listing = await run(node, f"{QUEUES.listing}; {_HELD}; tail -n 1 {_socket(node)}.log 2>/dev/null; true")
        if not _queued(listing):
            raise Trouble(
                f"{name}: the agent that hindered packets has ended by itself, and they passed from then on: "
                + (listing.strip().splitlines() or ["nothing is known"])[-1]
            )
        if chain_of(fault) not in our_chains(listing):
            raise Trouble(f"{name} has lost the rules of {fault}")
        return {"agent": "runs"}

    async def leftovers(self, name: str) -> list[str]:
        """In words. Raises Trouble, ControlError."""
        listing = await run(self._nodes[name], f"{QUEUES.listing} && {_HELD}")
        chains = our_chains(listing)
        found = [f"{name} still has the rules {', '.join(chains)}"] if chains else []
        return found + ([f"{name}: an agent that hinders packets runs still"] if _queued(listing) else [])

    async def _hinder(self, node: Node, peers: Mapping[str, Hindrance], **around: str) -> tuple[dict[str, Any], str]:
        ways = {self._address(peer): hindrance.as_dict() for peer, hindrance in peers.items()}
        told, rest = await call(node, PROGRAM, "hinder", {"path": _socket(node), "ways": ways}, **around)
        names = {self._address(name): name for name in self._nodes}
        counts = {names[peer]: _some(numbers) for peer, numbers in told["counts"].items() if peer in names}
        return {"packets": counts, "kernel": told["kernel"]}, rest

    def _address(self, name: str) -> str:
        return address(self._nodes[name])[0]


def _socket(node: Node) -> str:
    """Where the agent is asked; beside it, its complaints."""
    return f"{node.layout.state}/packets.sock"


def _queued(listing: str) -> bool:
    """Whether somebody listens on our queue: the kernel's own list, a line each, the queue's number first."""
    return any(line.split()[:1] == [str(NUMBER)] for line in listing.splitlines())


def _some(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
