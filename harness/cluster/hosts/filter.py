"""The packet filter on hosts that are somebody's: chains carry the run's own letters, and what is not the nodes' own
talk passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh import firewall
from harness.cluster.over_ssh.barrier import PacketFilter
from harness.cluster.over_ssh.probe import address

_MOST_LETTERS: Final = 28
"""What iptables takes as a chain's name."""


class RunFilter(PacketFilter):
    """A `Barrier`. `chains`: what the names of the run's chains begin with. `spared`: ports of the control line and of
    clients, which are never cut: the harness may run on one of the hosts itself."""

    def __init__(self, chains: str, spared: Sequence[int], *, answers_pass: bool = False) -> None:
        super().__init__(answers_pass=answers_pass)
        assert chains.startswith(firewall.PREFIX), "only such chains are ours"
        self._chains = chains
        self._spared = tuple(spared)

    async def block(self, node: Node, fault: str, sources: Mapping[str, Node]) -> None:
        await self._block(node, self._mine(fault), sources, self._spared)

    async def unblock(self, node: Node, fault: str) -> None:
        await firewall.unblock(node, self._mine(fault))

    async def held(self, node: Node, fault: str, sources: Mapping[str, Node]) -> Mapping[str, int]:
        return await firewall.dropped(node, self._mine(fault), _addresses(sources))

    async def leftovers(self, node: Node) -> list[str]:
        """This run's: another one may have the host by other ports."""
        return [chain for chain in await firewall.leftovers(node) if chain.startswith(self._chains)]

    def rule_of(self, fault: str) -> str:
        return firewall.chain_of(self._mine(fault))

    def _mine(self, fault: str) -> str:
        """The fault's id with the run's letters before it; of a long one, a hash."""
        if len(self._chains) + len(fault) > _MOST_LETTERS:
            fault = sha256(fault.encode()).hexdigest()[: _MOST_LETTERS - len(self._chains)]
        return f"{self._chains.removeprefix(firewall.PREFIX)}{fault}"


def _addresses(sources: Mapping[str, Node]) -> dict[str, str]:
    return {name: address(node)[0] for name, node in sources.items()}
