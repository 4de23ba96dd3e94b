"""Slow, unsteady, narrow and clogged links, by the relay. What it carries are streams of bytes, of which nothing can be
lost, doubled, corrupted or overtaken: that is not offered.

A hindrance is believed by what its links do: a process of the source's sends some bytes on each, which take the way of
everything that the node sends, and the answer comes as late as it has to, or from a clogged link not at all. It is
lifted when the relay has nothing of the fault's any more and answers are quick. A link that something else hinders or
cuts cannot show that; there, the hindrance being gone is all that can be known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from harness.cluster import Evidence, Hindrance, Link, Node
from harness.cluster.local.line import RelayLine
from harness.cluster.local.probe import measure
from harness.cluster.local.relay.commands import Calm, Look, PathState, Slow
from harness.cluster.over_ssh.network import by_link
from harness.cluster.over_ssh.shell import Trouble, by_name, evidence
from harness.on_nodes.hindrance import FREE, together
from harness.world import World
from harness.world.gather import gather

CANNOT: Final = ("loss", "duplicate", "corrupt", "slow")
SILENT_S: Final = 0.3
"""A clogged link is looked at for so long."""
QUICK_S: Final = 0.25
"""A free link answers within this, on a machine that is busy."""
SHOW_S: Final = 3.0
"""Beside what it has to take: for an answer to come."""
NARROW_S: Final = 0.2
"""For so long what is sent keeps a narrow link busy."""
PROOFS: Final = 3


class LocalPackets:
    def __init__(
        self, world: World, nodes: Sequence[Node], relay: RelayLine, measuring_addresses: Mapping[str, str]
    ) -> None:
        """`measuring_addresses`: by node, where what it sends to measure links comes from."""
        self._world = world
        self._nodes = by_name(nodes)
        self._relay = relay
        self._addresses = measuring_addresses

    async def disturb(self, fault: str, links: Collection[Link], hindrance: Hindrance) -> Evidence:
        cannot = [name for name in CANNOT if getattr(hindrance, name)]
        if cannot:
            return evidence({}, [f"local links carry streams of bytes: they have no {' and '.join(cannot)}"])
        await self._relay.tell(Slow(fault, sorted(links), hindrance))
        return await self._shown(links)

    async def holds(self, fault: str) -> Evidence:
        states = [state for state in await self._states() if fault in state.hindrances]
        return evidence({}, [] if states else [f"the relay has nothing of {fault} any more"])

    async def calm(self, fault: str) -> Evidence:
        links = [link_of(state) for state in await self._states() if fault in state.hindrances]
        await self._relay.tell(Calm(fault))
        return await self._shown(links)

    async def verify_healed(self) -> Evidence:
        left = {fault for state in await self._states() for fault in state.hindrances}
        return evidence({}, [f"the relay still hinders links because of {fault}" for fault in sorted(left)])

    async def _states(self) -> list[PathState]:
        return await self._relay.tell(Look())

    async def _shown(self, links: Iterable[Link]) -> Evidence:
        """Whether links do all that the faults on them ask for, and nothing where there is none."""
        try:
            shown = await self._measured(links)
            for _ in range(PROOFS - 1):
                if shown.effective:
                    break
                shown = await self._measured(links)
        except Trouble as trouble:
            return evidence({}, [str(trouble)])
        return shown

    async def _measured(self, links: Iterable[Link]) -> Evidence:
        states = {link_of(state): state for state in await self._states()}
        wanted = {link: together(states[link].hindrances.values()) for link in sorted(links)}
        back = {link: states[Link(link.target, link.source)] for link in wanted}
        apart = {link for link in wanted if states[link].cuts or back[link].cuts}
        seen = await self._ask({link: hindrance for link, hindrance in wanted.items() if link not in apart})
        shown: dict[Link, Any] = {link: "cut" if link in apart else seen[link] for link in wanted}
        troubles = [_trouble(link, wanted[link], seen[link], bool(back[link].hindrances)) for link in seen]
        return evidence({"seconds": by_link(shown)}, [trouble for trouble in troubles if trouble])

    async def _ask(self, wanted: Mapping[Link, Hindrance]) -> dict[Link, float | None]:
        """Seconds until an answer came, on each link. None: none came."""
        asked: dict[str, dict[str, tuple[Node, int]]] = {}
        for link, hindrance in wanted.items():
            size = 1 + int(hindrance.bytes_per_s * NARROW_S)
            asked.setdefault(link.source, {})[link.target] = (self._nodes[link.target], size)
        timeout_s = max((_patience_s(hindrance) for hindrance in wanted.values()), default=0.0)
        measuring = {
            name: measure(self._nodes[name], self._addresses[name], targets, timeout_s=timeout_s)
            for name, targets in asked.items()
        }
        seen = await gather(self._world, measuring, name="measure")
        return {link: seen[link.source][link.target] for link in wanted}


def _trouble(link: Link, wanted: Hindrance, seconds: float | None, hindered_back: bool) -> str:
    """What does not fit, in words."""
    there = f"what {link.source} sends to {link.target}"
    if wanted.clogged:
        return "" if seconds is None else f"{there} arrives after {seconds:.3f} s"
    if wanted == FREE:
        slow = (seconds is None or seconds > QUICK_S) and not hindered_back
        return f"{there} is still late: {seconds} s" if slow else ""
    if seconds is None:
        return "" if hindered_back else f"{there} does not arrive"
    return f"{there} is not late: {seconds:.3f} s" if seconds < _least_s(wanted) else ""


def _least_s(wanted: Hindrance) -> float:
    return max(0.0, wanted.delay_s - wanted.jitter_s) + (NARROW_S if wanted.bytes_per_s else 0.0)


def _patience_s(wanted: Hindrance) -> float:
    return SILENT_S if wanted.clogged else SHOW_S + wanted.delay_s + wanted.jitter_s


def link_of(state: PathState) -> Link:
    return Link(state.source, state.target)
