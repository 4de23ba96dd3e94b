"""Network faults by a barrier (barrier.py): on containers and hosts a packet filter, on one machine a relay.

Each fault has rules of its own, so that cuts of several faults add up, and healing takes away one fault's rules and
nothing else: neither another fault's nor the machine's own. The control line and clients come from other addresses
than peers do, so they are never cut.

A cut is believed when probes from the source go unanswered *and* the target's rule has held something back; the probes
themselves are held, so there always is something. It is lifted when the rule is gone and a probe is answered.
A link that another fault still cuts, either way (a probe needs both), is not probed; there, the rule being gone is all
that can be known. Nor does a rule hold anything back on a link where another fault's came before it: there it is the
rule being there, and the silence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from harness.cluster import Evidence, Link, Node
from harness.cluster.over_ssh.barrier import Barrier, PacketFilter
from harness.cluster.over_ssh.probe import REACHED, SILENT
from harness.cluster.over_ssh.shell import Trouble, by_name, evidence
from harness.world import World
from harness.world.gather import gather

CUT_PROBE_S: Final = 0.25
"""Silence this long, where an answer takes a tenth of a millisecond, is a cut."""
CUT_PROOFS: Final = 3
"""On a machine that is busy enough, a packet may be on its way for longer than a probe waits."""
HEALED_PROBE_S: Final = 1.0
"""Only spent where there is no answer."""


class ShellNetwork:
    def __init__(self, world: World, nodes: Sequence[Node], barrier: Barrier | None = None) -> None:
        """`barrier` None: a packet filter."""
        self._world = world
        self._barrier = barrier or PacketFilter()
        self._nodes = by_name(nodes)
        self._cuts: dict[str, frozenset[Link]] = {}

    async def cut(self, fault: str, links: Collection[Link]) -> Evidence:
        # Noted before anything is done: a cut that breaks half way has to be healed too.
        self._cuts[fault] = frozenset(links)
        try:
            return await self._cut(fault, self._cuts[fault])
        except Trouble as trouble:
            return evidence({}, [str(trouble)])

    async def _cut(self, fault: str, links: frozenset[Link]) -> Evidence:
        sources = self._sources(links)
        blocks = {name: self._barrier.block(self._nodes[name], fault, sources[name]) for name in sources}
        await gather(self._world, blocks, name="cut")
        proof = await self._proof(fault, links, sources)
        for _ in range(CUT_PROOFS - 1):
            if proof.effective:
                break
            proof = await self._proof(fault, links, sources)
        return proof

    async def _proof(self, fault: str, links: frozenset[Link], sources: Mapping[str, Mapping[str, Node]]) -> Evidence:
        outcomes = await self._probe(links, CUT_PROBE_S)
        counts = {name: self._barrier.held(self._nodes[name], fault, sources[name]) for name in sources}
        held = await gather(self._world, counts, name="count")
        reached = [f"{link.source} still reaches {link.target}" for link in outcomes if outcomes[link] != SILENT]
        unproven = [
            f"{link.target} is kept from nothing of {link.source}"
            for link in sorted(links)
            if not held[link.target][link.source] and not self._others_cut(link, fault)
        ]
        return evidence({"probes": by_link(outcomes), self._barrier.counted: held}, reached + unproven)

    async def heal(self, fault: str) -> Evidence:
        try:
            healed = await self._heal(fault, self._cuts.get(fault, frozenset()))
        except Trouble as trouble:
            return evidence({}, [str(trouble)])
        if healed.effective:
            self._cuts.pop(fault, None)
        return healed

    async def _heal(self, fault: str, links: frozenset[Link]) -> Evidence:
        targets = self._sources(links)
        unblocks = {name: self._barrier.unblock(self._nodes[name], fault) for name in targets}
        await gather(self._world, unblocks, name="heal")
        left = await self._leftovers(targets)
        outcomes = await self._probe(self._uncut(links, fault), HEALED_PROBE_S)
        kept = [f"{name} still has the rules of {fault}" for name in left if self._barrier.rule_of(fault) in left[name]]
        return evidence({"probes": by_link(outcomes), "rules_left": kept}, kept + unreached(outcomes))

    async def verify_healed(self) -> Evidence:
        pairs = [Link(source, target) for source in self._nodes for target in self._nodes if source != target]
        try:
            left = await self._leftovers(self._nodes)
            outcomes = await self._probe(pairs, HEALED_PROBE_S)
        except Trouble as trouble:
            return evidence({}, [str(trouble)])
        kept = [f"{name} still has the rules {', '.join(left[name])}" for name in left if left[name]]
        return evidence({"probes": by_link(outcomes)}, kept + unreached(outcomes))

    def _sources(self, links: Iterable[Link]) -> dict[str, dict[str, Node]]:
        """By target: the sources that it is to hear no more."""
        sources: dict[str, dict[str, Node]] = {}
        for source, target in sorted(links):
            sources.setdefault(target, {})[source] = self._nodes[source]
        return sources

    def _uncut(self, links: Iterable[Link], fault: str) -> list[Link]:
        """Those of this fault's links that no other fault cuts, in either direction."""
        return [
            link
            for link in links
            if not self._others_cut(link, fault) and not self._others_cut(Link(link.target, link.source), fault)
        ]

    def _others_cut(self, link: Link, fault: str) -> bool:
        return any(link in cut for other, cut in self._cuts.items() if other != fault)

    async def _probe(self, links: Iterable[Link], timeout_s: float) -> dict[Link, str]:
        """The outcome on each link. Every source asks all its targets in one command."""
        targets: dict[str, dict[str, Node]] = {}
        for source, target in sorted(links):
            targets.setdefault(source, {})[target] = self._nodes[target]
        probes = {name: self._barrier.probe(self._nodes[name], targets[name], timeout_s=timeout_s) for name in targets}
        outcomes = await gather(self._world, probes, name="probe")
        return {Link(source, target): outcomes[source][target] for source in outcomes for target in outcomes[source]}

    async def _leftovers(self, names: Iterable[str]) -> dict[str, list[str]]:
        return await gather(
            self._world, {name: self._barrier.leftovers(self._nodes[name]) for name in names}, name="rules"
        )


def unreached(outcomes: Mapping[Link, str]) -> list[str]:
    return [
        f"{link.source} does not reach {link.target} ({outcome})"
        for link, outcome in outcomes.items()
        if outcome not in REACHED
    ]


def by_link(outcomes: Mapping[Link, Any]) -> dict[str, Any]:
    return {link.words: outcome for link, outcome in outcomes.items()}
