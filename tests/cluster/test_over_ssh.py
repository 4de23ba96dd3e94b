"""What the capabilities believe, on machines that do as the test says."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from harness.cluster import Capabilities, Clocks, Evidence, Network, Processes
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.firewall import drop_counts, our_chains
from harness.errors import ControlError
from harness.nemesis import grudges
from tests.cluster.machines import Site

T = TypeVar("T")
SPLIT = grudges.components(["n1", "n2"], ["n3", "n4", "n5"])
ISOLATED = grudges.components(["n1"], ["n2", "n3", "n4", "n5"])


def do(site: Site, work: Callable[[Capabilities], Coroutine[Any, Any, T]]) -> T:
    return site.world.run(work(capabilities(site.world, site.nodes, site)))


def network(offered: Capabilities) -> Network:
    assert offered.network is not None
    return offered.network


def processes(offered: Capabilities) -> Processes:
    assert offered.processes is not None
    return offered.processes


def clocks(offered: Capabilities) -> Clocks:
    assert offered.clocks is not None
    return offered.clocks


def troubled(evidence: Evidence, words: str) -> bool:
    return not evidence.effective and words in str(evidence.trouble)


# Network


@pytest.mark.parametrize(
    "links", [SPLIT, ISOLATED, grudges.one_way(["n1"], ["n2", "n3"]), grudges.majorities_ring("abcde")]
)
def test_a_cut_takes_these_links_and_no_others(links: grudges.Links) -> None:
    site = Site(sorted({name for link in links for name in link} | {"n4", "n5"}))

    async def work(offered: Capabilities) -> None:
        cut = await network(offered).cut("f1", links)
        assert cut.effective, cut.trouble
        assert set(cut.details["probes"].values()) == {"silent"}
        assert site.cut_links() == links
        healed = await network(offered).heal("f1")
        assert healed.effective, healed.trouble
        assert set(healed.details["probes"].values()) == {"open"}
        assert site.cut_links() == set()

    do(site, work)


def test_cuts_add_up_and_are_healed_one_by_one() -> None:
    site = Site()

    async def work(offered: Capabilities) -> None:
        await network(offered).cut("f1", SPLIT)
        await network(offered).cut("f1.2", ISOLATED)
        assert site.cut_links() == SPLIT | ISOLATED
        healed = await network(offered).heal("f1")
        assert healed.effective
        assert not any("n1" in link for link in healed.details["probes"]), "n1 is still cut off by the other fault"
        assert site.cut_links() == ISOLATED
        assert troubled(await network(offered).verify_healed(), "n1 still has the rules raftstorm-f1.2")
        assert (await network(offered).heal("f1.2")).effective
        assert (await network(offered).heal("f1.2")).effective, "healing twice is no error"
        assert (await network(offered).verify_healed()).effective

    do(site, work)


def test_a_killed_node_can_be_cut_off_and_healed() -> None:
    site = Site()
    site["n1"].pid = None

    async def work(offered: Capabilities) -> None:
        assert (await network(offered).cut("f1", ISOLATED)).effective
        healed = await network(offered).heal("f1")
        assert healed.effective
        assert healed.details["probes"]["n2->n1"] == "refused"

    do(site, work)


def test_a_filter_that_drops_nothing_is_no_cut() -> None:
    site = Site()
    for machine in site.machines.values():
        machine.deaf_filter = True
    cut = do(site, lambda offered: network(offered).cut("f1", ISOLATED))
    assert troubled(cut, "n1 still reaches n2")
    assert troubled(cut, "n3 is kept from nothing of n1")


def test_rules_that_stay_are_named() -> None:
    site = Site()
    site["n3"].clinging_filter = True

    async def work(offered: Capabilities) -> None:
        await network(offered).cut("f1", ISOLATED)
        assert troubled(await network(offered).heal("f1"), "n3 still has the rules of f1")
        assert troubled(await network(offered).verify_healed(), "n3 still has the rules raftstorm-f1")
        site["n3"].clinging_filter = False
        assert (await network(offered).heal("f1")).effective, "it is still known what is to be healed"

    do(site, work)


def test_a_cut_that_broke_half_way_can_be_healed() -> None:
    site = Site()
    site["n5"].reachable = False

    async def work(offered: Capabilities) -> None:
        with pytest.raises(ControlError):
            await network(offered).cut("f1", ISOLATED)
        assert site.cut_links()
        site["n5"].reachable = True
        assert (await network(offered).heal("f1")).effective
        assert not site.cut_links()

    do(site, work)


@pytest.mark.parametrize(
    ("rules", "chains"),
    [
        ("-P INPUT ACCEPT\n-A INPUT -s 10.0.0.1/32 -j DROP\n", []),
        ("-N raftstorm-f1\n-N raftstorm-f1.2\n-A INPUT -j raftstorm-f1\n", ["raftstorm-f1", "raftstorm-f1.2"]),
        ("-N foreign\n-A INPUT -j foreign\n", []),
    ],
)
def test_only_chains_of_ours_are_ours(rules: str, chains: list[str]) -> None:
    assert our_chains(rules) == chains


def test_counters_of_drops() -> None:
    listing = """\
