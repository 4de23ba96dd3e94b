"""Faults of packets: links that lose, double, corrupt, delay and reorder what they carry, or are narrow or clogged.

`Way` is how it is done on a node: by a queue of the packet filter (queueing.py). netem, which not every kernel has, is
not used. Evidence says which way it was. Each fault is a thing of its own, and a link does all of what the faults on it
ask for (`together`), so that lifting one leaves the others in force.

A hindrance is believed by what its links do to packets: trains of pings from each link's source show every effect that
was asked for (harness.on_nodes.packets.pings), and corruption the receiver's own count of checksums that did not fit.
It is lifted when its rules are gone and the pings come back as ever: each once, in order, and as fast as before. A link
that something else hinders or cuts cannot show that; there, the rules being gone is all that can be known. Nor does a
link show anything that something else cuts or clogs: a fault is believed by those of its links that are open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from harness.cluster import IN_FORCE, Evidence, Hindrance, Link, Node
from harness.cluster.over_ssh.network import by_link
from harness.cluster.over_ssh.probe import SILENT, address, probe
from harness.cluster.over_ssh.program import call
from harness.cluster.over_ssh.queueing import PROGRAM, Queueing
from harness.cluster.over_ssh.shell import Details, Trouble, by_name, evidence, on_each, run
from harness.on_nodes.hindrance import FREE, together
from harness.world import World
from harness.world.gather import gather
from harness.world.sync import Lock

SHOW_S: Final = 2.0
"""For links to show what they do, beside the time that it takes; and to show that they do nothing any more."""
MOST_SHOW_S: Final = 7.0
PROOFS_S: Final = 3.0
"""So long it is tried again: on a machine that is busy enough, pings wait for longer than packets are held. No longer:
the fault is in force meanwhile."""
REACH_S: Final = 0.3
AS_BEFORE_S: Final = 0.005
"""The quickest of several pings takes so much longer than before at most, where nothing hinders it."""
WIDTH_SLACK: Final = 1.3
"""What was let through while nothing else was sent comes early."""
_CHECKSUM: Final = "icmp_checksum_errors"

Both = tuple[Hindrance, Hindrance]
"""What is looked for on a link, and all that it does."""
Seen = dict[str, Any]
"""What one link's pings showed (harness.on_nodes.packets.pings.Train)."""


class Way(Protocol):
    """How links are hindered. `peers`: the other ends of the links, by name, with all that hinders them now."""

    @property
    def name(self) -> str: ...
    def places(self, links: Iterable[Link]) -> dict[str, list[str]]: ...
    async def put(self, name: str, fault: str, peers: Iterable[str], all_peers: Mapping[str, Hindrance]) -> Details: ...
    async def take(self, name: str, fault: str, left: Mapping[str, Hindrance]) -> Details: ...
    async def intact(self, name: str, fault: str) -> Details: ...
    async def leftovers(self, name: str) -> list[str]: ...


