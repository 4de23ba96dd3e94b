"""What becomes of packets: decisions without sockets or clocks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from random import Random
from typing import Final, NamedTuple

from harness.on_nodes.hindrance import FREE

NS: Final = 1_000_000_000
MOST_BACKLOG_NS: Final = NS
"""What would wait longer than this for a narrow link is dropped, as by a router whose buffer is full."""


class Copy(NamedTuple):
    """One arrival of a packet. `due_ns` None: when the link is not clogged any more."""

    due_ns: int | None
    corrupt: bool


@dataclass
class Counts:
    """Packets since the peer was first hindered."""

    seen: int = 0
    lost: int = 0
    overflowed: int = 0
    """Dropped for want of bandwidth."""
    duplicated: int = 0
    corrupted: int = 0
    delayed: int = 0
    """Let go later than they came, the overtaken among them."""
    slow: int = 0
    clogged: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class Way:
    """The packets of one peer."""

    def __init__(self, rng: Random) -> None:
        self.hindrance = FREE
        self.counts = Counts()
        self._rng = rng
        self._last_ns = 0
        """When the last of those that keep their order is due."""
        self._free_ns = 0
        """When a narrow link has carried all that it took."""

    def fate(self, size: int, now_ns: int) -> list[Copy]:
        """The arrivals of a packet of so many bytes that has come just now: none, one or two."""
        self.counts.seen += 1
        if self._happens(self.hindrance.loss):
            self.counts.lost += 1
            return []
        copies = [self._copy(size, now_ns)]
        if self._happens(self.hindrance.duplicate):
            self.counts.duplicated += 1
            copies.append(self._copy(size, now_ns))
        return [copy for copy in copies if copy is not None]

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._rng.random() < chance

    def _copy(self, size: int, now_ns: int) -> Copy | None:
        carried_ns = self._carried(size, now_ns)
        if carried_ns is None:
            self.counts.overflowed += 1
            return None
        corrupt = self._happens(self.hindrance.corrupt)
        self.counts.corrupted += corrupt
        if self.hindrance.clogged:
            self.counts.clogged += 1
            return Copy(None, corrupt)
        due_ns = self._due(carried_ns)
        self.counts.delayed += due_ns > now_ns
        return Copy(due_ns, corrupt)

    def _carried(self, size: int, now_ns: int) -> int | None:
        """When the link's width has let it through. None: too much waits already."""
        width = self.hindrance.bytes_per_s
        if not width:
            return now_ns
        if self._free_ns - now_ns > MOST_BACKLOG_NS:
            return None
        self._free_ns = max(self._free_ns, now_ns) + round(size / width * NS)
        return self._free_ns

    def _due(self, carried_ns: int) -> int:
        hindrance = self.hindrance
        delay_s = hindrance.delay_s
        if hindrance.jitter_s:
            delay_s += self._rng.uniform(-hindrance.jitter_s, hindrance.jitter_s)
        due_ns = carried_ns + max(0, round(delay_s * NS))
        if self._happens(hindrance.slow):
            self.counts.slow += 1
            return due_ns + round(self._rng.random() * hindrance.slow_s * NS)
        self._last_ns = max(self._last_ns, due_ns)
        return self._last_ns


def flipped(packet: bytes, rng: Random) -> bytes:
    """An IPv4 packet with one bit of what it carries flipped: the header, by which it finds its way, stays."""
    header = (packet[0] & 0x0F) * 4
    if len(packet) <= header:
        return packet
    place = rng.randrange(header, len(packet))
    return packet[:place] + bytes([packet[place] ^ (1 << rng.randrange(8))]) + packet[place + 1 :]