Chain raftstorm-f1 (1 references)
    pkts      bytes target     prot opt in     out     source               destination
       6      360 DROP       0    --  *      *       172.17.0.2           0.0.0.0/0
       0        0 DROP       0    --  *      *       172.17.0.3           0.0.0.0/0
"""
    assert drop_counts(listing) == [6, 0]


# Processes


def test_kill_and_restart() -> None:
    site = Site()

    async def work(offered: Capabilities) -> None:
        killed = await processes(offered).kill(["n1", "n4"])
        assert killed.effective
        assert killed.details == {"n1": {"pid": 100, "state": "gone"}, "n4": {"pid": 100, "state": "gone"}}
        assert troubled(await processes(offered).verify_healed(), "n4: no server process runs there")
        restarted = await processes(offered).restart(["n1", "n4"])
        assert restarted.effective
        assert restarted.details["n1"]["pid"] == 200
        assert (await processes(offered).restart(["n1"])).effective, "what runs is not started again"
        assert (await processes(offered).verify_healed()).effective

    do(site, work)


def test_pause_and_resume() -> None:
    site = Site()

    async def work(offered: Capabilities) -> None:
        paused = await processes(offered).pause(["n2"])
        assert paused.details == {"n2": {"pid": 100, "state": "T"}}
        assert troubled(await processes(offered).verify_healed(), "n2: process 100 is in state T")
        assert (await processes(offered).resume(["n2"])).details == {"n2": {"pid": 100, "state": "S"}}
        assert (await processes(offered).verify_healed()).effective

    do(site, work)


def test_one_that_survives_spoils_the_kill_and_hides_nothing() -> None:
    site = Site()
    site["n2"].unkillable = True
    killed = do(site, lambda offered: processes(offered).kill(["n1", "n2"]))
    assert troubled(killed, "n2: process 100 survived SIGKILL in state S")
    assert killed.details["n1"] == {"pid": 100, "state": "gone"}


def test_a_server_that_ends_at_once_is_not_restarted() -> None:
    site = Site()
    site["n1"].pid = None
    site.refuses_to_start = True
    restarted = do(site, lambda offered: processes(offered).restart(["n1"]))
    assert troubled(restarted, "n1: the server process 200 ended by itself; its log says why")


# Clocks


def test_offsets_add_up_and_are_lifted_one_by_one() -> None:
    site = Site()

    async def work(offered: Capabilities) -> list[float]:
        shifts = [("f1", 5.0), ("f2", -60.5), ("f1", 0.0), ("f2", -0.001), ("f2", 0.0)]
        seen = []
        for fault, seconds in shifts:
            evidence = await clocks(offered).shift(fault, {"n1": seconds})
            assert evidence.effective, evidence.trouble
            seen.append(evidence.details["n1"]["read_s"])
        return seen

    assert do(site, work) == [5.0, -55.5, -60.5, -0.001, 0.0]


def test_a_clock_that_does_not_follow() -> None:
    site = Site()
    site["n2"].stuck_clock = True

    async def work(offered: Capabilities) -> None:
        shifted = await clocks(offered).shift("f1", {"n1": 2.0, "n2": 2.0})
        assert troubled(shifted, "n2: the clock is off by +0.0000 s, not by +2.0000 s")
        assert shifted.details["n1"]["read_s"] == 2.0
        assert troubled(await clocks(offered).verify_healed(), "n1: the clock is off by +2.0000 s")
        assert (await clocks(offered).shift("f1", {"n1": 0.0, "n2": 0.0})).effective
        assert (await clocks(offered).verify_healed()).effective

    do(site, work)


@pytest.mark.parametrize(("pid", "state", "shown"), [(None, "S", "gone"), (100, "T", "T")])
def test_a_server_that_cannot_tell_its_time_proves_no_fault_but_a_lifting(
    pid: int | None, state: str, shown: str
) -> None:
    site = Site()

    async def work(offered: Capabilities) -> None:
        assert (await clocks(offered).shift("f1", {"n1": 3.0})).effective
        site["n1"].pid, site["n1"].state = pid, state
        assert troubled(await clocks(offered).shift("f2", {"n1": 1.0}), f"process state {shown}")
        lifted = await clocks(offered).shift("f2", {"n1": 0.0})
        assert lifted.effective
        assert lifted.details["n1"] == {"set_s": 3.0, "process": shown}
        assert float(site["n1"].offset_file) == 3.0
        assert troubled(await clocks(offered).verify_healed(), "n1: the server does not tell its time")

    do(site, work)


def test_steps_that_are_not_proven_are_not_read() -> None:
    site = Site()
    site["n1"].stuck_clock = True
    stepped = do(site, lambda offered: clocks(offered).shift("f1", {"n1": 0.002}, prove=False))
    assert stepped.details == {"n1": {"set_s": 0.002}}
    assert site["n1"].offset_file == "+0.002000"
