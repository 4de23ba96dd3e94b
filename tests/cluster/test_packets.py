"""What is believed of hindered packets, on machines whose agents decide as the real one does."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from itertools import permutations
from typing import Any, TypeVar

import pytest

from harness.cluster import Evidence, Hindrance, Link, Packets
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.firewall import Chains, queueing
from harness.cluster.over_ssh.packets import ShellPackets
from harness.cluster.over_ssh.queueing import Queueing
from harness.nemesis import grudges
from tests.cluster.machines import Site

T = TypeVar("T")
THERE, BACK = Link("n1", "n2"), Link("n2", "n1")
HINDRANCES = {
    "loss": Hindrance(loss=0.2),
    "duplicate": Hindrance(duplicate=0.2),
    "corrupt": Hindrance(corrupt=0.2),
    "reordering": Hindrance(slow=0.2, slow_s=0.3),
    "delay": Hindrance(delay_s=0.2),
    "jitter": Hindrance(delay_s=0.2, jitter_s=0.1),
    "narrow": Hindrance(bytes_per_s=20_000.0),
    "clogged": Hindrance(clogged=True),
    "all": Hindrance(loss=0.1, duplicate=0.1, corrupt=0.1, slow=0.2, slow_s=0.3, delay_s=0.1, jitter_s=0.05),
}


def do(site: Site, work: Callable[[Packets], Coroutine[Any, Any, T]]) -> T:
    packets = capabilities(site.world, site.nodes, site).packets
    assert packets is not None
    return site.world.run(work(packets))


def proven(evidence: Evidence) -> dict[str, Any]:
    assert evidence.effective, evidence.trouble
    return evidence.details


def trouble(evidence: Evidence) -> str:
    assert not evidence.effective
    return str(evidence.trouble)


@pytest.mark.parametrize("hindrance", HINDRANCES.values(), ids=HINDRANCES)
def test_links_show_what_was_asked_for_and_later_that_it_is_over(hindrance: Hindrance) -> None:
    site = Site()
    links = grudges.one_way(site.machines, site.machines)

    async def work(packets: Packets) -> None:
        begun = proven(await packets.disturb("f1", links, hindrance))
        assert begun["way"] == "nfqueue"
        assert begun["links"].keys() == {f"{link.source}->{link.target}" for link in links}
        assert ("checksum_errors" in begun) == bool(hindrance.corrupt)
        proven(await packets.holds("f1"))
        assert "n2 still has the rules raftstorm-f1" in trouble(await packets.verify_healed())
        ended = proven(await packets.calm("f1"))
        assert all(node["packets"] and node["agent"] == "gone" for node in ended["nodes"].values())
        assert all(link["shown"] for link in ended["links"].values())
        proven(await packets.calm("f1"))
        proven(await packets.verify_healed())

    do(site, work)


def test_other_links_are_left_alone() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], Hindrance(loss=1.0)))
        assert {name for name, machine in site.machines.items() if machine.agent is not None} == {"n2"}
        assert site["n2"].queues == {"raftstorm-f1": [site["n1"].address]}
        assert "cut" not in proven(await packets.calm("f1"))

    do(site, work)


@pytest.mark.parametrize("order", list(permutations(["f1", "f2", "f3"])))
def test_faults_on_one_link_are_lifted_in_any_order(order: tuple[str, ...]) -> None:
    site = Site()
    faults = {"f1": HINDRANCES["delay"], "f2": HINDRANCES["loss"], "f3": HINDRANCES["duplicate"]}

    async def work(packets: Packets) -> None:
        for fault, hindrance in faults.items():
            proven(await packets.disturb(fault, [THERE, BACK], hindrance))
        left = dict(faults)
        for fault in order:
            del left[fault]
            ended = proven(await packets.calm(fault))
            assert bool(ended["links"]) == (not left), "a link that others hinder cannot show that it is free"
            agent = site["n2"].agent
            now = agent[site["n1"].address].hindrance.as_dict() if agent else {}
            expected = {name: value for each in left.values() for name, value in each.as_dict().items()}
            assert now == pytest.approx(expected)
        proven(await packets.verify_healed())

    do(site, work)


def test_rules_that_queue_nothing_are_no_fault() -> None:
    site = Site()
    site["n2"].deaf_filter = True
    begun = do(site, lambda packets: packets.disturb("f1", [THERE, BACK], HINDRANCES["loss"]))
    assert "n1->n2 has not shown loss" in trouble(begun)
    assert "n2->n1" not in trouble(begun)


def test_a_delay_that_is_too_short_is_none() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        site["n2"].deaf_filter = True
        assert "n1->n2 takes 0.1 ms, not 200 ms or more" in trouble(
            await packets.disturb("f1", [THERE], HINDRANCES["delay"])
        )

    do(site, work)


def test_corruption_that_no_checksum_shows_is_none() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], Hindrance(loss=0.3)))
        site["n2"].deaf_filter = True
        assert trouble(await packets.disturb("f2", [THERE], Hindrance(corrupt=0.3)))

    do(site, work)


def test_an_agent_that_ends_by_itself_is_noticed() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], HINDRANCES["delay"]))
        site["n2"].agent = None
        assert "n2: the agent that hindered packets has ended by itself" in trouble(await packets.holds("f1"))
        proven(await packets.calm("f1"))
        proven(await packets.verify_healed())

    do(site, work)


def test_rules_that_stay_are_named() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], HINDRANCES["delay"]))
        site["n2"].clinging_filter = True
        assert trouble(await packets.calm("f1")) == "n2 still has the rules of f1"
        site["n2"].clinging_filter = False
        proven(await packets.calm("f1"))

    do(site, work)


def test_links_that_are_clogged_show_nothing_of_other_faults() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], HINDRANCES["corrupt"]))
        proven(await packets.disturb("f2", [THERE], HINDRANCES["clogged"]))
        begun = await packets.disturb("f3", [THERE, Link("n1", "n3")], HINDRANCES["corrupt"])
        assert proven(begun)["clogged"] == ["n1->n2"]
        assert "something else cuts or clogs all" in trouble(await packets.disturb("f4", [THERE], HINDRANCES["loss"]))
        for fault in ("f2", "f4", "f1", "f3"):
            proven(await packets.calm(fault))
        proven(await packets.verify_healed())

    do(site, work)


def test_links_that_are_cut_show_nothing_and_are_not_taken_for_lossy_ones() -> None:
    site = Site()
    offered = capabilities(site.world, site.nodes, site)

    async def work() -> None:
        assert offered.packets is not None
        assert offered.network is not None
        await offered.network.cut("f1", [THERE])
        begun = await offered.packets.disturb("f2", [THERE, Link("n1", "n3")], HINDRANCES["loss"])
        assert proven(begun)["cut"] == ["n1->n2"]
        assert "something else cuts or clogs all" in trouble(
            await offered.packets.disturb("f3", [THERE], HINDRANCES["duplicate"])
        )
        for fault in ("f2", "f3"):
            proven(await offered.packets.calm(fault))
        proven(await offered.network.heal("f1"))
        proven(await offered.packets.verify_healed())

    site.world.run(work())


def test_a_link_that_loses_everything_shows_that_whatever_else_it_does() -> None:
    site = Site()

    async def work(packets: Packets) -> None:
        proven(await packets.disturb("f1", [THERE], Hindrance(delay_s=0.2)))
        proven(await packets.disturb("f2", [THERE], Hindrance(loss=1.0)))
        for fault in ("f1", "f2"):
            proven(await packets.calm(fault))
        proven(await packets.verify_healed())

    do(site, work)


class Letters(Chains):
    def of(self, fault: str) -> str:
        return f"raftstorm-abc-{fault}"

    def among(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name.startswith("raftstorm-abc-")]


def test_chains_of_other_runs_are_none_of_ours() -> None:
    """And ports that are spared are left alone before anything is queued."""
    site = Site()
    site.machines["n2"].queues["raftstorm-f1"] = ["10.0.0.9"]
    way = Queueing({node.name: node for node in site.nodes}, chains=Letters(spared=[22, 8000]))
    packets = ShellPackets(site.world, site.nodes, way)

    async def main() -> None:
        proven(await packets.disturb("f1", [THERE], Hindrance(loss=0.5)))
        assert sorted(site.machines["n2"].queues) == ["raftstorm-abc-f1", "raftstorm-f1"]
        said = trouble(await packets.verify_healed())
        assert "raftstorm-abc-f1" in said
        assert "raftstorm-f1" not in said
        proven(await packets.calm("f1"))
        proven(await packets.verify_healed())
        assert sorted(site.machines["n2"].queues) == ["raftstorm-f1"]

    site.world.run(main())


def test_spared_ports_pass_before_anything_is_queued() -> None:
    rules = queueing("raftstorm-f1", ["10.0.0.2"], 7, spared=[22, 8000]).splitlines()
    queued = next(number for number, rule in enumerate(rules) if "NFQUEUE" in rule)
    for port in (22, 8000):
        for end in ("sport", "dport"):
            assert any(f"-p tcp --{end} {port} -j RETURN" in rule for rule in rules[:queued])
    assert not any("22" in rule for rule in queueing("raftstorm-f1", ["10.0.0.1"], 7).splitlines())