class ShellPackets:
    def __init__(self, world: World, nodes: Sequence[Node], way: Way | None = None) -> None:
        """`way`: by a queue, if it is not said."""
        self._world = world
        self._nodes = by_name(nodes)
        self._way: Way = way or Queueing(self._nodes)
        self._in_force: dict[str, dict[Link, Hindrance]] = {}
        self._locks = {name: Lock(world) for name in self._nodes}
        """Each node is told of one fault at a time, so that what it was told last is what is so."""
        self._kernels: dict[str, dict[str, Any]] = {}
        """By fault and node: the kernel's counters when it began."""
        self._usual_ms: dict[Link, float] = {}
        """The quickest round trip where nothing hinders."""
        self._usual = Lock(world)
        """It is measured once, however many faults begin at the same moment."""

    async def disturb(self, fault: str, links: Collection[Link], hindrance: Hindrance) -> Evidence:
        try:
            async with self._usual:
                await self._measure_usual()
            # Noted before anything is done: what breaks half way has to be lifted too.
            self._in_force[fault] = dict.fromkeys(links, hindrance)
            return await self._disturb(fault, sorted(links))
        except Trouble as trouble:
            return evidence({"way": self._way.name}, [str(trouble)])

    async def holds(self, fault: str) -> Evidence:
        return await self._at_places(fault, lambda name: self._way.intact(name, fault), "holds")

    async def calm(self, fault: str) -> Evidence:
        links = self._in_force.get(fault, {})
        lifted = await self._at_places(fault, lambda name: self._take(name, fault), "calm")
        if not lifted.effective:
            return lifted
        self._in_force.pop(fault, None)
        self._kernels.pop(fault, None)
        try:
            seen, troubles = await self._show_free(link for link in links if self._on(link) is FREE)
        except Trouble as trouble:
            return evidence(lifted.details, [str(trouble)])
        if troubles:
            self._in_force[fault] = links  # tried again, it is looked at again
        return evidence(lifted.details | {"links": by_link(seen)}, troubles)

    async def verify_healed(self) -> Evidence:
        checks = {name: self._way.leftovers(name) for name in self._nodes}
        try:
            left = await gather(self._world, checks, name="leftovers")
            seen, troubles = await self._show_free(self._usual_ms)  # of links that were never hindered, none
        except Trouble as trouble:
            return evidence({}, [str(trouble)])
        return evidence({"links": by_link(seen)}, [*(trouble for each in left.values() for trouble in each), *troubles])

    # Putting in, taking away

    async def _disturb(self, fault: str, links: Sequence[Link]) -> Evidence:
        began = self._world.now()
        put = await self._at_places(fault, lambda name: self._put(name, fault), "disturb")
        if not put.effective:
            return put
        after = {IN_FORCE: round((self._world.now() - began) / 1e9, 3)}
        last_ns = self._world.now() + int(PROOFS_S * 1e9)
        proof = await self._proof(fault, links)
        while not proof.effective and self._world.now() < last_ns:
            proof = await self._proof(fault, links)
        return Evidence(effective=proof.effective, details=put.details | after | proof.details, trouble=proof.trouble)

    async def _proof(self, fault: str, links: Sequence[Link]) -> Evidence:
        wanted = {link: self._on(link) for link in links}
        seen = await self._measure(self._in_force[fault], wanted)
        cut = await self._cut(link for link in links if not seen[link]["answered"])
        clogged = [link for link in links if wanted[link].clogged and not self._in_force[fault][link].clogged]
        open_links = [link for link in links if link not in cut and link not in clogged]
        corrupting = [link for link in open_links if wanted[link].corrupt and not wanted[link].clogged]
        spoilt = await self._spoilt(fault, {link.target for link in corrupting})
        hidden = {"cut": [link.words for link in cut], "clogged": [link.words for link in clogged]}
        details = {"links": by_link(seen), "checksum_errors": spoilt, **hidden}
        troubles = [
            f"{link.words} {trouble}"
            for link in open_links
            if (trouble := unproven(seen[link], self._in_force[fault][link], wanted[link]))
        ]
        if not open_links:
            troubles.append("something else cuts or clogs all of these links")
        shown = {name: value for name, value in details.items() if value}
        return evidence(shown, troubles + not_spoilt(spoilt))

    async def _put(self, name: str, fault: str) -> Details:
        async with self._locks[name]:
            peers = self._way.places(self._in_force[fault])[name]
            told = await self._way.put(name, fault, peers, self._peers(name))
            self._kernels.setdefault(fault, {})[name] = told.pop("kernel", {})
            return told

    async def _take(self, name: str, fault: str) -> Details:
        async with self._locks[name]:
            told = await self._way.take(name, fault, self._peers(name, but=fault))
            before = self._kernels.get(fault, {}).get(name, {})
            after = told.pop("kernel", {})
            return told | {"kernel": {count: after[count] - before.get(count, after[count]) for count in after}}

    def _peers(self, name: str, *, but: str | None = None) -> dict[str, Hindrance]:
        """All that hinders links at this place, by the other end."""
        links = {link for fault, links in self._in_force.items() if fault != but for link in links}
        peers = self._way.places(links).get(name, [])
        at = {peer: self._link(name, peer) for peer in peers}
        return {peer: self._on(link, but=but) for peer, link in at.items()}

    def _link(self, name: str, peer: str) -> Link:
        """The one of the two links between them that is hindered at `name`."""
        there = Link(peer, name)
        return there if name in self._way.places([there]) else Link(name, peer)

    def _on(self, link: Link, *, but: str | None = None) -> Hindrance:
        return together(
            links[link] for fault, links in sorted(self._in_force.items()) if fault != but and link in links
        )

    async def _at_places(self, fault: str, act: Callable[[str], Awaitable[Details]], name: str) -> Evidence:
        places = self._way.places(self._in_force.get(fault, {}))
        told = await on_each(self._world, {place: act(place) for place in places}, name=name)
        return Evidence(
            effective=told.effective, details={"way": self._way.name, "nodes": told.details}, trouble=told.trouble
        )

    # Proof

    async def _measure_usual(self) -> None:
        """Once for all links, but those that are hindered or do not answer just now: they have another chance."""
        unknown = [link for link in self._all_links() if link not in self._usual_ms and self._on(link) is FREE]
        if not unknown or (self._usual_ms and self._in_force):
            return
        free = dict.fromkeys(unknown, FREE)
        for link, seen in (await self._measure(free, free)).items():
            if "round_trip_ms" in seen:
                self._usual_ms[link] = seen["round_trip_ms"][0]

    async def _measure(self, wanted: Mapping[Link, Hindrance], does: Mapping[Link, Hindrance]) -> dict[Link, Seen]:
        """What pings show of what is wanted, on all links at once. `does`: all that they do. Raises Trouble,
        ControlError."""
        targets: dict[str, dict[str, Both]] = {}
        for link in sorted(wanted):
            targets.setdefault(link.source, {})[link.target] = wanted[link], does[link]
        asked = {source: self._measure_from(source, targets[source]) for source in targets}
        told = await gather(self._world, asked, name="measure")
        return {Link(source, target): told[source][target] for source, target in sorted(wanted)}

    async def _measure_from(self, source: str, targets: Mapping[str, Both]) -> dict[str, Seen]:
        by_address = {address(self._nodes[target])[0]: target for target in targets}
        links = {each: [one.as_dict() for one in targets[target]] for each, target in by_address.items()}
        takes_s = max(does.delay_s + does.jitter_s + does.slow_s for _, does in targets.values())
        seconds = min(MOST_SHOW_S, SHOW_S + 3 * takes_s)
        told, _ = await call(self._nodes[source], PROGRAM, "measure", {"links": links, "seconds": seconds})
        return {by_address[each]: told[each] for each in told}

    async def _cut(self, silent: Iterable[Link]) -> list[Link]:
        """Those on which not even what no hindrance touches is answered."""
        asked: dict[str, dict[str, Node]] = {}
        for source, target in silent:
            asked.setdefault(source, {})[target] = self._nodes[target]
        probes = {name: probe(self._nodes[name], asked[name], timeout_s=REACH_S) for name in asked}
        outcomes = await gather(self._world, probes, name="reach")
        return [Link(source, to) for source in outcomes for to in outcomes[source] if outcomes[source][to] == SILENT]

    async def _spoilt(self, fault: str, targets: Collection[str]) -> dict[str, int]:
        """By target: checksums of pings that did not fit, since the fault began."""
        names = sorted(targets)
        reads = {name: run(self._nodes[name], "grep ^Icmp: /proc/net/snmp") for name in names}
        now = await gather(self._world, reads, name="checksums")
        before = self._kernels.get(fault, {})
        return {name: _snmp(now[name])["InCsumErrors"] - before[name][_CHECKSUM] for name in names}

    async def _show_free(self, links: Iterable[Link]) -> tuple[dict[Link, Seen], list[str]]:
        """What links show that nothing of ours hinders any more, and what is wrong with those that nothing cuts."""
        listed = sorted(links)
        free = dict.fromkeys(listed, FREE)
        seen = await self._measure(free, free)
        slow = [link for link in listed if not seen[link]["shown"] or self._slower(link, seen[link])]
        cut = await self._cut(slow)
        return seen, [f"{link.words} is not as before: {seen[link]}" for link in slow if link not in cut]

    def _slower(self, link: Link, seen: Seen) -> bool:
        usual_ms = self._usual_ms.get(link)
        return usual_ms is not None and seen["round_trip_ms"][0] > usual_ms + AS_BEFORE_S * 1000

    def _all_links(self) -> list[Link]:
        return [Link(source, target) for source in self._nodes for target in self._nodes if source != target]


