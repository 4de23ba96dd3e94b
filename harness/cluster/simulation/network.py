"""A network that delays, loses, duplicates, reorders, cuts and clogs. Messages travel as `driver.wire`'s bytes.

A message is sent at most once, which is what nodes may rely on (driver.effects.Send) and what connections give. Raft's
own messages are doubled all the same, for Raft needs no such promise; a forwarded request is not, since its second copy
would be refused by a leader that has just been deposed, and the refusal be taken for the fate of the first.

On a link from one node to another, messages arrive in the order in which they were sent, as over one connection, but
where something hinders them. A message that is corrupted does not arrive: its checksum does not fit. What would arrive
while a link is cut is lost; what is sent into a clogged link waits, and comes when it is free again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from random import Random
from typing import Final

from harness.cluster import Hindrance, Link
from harness.cluster.simulation.messages import Witness
from harness.on_nodes.hindrance import FREE
from harness.world.virtual import NS, VirtualWorld
from node_image.driver.wire import PeerMessage, decode, encode
from node_image.replica.messages import ReplicaMessage

Deliver = Callable[[str, str, PeerMessage], None]


DELAY_S: Final = 0.001
"""What a message takes where nothing hinders it: half of it at least, one and a half times it at most."""


@dataclass
class _Way:
    """One direction between two nodes."""

    arrives: int = 0
    """When the message that was sent last arrives (ns)."""
    heard: int = 0
    """When something last did arrive (ns)."""
    free: int = 0
    """When a narrow link has carried all that was sent (ns)."""
    cuts: int = 0
    clogs: int = 0
    hindrance: Hindrance = FREE
    held: list[tuple[int, bytes]] = field(default_factory=list)
    """What waits while it is clogged."""


class Network:
    """`deliver(sender, to, message)` gets what arrives."""

    def __init__(self, world: VirtualWorld, rng: Random, deliver: Deliver, witness: Witness | None = None) -> None:
        self._world = world
        self._rng = rng
        self._deliver = deliver
        self._witness = witness
        self._ways: dict[tuple[str, str], _Way] = {}
        self._cached: tuple[object, bytes] = (None, b"")
        self.sent = 0
        self.dropped: dict[Link, int] = {}
        """Messages lost in cuts, by link."""

    def way(self, sender: str, to: str) -> _Way:
        way = self._ways.get((sender, to))
        if way is None:
            way = self._ways[sender, to] = _Way()
        return way

    def send(self, sender: str, to: str, message: PeerMessage) -> None:
        self.sent += 1
        number = self.sent
        if self._witness is not None:
            self._witness.sent(number, sender, to, message)
        if self._cached[0] is not message:  # one object goes to many peers
            self._cached = (message, encode(message))
        data = self._cached[1]
        way = self.way(sender, to)
        if way.clogs:
            way.held.append((number, data))
        elif way.hindrance is FREE:
            self._post(way, sender, to, number, data, self._fair_delay())
        else:
            copies = 1 if isinstance(message, ReplicaMessage) else 1 + (self._rng.random() < way.hindrance.duplicate)
            self._brave(way, sender, to, number, data, copies)

    def _fair_delay(self) -> int:
        return int(DELAY_S * NS * (0.5 + self._rng.random()))

    def _brave(self, way: _Way, sender: str, to: str, number: int, data: bytes, copies: int) -> None:
        hindrance, rng = way.hindrance, self._rng
        for _ in range(copies):
            if rng.random() < hindrance.loss or (hindrance.corrupt and rng.random() < hindrance.corrupt):
                self._lose(number, sender, to)
                continue
            delay = int((DELAY_S + hindrance.delay_s) * NS * (0.5 + rng.random()))
            if hindrance.jitter_s:
                delay = max(0, delay + int(hindrance.jitter_s * NS * (2 * rng.random() - 1)))
            if hindrance.bytes_per_s:
                now = self._world.now()
                way.free = max(way.free, now) + int(len(data) / hindrance.bytes_per_s * NS)
                delay += way.free - now
            if rng.random() < hindrance.slow:
                late = delay + int(hindrance.slow_s * NS * rng.random())
                self._world.call_at(self._world.now() + late, lambda: self._arrive(way, sender, to, number, data))
            else:
                self._post(way, sender, to, number, data, delay)

    def _post(self, way: _Way, sender: str, to: str, number: int, data: bytes, delay: int) -> None:
        """Behind all that was sent before."""
        way.arrives = at = max(way.arrives, self._world.now() + delay)
        self._world.call_at(at, lambda: self._arrive(way, sender, to, number, data))

    def _arrive(self, way: _Way, sender: str, to: str, number: int, data: bytes) -> None:
        if way.cuts:
            link = Link(sender, to)
            self.dropped[link] = self.dropped.get(link, 0) + 1
            self._lose(number, sender, to)
            return
        way.heard = self._world.now()
        if self._witness is not None:
            self._witness.delivered(number, sender, to)
        self._deliver(sender, to, decode(data))

    def _lose(self, number: int, sender: str, to: str) -> None:
        if self._witness is not None:
            self._witness.lost(number, sender, to)

    # What can be done to it

    def cut(self, links: Collection[Link]) -> None:
        for link in links:
            self.way(*link).cuts += 1

    def mend(self, links: Collection[Link]) -> None:
        for link in links:
            self.way(*link).cuts -= 1

    def clog(self, link: Link) -> None:
        self.way(*link).clogs += 1

    def unclog(self, link: Link) -> None:
        """What has waited comes, all at once, in its order."""
        way = self.way(*link)
        way.clogs -= 1
        if not way.clogs:
            held, way.held = way.held, []
            for number, data in held:
                self._post(way, *link, number, data, self._fair_delay())

    def hinder(self, link: Link, hindrance: Hindrance) -> None:
        """What happens to messages from now on. (Clogging is told by `clog`.)"""
        self.way(*link).hindrance = hindrance

    @property
    def disturbed(self) -> list[Link]:
        """Links that are clogged, or hindered."""
        return [Link(*link) for link, way in self._ways.items() if way.clogs or way.hindrance is not FREE]

    def is_fair(self, sender: str, to: str) -> bool:
        """Whether nothing is wrong with what is sent just now."""
        return self.hears(sender, to) and self.way(sender, to).hindrance is FREE

    def has_heard(self, sender: str, to: str, since: int) -> bool:
        """Whether something has come since a moment (ns), though it may have been long under way."""
        return self.way(sender, to).heard > since

    def hears(self, sender: str, to: str) -> bool:
        """Whether messages get through just now."""
        way = self.way(sender, to)
        return not way.cuts and not way.clogs
