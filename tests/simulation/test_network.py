"""A network of two nodes, and what becomes of messages in it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster import Hindrance, Link
from harness.cluster.simulation.network import DELAY_S, FREE, Network
from harness.world.virtual import NS, VirtualWorld
from node_image.raft.messages import PreVoteResponse

THERE, BACK = Link("a", "b"), Link("b", "a")


class Pair:
    """Nodes a and b; what arrives where, by number."""

    def __init__(self, seed: int = 1) -> None:
        self.world = VirtualWorld(seed)
        self.arrived: list[int] = []
        self.times: list[int] = []
        self.events: Counter[str] = Counter()
        self.network = Network(self.world, Random(seed), self._deliver, self)

    def _deliver(self, sender: str, to: str, message: object) -> None:
        assert isinstance(message, PreVoteResponse)
        self.arrived.append(message.term)
        self.times.append(self.world.now())

    def send(self, *numbers: int, link: Link = THERE) -> None:
        for number in numbers:
            self.network.send(*link, PreVoteResponse(number, True))

    def wait(self, seconds: float) -> None:
        self.world.run_until(self.world.now() + int(seconds * NS))

    def sent(self, number: int, sender: str, to: str, message: object) -> None:
        self.events["sent"] += 1

    def delivered(self, number: int, sender: str, to: str) -> None:
        self.events["delivered"] += 1

    def lost(self, number: int, sender: str, to: str) -> None:
        self.events["lost"] += 1

    def happened(self, node: str, event: str, **facts: object) -> None:
        raise AssertionError("a network is no node")


@given(st.integers(), st.lists(st.floats(0, 0.003), max_size=20))
def test_messages_of_a_link_arrive_in_their_order_soon(seed: int, pauses: list[float]) -> None:
    pair = Pair(seed)
    sent = []
    for number, pause in enumerate(pauses):
        pair.send(number)
        sent.append(pair.world.now())
        pair.wait(pause)
    pair.wait(1)
    assert pair.arrived == list(range(len(pauses)))
    assert all(DELAY_S / 2 <= (at - began) / NS <= 1.5 * DELAY_S for began, at in zip(sent, pair.times, strict=True))


def test_a_cut_is_one_way_and_loses_what_is_under_way() -> None:
    pair = Pair()
    pair.send(1)
    pair.network.cut([THERE])
    pair.send(2)
    pair.send(3, link=BACK)
    pair.wait(1)
    assert pair.arrived == [3]
    assert pair.network.dropped == {THERE: 2}
    assert not pair.network.hears("a", "b")
    assert pair.network.hears("b", "a")


def test_cuts_add_up() -> None:
    pair = Pair()
    pair.network.cut([THERE])
    pair.network.cut([THERE, BACK])
    pair.network.mend([THERE, BACK])
    pair.send(1)
    pair.send(2, link=BACK)
    pair.wait(1)
    assert pair.arrived == [2]
    pair.network.mend([THERE])
    pair.send(3)
    pair.wait(1)
    assert pair.arrived == [2, 3]


def test_what_is_sent_into_a_clogged_link_comes_later_in_its_order() -> None:
    pair = Pair()
    pair.send(1)
    pair.network.clog(THERE)
    pair.send(2, 3, 4)
    pair.wait(5)
    assert pair.arrived == [1]
    assert pair.network.disturbed == [THERE]
    pair.network.unclog(THERE)
    pair.send(5)
    pair.wait(1)
    assert pair.arrived == [1, 2, 3, 4, 5]
    assert pair.network.disturbed == []


def test_links_are_freed_in_another_order_than_they_were_clogged() -> None:
    pair = Pair()
    pair.network.clog(THERE)
    pair.send(1)
    pair.network.clog(BACK)
    pair.send(2, link=BACK)
    pair.network.unclog(BACK)
    pair.wait(1)
    pair.network.unclog(THERE)
    pair.wait(1)
    assert pair.arrived == [2, 1]


def test_two_clogs_of_one_link_hold_until_both_are_lifted() -> None:
    pair = Pair()
    pair.network.clog(THERE)
    pair.network.clog(THERE)
    pair.send(1)
    pair.network.unclog(THERE)
    pair.wait(1)
    assert pair.arrived == []
    pair.network.unclog(THERE)
    pair.wait(1)
    assert pair.arrived == [1]


@pytest.mark.parametrize(("loss", "least", "most"), [(1.0, 0, 0), (0.5, 400, 600), (0.0, 1000, 1000)])
def test_loss(loss: float, least: int, most: int) -> None:
    pair = Pair()
    pair.network.hinder(THERE, Hindrance(loss=loss))
    pair.send(*range(1000))
    pair.wait(10)
    assert least <= len(pair.arrived) <= most
    assert pair.arrived == sorted(pair.arrived)
    assert pair.events == Counter(sent=1000, delivered=len(pair.arrived), lost=1000 - len(pair.arrived))


def test_duplicates_come_twice_and_what_is_sent_back_does_not() -> None:
    pair = Pair()
    pair.network.hinder(THERE, Hindrance(duplicate=1.0))
    pair.send(1, 2)
    pair.send(3, link=BACK)
    pair.wait(1)
    assert Counter(pair.arrived) == {1: 2, 2: 2, 3: 1}


def test_slow_messages_are_overtaken() -> None:
    pair = Pair()
    pair.network.hinder(THERE, Hindrance(slow=0.3, slow_s=1.0))
    for number in range(200):
        pair.send(number)
        pair.wait(0.01)
    pair.wait(2)
    assert sorted(pair.arrived) == list(range(200))
    assert pair.arrived != sorted(pair.arrived)


def test_a_slow_link_delays_and_keeps_the_order() -> None:
    pair = Pair()
    pair.network.hinder(THERE, Hindrance(delay_s=0.199))
    pair.send(1, 2, 3)
    pair.wait(0.09)
    assert pair.arrived == []
    pair.network.hinder(THERE, FREE)
    pair.send(4)  # behind them, as over one connection
    pair.wait(0.3)
    assert pair.arrived == [1, 2, 3, 4]


def test_what_goes_to_many_is_sent_as_one_and_arrives_as_many() -> None:
    world = VirtualWorld()
    arrived: list[tuple[str, object]] = []
    network = Network(world, Random(1), lambda sender, to, message: arrived.append((to, message)))
    message = PreVoteResponse(7, True)
    for to in ("b", "c"):
        network.send("a", to, message)
    world.run_until(NS)
    assert sorted(to for to, _ in arrived) == ["b", "c"]
    assert all(copy == message and copy is not message for _, copy in arrived)
