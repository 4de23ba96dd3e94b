"""What keeps nodes of one machine apart: the relay, whose paths hold what comes while they are cut."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cluster import Node
from harness.cluster.local.line import RelayLine
from harness.cluster.local.probe import probe
from harness.cluster.local.relay.commands import Cut, Heal, Look


class RelayBarrier:
    """A `Barrier` (harness.cluster.over_ssh.barrier)."""

    counted = "held_up"
    """Dials and bytes together: a dial counts as one."""

    def __init__(self, relay: RelayLine, probe_addresses: Mapping[str, str]) -> None:
        """`probe_addresses`: by node."""
        self._relay = relay
        self._probe_addresses = probe_addresses

    async def block(self, node: Node, fault: str, sources: Mapping[str, Node]) -> None:
        await self._relay.tell(Cut(fault, [(source, node.name) for source in sources]))

    async def unblock(self, node: Node, fault: str) -> None:
        await self._relay.tell(Heal(fault, node.name))

    async def held(self, node: Node, fault: str, sources: Mapping[str, Node]) -> Mapping[str, int]:
        states = {state.source: state for state in await self._relay.tell(Look(node.name))}
        cuts = {source: states[source].cuts[fault] for source in sources}
        return {source: cut.dials + cut.bytes for source, cut in cuts.items()}

    async def leftovers(self, node: Node) -> list[str]:
        return sorted({fault for state in await self._relay.tell(Look(node.name)) for fault in state.cuts})

    def rule_of(self, fault: str) -> str:
        return fault

    async def probe(self, source: Node, targets: Mapping[str, Node], *, timeout_s: float) -> Mapping[str, str]:
        return await probe(source, self._probe_addresses[source.name], targets, timeout_s=timeout_s)