def unproven(seen: Seen, wanted: Hindrance, does: Hindrance) -> str | None:
    """What of a hindrance a link did not show that `does` all of this."""
    if not seen["shown"]:
        return f"has not shown {', '.join(wanted.as_dict())}: {seen}"
    least_ms = 1000 * (does.delay_s - does.jitter_s)
    quickest_ms = seen["round_trip_ms"][0] if "round_trip_ms" in seen else None  # where all are lost there is none
    if not does.clogged and quickest_ms is not None and quickest_ms < least_ms:
        return f"takes {quickest_ms:g} ms, not {least_ms:g} ms or more"
    if wanted.bytes_per_s and not wanted.clogged and seen["bytes_per_s"] > WIDTH_SLACK * wanted.bytes_per_s:
        return f"carries {seen['bytes_per_s']:g} bytes a second, not {wanted.bytes_per_s:g}"
    return None


def not_spoilt(spoilt: Mapping[str, int]) -> list[str]:
    return [f"{name} has seen no checksum that does not fit" for name, count in spoilt.items() if count <= 0]


def _snmp(text: str) -> dict[str, int]:
    """The counters of one protocol in /proc/net/snmp: a line of names and one of numbers."""
    names, numbers = (line.split()[1:] for line in text.splitlines()[:2])
    return dict(zip(names, map(int, numbers), strict=True))
