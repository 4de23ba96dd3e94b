"""What becomes of packets, and of those that are held."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.agent import Holder
from harness.on_nodes.packets.fate import MOST_BACKLOG_NS, NS, Copy, Way, flipped
from harness.on_nodes.packets.nfqueue import Packet

MS = NS // 1000
PEER, OTHER = "10.0.0.1", "10.0.0.2"


def way(**hindrance: Any) -> Way:
    made = Way(Random(1))
    made.hindrance = Hindrance(**hindrance)
    return made


def fates(made: Way, count: int = 1000, *, size: int = 100, apart_ns: int = MS) -> list[list[Copy]]:
    return [made.fate(size, number * apart_ns) for number in range(count)]


def test_a_free_way_lets_everything_go_at_once() -> None:
    assert fates(way(), 3) == [[Copy(0, False)], [Copy(MS, False)], [Copy(2 * MS, False)]]


@pytest.mark.parametrize(("name", "counted"), [("loss", "lost"), ("duplicate", "duplicated"), ("corrupt", "corrupted")])
def test_chances_are_kept_and_counted(name: str, counted: str) -> None:
    made = way(**{name: 0.3})
    arrivals = fates(made)
    seen = {
        "loss": sum(not copies for copies in arrivals),
        "duplicate": sum(len(copies) == 2 for copies in arrivals),
        "corrupt": sum(copy.corrupt for copies in arrivals for copy in copies),
    }
    assert 250 < seen.pop(name) == made.counts.as_dict()[counted] < 350
    assert set(seen.values()) == {0}
    assert made.counts.seen == 1000


def test_delay_and_jitter_keep_the_order() -> None:
    due = [copy.due_ns or 0 for (copy,) in fates(way(delay_s=0.05, jitter_s=0.02))]
    took = [each - number * MS for number, each in enumerate(due)]
    assert due == sorted(due)
    assert min(took) >= 30 * MS
    assert 60 * MS < max(took) <= 70 * MS
    assert max(took) - min(took) > 15 * MS


def test_slow_packets_are_overtaken() -> None:
    made = way(slow=0.2, slow_s=0.1)
    due = [copy.due_ns or 0 for (copy,) in fates(made)]
    late = sum(each > number * MS for number, each in enumerate(due))
    assert due != sorted(due)
    assert 150 < late <= made.counts.slow < 250
    assert max(each - number * MS for number, each in enumerate(due)) <= 100 * MS


def test_a_narrow_link_carries_so_much_and_drops_what_would_wait_too_long() -> None:
    made = way(bytes_per_s=10_000.0)
    due = [copies[0].due_ns or 0 for copies in fates(made, size=100) if copies]
    assert due[:3] == [10 * MS, 20 * MS, 30 * MS]
    assert max(due) - 999 * MS <= MOST_BACKLOG_NS + 10 * MS
    assert made.counts.overflowed == 1000 - len(due) > 700
    assert made.fate(100, 5 * NS) == [Copy(5 * NS + 10 * MS, False)], "it is free again"


def test_a_clogged_link_lets_nothing_go() -> None:
    assert fates(way(clogged=True, delay_s=1.0), 2) == [[Copy(None, False)], [Copy(None, False)]]


def test_one_bit_of_what_a_packet_carries_is_flipped() -> None:
    packet = bytes([0x45, *range(1, 60)])
    for seed in range(100):
        bad = flipped(packet, Random(seed))
        assert bad[:20] == packet[:20]
        assert len(bad) == len(packet)
        assert sum((a ^ b).bit_count() for a, b in zip(packet, bad, strict=True)) == 1
    assert flipped(packet[:20], Random(0)) == packet[:20]


class Kernel:
    """What was let go, by packet; copies as "copy"."""

    def __init__(self) -> None:
        self.let_go: list[object] = []
        self.dropped: list[int] = []
        self.data: dict[int, bytes | None] = {}

    def accept(self, number: int, data: bytes | None = None) -> None:
        self.let_go.append(number)
        self.data[number] = data

    def drop(self, number: int) -> None:
        self.dropped.append(number)

    def inject(self, data: bytes) -> None:
        self.let_go.append("copy")


class Bench:
    def __init__(self, **ways: dict[str, Any]) -> None:
        self.kernel = Kernel()
        self.holder = Holder(self.kernel, self.kernel.inject)
        self.number = 0

    def hinder(self, now_ns: int = 0, **ways: dict[str, Any]) -> dict[str, dict[str, int]]:
        addresses = {"peer": PEER, "other": OTHER}
        return self.holder.hinder({addresses[name]: fields for name, fields in ways.items()}, now_ns)

    def come(self, source: str = PEER, now_ns: int = 0) -> int:
        self.number += 1
        header = bytes([0x45]) + bytes(11) + bytes(map(int, source.split("."))) + bytes(4)
        self.holder.take(Packet(self.number, header + b"payload"), now_ns)
        return self.number


def test_packets_are_let_go_when_they_are_due() -> None:
    bench = Bench()
    bench.hinder(peer={"delay_s": 0.01})
    first, second = bench.come(now_ns=0), bench.come(now_ns=5 * MS)
    free = bench.come(OTHER, 5 * MS)
    assert bench.kernel.let_go == [free]
    assert bench.holder.next_ns == 10 * MS
    bench.holder.release(10 * MS)
    assert bench.kernel.let_go == [free, first]
    bench.holder.release(20 * MS)
    assert bench.kernel.let_go == [free, first, second]
    assert bench.holder.next_ns is None


def test_lost_packets_are_dropped_copies_put_in_and_corrupt_ones_altered() -> None:
    bench = Bench()
    bench.hinder(peer={"loss": 1.0}, other={"duplicate": 1.0})
    assert (bench.come(), bench.kernel.dropped, bench.kernel.let_go) == (1, [1], [])
    bench.come(OTHER)
    assert sorted(map(str, bench.kernel.let_go)) == ["2", "copy"]
    bench.hinder(peer={"corrupt": 1.0})
    bench.come()
    assert b"payload" not in (bench.kernel.data[3] or b"payload")
    assert bench.kernel.data[2] is None, "as the kernel holds it"


def test_what_waited_comes_in_order_when_a_link_is_unclogged() -> None:
    bench = Bench()
    bench.hinder(peer={"clogged": True}, other={"clogged": True})
    numbers = [bench.come(), bench.come(), bench.come(OTHER)]
    assert bench.kernel.let_go == []
    bench.hinder(NS, other={"clogged": True}, peer={"loss": 0.1})
    assert bench.kernel.let_go == numbers[:2]
    bench.hinder(NS, peer={"loss": 0.1})
    assert bench.kernel.let_go == numbers


def test_what_is_held_of_a_peer_that_is_free_again_comes_at_once_and_all_else_when_it_is_due() -> None:
    bench = Bench()
    bench.hinder(peer={"delay_s": 5.0}, other={"delay_s": 1.0})
    first, second = bench.come(), bench.come(OTHER)
    counts = bench.hinder(MS, other={"delay_s": 1.0})
    assert bench.kernel.let_go == [first]
    assert (counts[PEER]["delayed"], counts[OTHER]["delayed"]) == (1, 1)
    assert bench.holder.hinders
    bench.hinder(2 * MS)
    assert bench.kernel.let_go == [first, second]
    assert not bench.holder.hinders
