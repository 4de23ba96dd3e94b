"""Hindered packets by a queue of the kernel, on the nodes that receive them.

On each target the fault has a chain that queues what its sources send, and one agent (harness.on_nodes.packets) decides
what becomes of it. The agent is told the whole of what it is to do whenever a fault comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from harness.cluster import Link, Node
from harness.cluster.over_ssh.firewall import QUEUES, Chains, our_chains, queueing
from harness.cluster.over_ssh.probe import address
from harness.cluster.over_ssh.program import call
from harness.cluster.over_ssh.shell import Details, Trouble, run
from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.nfqueue import NUMBER

PROGRAM: Final = "packets"
_ATTEMPT: Final = "try"
_NOBODY: Final = "192.0.2.1"
"""An address that is for examples (RFC 5737)."""
_HELD: Final = "{ cat /proc/net/netfilter/nfnetlink_queue 2>/dev/null || true; }"
"""There is no such file before the first queue."""


class Queueing:
    """`number`: of the queue that the agent listens on."""

    name: Final = "nfqueue"

    def __init__(
        self,
        nodes: Mapping[str, Node],
        *,
        chains: Chains | None = None,
        number: int = NUMBER,
    ) -> None:
        self._nodes = nodes
        self._chains = chains or Chains()
        self._number = number

    def places(self, links: Iterable[Link]) -> dict[str, list[str]]:
        """Where links are hindered, and which: by target, its sources."""
        sources: dict[str, list[str]] = {}
        for source, target in sorted(links):
            sources.setdefault(target, []).append(source)
        return sources

    async def attempt(self, name: str) -> None:
        """Whether the node takes such rules and such an agent, with packets from where none come from. Raises Trouble
        where it does not, ControlError."""
        chain, ways = self._chains.of(_ATTEMPT), {_NOBODY: Hindrance(loss=1.0).as_dict()}
        try:
            await self._call(self._nodes[name], ways, after=self._queueing(_ATTEMPT, [_NOBODY]))
        finally:
            await self._call(self._nodes[name], {}, before=f"{{ {QUEUES.removal(chain)}; }}")

    async def put(self, name: str, fault: str, peers: Iterable[str], all_peers: Mapping[str, Hindrance]) -> Details:
        """Raises Trouble, ControlError."""
        node, sources = self._nodes[name], [self._address(peer) for peer in peers]
        told, _ = await self._hinder(node, all_peers, after=self._queueing(fault, sources))
        return {"kernel": told["kernel"]}

    async def take(self, name: str, fault: str, left: Mapping[str, Hindrance]) -> Details:
        """Raises Trouble, ControlError."""
        node = self._nodes[name]
        chain, after = self._chains.of(fault), f"{QUEUES.listing} && {_HELD}"
        told, listing = await self._hinder(node, left, before=f"{{ {QUEUES.removal(chain)}; }}", after=after)
        rules, queues = self._listed(listing), self._queued(listing)
        if chain in rules:
            raise Trouble(f"{name} still has the rules of {fault}")
        if not left and queues:
            raise Trouble(f"{name}: the agent that held packets did not end")
        return told | {"rules_left": rules, "agent": "runs" if queues else "gone"}

    async def intact(self, name: str, fault: str) -> Details:
        """Raises Trouble where something has ended that should go on, ControlError."""
        node = self._nodes[name]
        listing = await run(node, f"{QUEUES.listing}; {_HELD}; tail -n 1 {_socket(node)}.log 2>/dev/null; true")
        if not self._queued(listing):
            raise Trouble(
                f"{name}: the agent that hindered packets has ended by itself, and they passed from then on: "
                + (listing.strip().splitlines() or ["nothing is known"])[-1]
            )
        if self._chains.of(fault) not in self._listed(listing):
            raise Trouble(f"{name} has lost the rules of {fault}")
        return {"agent": "runs"}

    async def leftovers(self, name: str) -> list[str]:
        """In words. Raises Trouble, ControlError."""
        listing = await run(self._nodes[name], f"{QUEUES.listing} && {_HELD}")
        chains = self._listed(listing)
        found = [f"{name} still has the rules {', '.join(chains)}"] if chains else []
        return found + ([f"{name}: an agent that hinders packets runs still"] if self._queued(listing) else [])

    async def _hinder(self, node: Node, peers: Mapping[str, Hindrance], **around: str) -> tuple[dict[str, Any], str]:
        ways = {self._address(peer): hindrance.as_dict() for peer, hindrance in peers.items()}
        told, rest = await self._call(node, ways, **around)
        names = {self._address(name): name for name in self._nodes}
        counts = {names[peer]: _some(numbers) for peer, numbers in told["counts"].items() if peer in names}
        return {"packets": counts, "kernel": told["kernel"]}, rest

    async def _call(
        self, node: Node, ways: Mapping[str, Mapping[str, Any]], **around: str
    ) -> tuple[dict[str, Any], str]:
        given = {"path": _socket(node), "ways": ways, "number": self._number}
        return await call(node, PROGRAM, "hinder", given, **around)

    def _address(self, name: str) -> str:
        return address(self._nodes[name])[0]

    def _queueing(self, fault: str, sources: Sequence[str]) -> str:
        return queueing(self._chains.of(fault), sources, self._number, spared=self._chains.spared)

    def _listed(self, listing: str) -> list[str]:
        return self._chains.among(our_chains(listing))

    def _queued(self, listing: str) -> bool:
        """Whether somebody listens on our queue: the kernel's own list, a line each, the queue's number first."""
        return any(line.split()[:1] == [str(self._number)] for line in listing.splitlines())


def _socket(node: Node) -> str:
    """Where the agent is asked; beside it, its complaints."""
    return f"{node.layout.state}/packets.sock"


def _some(numbers: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in numbers.items() if number}
