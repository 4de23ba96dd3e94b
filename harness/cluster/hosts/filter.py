"""The packet filter on hosts that are somebody's: chains carry the run's own letters, and what is not the nodes' own
talk passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from harness.cluster import Node
from harness.cluster.over_ssh import firewall
from harness.cluster.over_ssh.barrier import PacketFilter
from harness.cluster.over_ssh.probe import address

_MOST_LETTERS: Final = 28
"""What iptables takes as a chain's name."""


class RunChains(firewall.Chains):
    """Those whose names begin with `prefix`: another run may have the host by other ports."""

    def __init__(self, prefix: str) -> None:
        assert prefix.startswith(firewall.PREFIX), "only such chains are ours"
        self._prefix = prefix

    def mine(self, fault: str) -> str:
        """The fault's id with the run's letters before it; of a long one, a hash."""
        if len(self._prefix) + len(fault) > _MOST_LETTERS:
            fault = sha256(fault.encode()).hexdigest()[: _MOST_LETTERS - len(self._prefix)]
        return f"{self._prefix.removeprefix(firewall.PREFIX)}{fault}"

    def among(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith(self._prefix)]


class RunFilter(PacketFilter):
    """A `Barrier`. `spared`: ports of the control line and of clients, which are never cut: the harness may run on one
    of the hosts itself."""

    def __init__(self, chains: RunChains, spared: Sequence[int], *, answers_pass: bool = False) -> None:
        super().__init__(answers_pass=answers_pass)
        self._chains = chains
        self._spared = tuple(spared)

    async def block(self, node: Node, fault: str, sources: Mapping[str, Node]) -> None:
        await self._block(node, self._chains.mine(fault), sources, self._spared)

    async def unblock(self, node: Node, fault: str) -> None:
        await firewall.unblock(node, self._chains.mine(fault))

    async def held(self, node: Node, fault: str, sources: Mapping[str, Node]) -> Mapping[str, int]:
        return await firewall.dropped(node, self._chains.mine(fault), _addresses(sources))

    async def leftovers(self, node: Node) -> list[str]:
        return self._chains.among(await firewall.leftovers(node))

    def rule_of(self, fault: str) -> str:
        return firewall.chain_of(self._chains.mine(fault))


def _addresses(sources: Mapping[str, Node]) -> dict[str, str]:
    return {name: address(node)[0] for name, node in sources.items()}
