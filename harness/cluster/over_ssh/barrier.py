"""Barriers: what keeps apart nodes that are to hear each other no more, and how it is known that it does. Which one a
place has depends on how its nodes reach each other; the faults, and what proves them (network.py), are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.cluster import Node
from harness.cluster.over_ssh import firewall
from harness.cluster.over_ssh.firewall import Chains
from harness.cluster.over_ssh.probe import address, probe


class Barrier(Protocol):
    """All methods raise Trouble and ControlError."""

    @property
    def counted(self) -> str:
        """What `held` counts, as the name of a piece of evidence."""

    async def block(self, node: Node, fault: str, sources: Mapping[str, Node]) -> None:
        """Nothing comes to the node from these any more, by name. Doing it twice is doing it once."""

    async def unblock(self, node: Node, fault: str) -> None:
        """Takes away what `block` put in for this fault, if it is there."""

    async def held(self, node: Node, fault: str, sources: Mapping[str, Node]) -> Mapping[str, int]:
        """How much of what came from each source was kept from the node because of this fault."""

    async def leftovers(self, node: Node) -> list[str]:
        """What is there of any fault, each by a name that has the fault's id at its end."""

    def rule_of(self, fault: str) -> str:
        """The name by which `leftovers` would tell this fault's."""

    async def probe(self, source: Node, targets: Mapping[str, Node], *, timeout_s: float) -> Mapping[str, str]:
        """What each target answers: an outcome of harness.cluster.over_ssh.probe."""


class PacketFilter:
    """A `Barrier`: rules on the receiving node that drop what comes from a peer's address.

    `answers_pass`: but for what the peer sends on connections that it did not dial. Of a system whose nodes send
    messages on connections of their own alone that is nothing but acknowledgements of the other way's messages, without
    which a cut of one way would be one of both.
    """

    counted = "dropped_packets"

    def __init__(self, *, answers_pass: bool = False, chains: Chains | None = None) -> None:
        self._answers_pass = answers_pass
        self._chains = chains or Chains()

    async def block(self, node: Node, fault: str, sources: Mapping[str, Node]) -> None:
        answering = {name: address(source)[1] for name, source in sources.items()} if self._answers_pass else {}
        spared, chain = self._chains.spared, self._chains.of(fault)
        await firewall.block(node, chain, _addresses(sources), spared=spared, answering=answering)

    async def unblock(self, node: Node, fault: str) -> None:
        await firewall.unblock(node, self._chains.of(fault))

    async def held(self, node: Node, fault: str, sources: Mapping[str, Node]) -> Mapping[str, int]:
        return await firewall.dropped(node, self._chains.of(fault), _addresses(sources))

    async def leftovers(self, node: Node) -> list[str]:
        return self._chains.among(await firewall.leftovers(node))

    def rule_of(self, fault: str) -> str:
        return self._chains.of(fault)

    async def probe(self, source: Node, targets: Mapping[str, Node], *, timeout_s: float) -> Mapping[str, str]:
        return await probe(source, targets, timeout_s=timeout_s)


def _addresses(sources: Mapping[str, Node]) -> dict[str, str]:
    return {name: address(node)[0] for name, node in sources.items()}
