"""What every place must do that claims it can: begin a fault, prove it, know that it is in force, lift it, prove that,
and leave nothing."""

from __future__ import annotations

import re
from random import Random
from typing import Final

import pytest

from harness.nemesis import grudges
from harness.nemesis.fault import FaultKind
from harness.nemesis.membership import HandingOver
from tests.conformance.sites import ANSWER_S, FAULT, NAMES, Check, Site, denied, proven

OTHER: Final = "f2"
TOLERANCE_S: Final = 0.01
WRITES: Final = 10
AGAIN_S: Final = 0.05
AGAIN_FOR_S: Final = 10.0
"""What a fault needs may be there a little later."""


async def starts(site: Site) -> None:
    """Every server runs under a pid, answers in its node's name, and there is nothing to heal."""
    for node in site.nodes:
        assert await site.system.pid(node)
        assert await answers(site, node.name)
    await site.verify()


async def answers(site: Site, name: str) -> bool:
    status = await site.system.status(site.world, site.node(name), timeout_s=ANSWER_S)
    assert status is None or status.id == name
    return status is not None


def every_variant(kind: FaultKind) -> Check:
    """Each way in which a kind of fault strikes: both its ends are proven, and between them the place knows that
    something is wrong."""

    async def check(site: Site) -> None:
        means = getattr(site.able, kind.needs)
        async with site.work():
            for number, variant in enumerate(kind.variants):
                await site.wait_leader()
                injection = kind.plan(variant, site.view, Random(number))
                begun = await injection.begin(FAULT, site.able)
                last_ns = site.world.now() + int(AGAIN_FOR_S * 1e9)
                while not begun.effective and site.world.now() < last_ns:
                    # As the nemesis does: who was to hand over leads no more, or a log is too short to be damaged yet.
                    proven(await injection.end(FAULT, site.able))
                    await site.world.sleep(AGAIN_S)
                    await site.wait_leader()
                    injection = kind.plan(variant, site.view, Random(number))
                    begun = await injection.begin(FAULT, site.able)
                proven(begun)
                if not isinstance(injection, HandingOver):
                    denied(await means.verify_healed())
                await site.sustain(injection)
                proven(await injection.end(FAULT, site.able))
                proven(await injection.end(FAULT, site.able))  # it may be asked for again
            await site.verify()

    return check


async def cuts_add_up(site: Site) -> None:
    """Two faults cut some of the same links: what one has cut stays so when the other is healed."""
    network = site.able.network
    assert network is not None
    proven(await network.cut(FAULT, grudges.components(NAMES[:2], NAMES[2:])))
    proven(await network.cut(OTHER, grudges.components(NAMES[:1], NAMES[1:])))
    proven(await network.heal(FAULT))
    denied(await network.verify_healed())
    proven(await network.heal(OTHER))
    proven(await network.verify_healed())


async def cuts_may_begin_at_once(site: Site) -> None:
    """Of two rules for one link only one has anything to hold back."""
    network = site.able.network
    assert network is not None
    cuts = {FAULT: grudges.components(NAMES[:2], NAMES[2:]), OTHER: grudges.components(NAMES[:2], NAMES[2:])}
    begun = {fault: site.world.spawn(network.cut(fault, links), name=fault) for fault, links in cuts.items()}
    for cutting in begun.values():
        proven(await cutting)
    proven(await network.heal(FAULT))
    denied(await network.verify_healed())
    proven(await network.heal(OTHER))
    proven(await network.verify_healed())


async def one_way_is_one_way(site: Site) -> None:
    """A node that nobody hears still hears what the others agree on; one that hears nobody does not."""
    network = site.able.network
    assert network is not None
    node, *others = sorted(NAMES, key=lambda name: name == site.view.leader)
    unheard, deaf = grudges.one_way([node], others), grudges.one_way(others, [node])
    proven(await network.cut(FAULT, unheard))
    assert await learns(site, node)
    proven(await network.heal(FAULT))
    proven(await network.cut(OTHER, deaf))
    assert not await learns(site, node)
    proven(await network.heal(OTHER))


async def learns(site: Site, name: str) -> bool:
    """Whether the node comes to know of something that is written now, through the leader, which is another one."""
    await site.wait_leader()
    assert site.view.leader not in (None, name)
    leader = site.node(site.view.leader or "")
    session = site.system.connect(site.world, leader, timeout_s=ANSWER_S, session=f"s{site.world.now()}")
    try:
        index = (await session.write("k", 1)).log_index or 0
        for _ in range(WRITES):
            await session.write("k", 1)  # a node learns with the next entry that one is committed
            status = await site.system.status(site.world, site.node(name), timeout_s=ANSWER_S)
            if status is not None and status.applied >= index:
                return True
            await site.world.sleep(AGAIN_S)
    finally:
        session.close()
    return False


async def killed_servers_are_gone(site: Site) -> None:
    processes = site.able.processes
    assert processes is not None
    before = await site.system.pid(site.node("n2"))
    proven(await processes.kill(["n2"]))
    assert await site.system.pid(site.node("n2")) is None
    assert not await answers(site, "n2")
    denied(await processes.kill(["n2"]))
    proven(await processes.restart(["n2"]))
    assert await site.system.pid(site.node("n2")) not in (None, before)
    assert await answers(site, "n2")


async def paused_servers_are_silent(site: Site) -> None:
    processes = site.able.processes
    assert processes is not None
    before = await site.system.pid(site.node("n2"))
    proven(await processes.pause(["n2"]))
    assert await site.system.pid(site.node("n2")) == before
    assert not await answers(site, "n2")
    proven(await processes.resume(["n2"]))
    assert await answers(site, "n2")


def off_by_s(trouble: str) -> float:
    """As verify_healed tells it. A process may be preempted between two clocks, so the last digits vary."""
    found = re.search(r"the clock is off by ([-+][0-9.]+) s", trouble)
    assert found is not None, trouble
    return float(found[1])


async def clocks_add_up_and_outlive_servers(site: Site) -> None:
    """Two faults turn one clock; the server comes back with it; and while it is down the clock can be set right."""
    clocks, processes = site.able.clocks, site.able.processes
    assert clocks is not None
    assert processes is not None
    proven(await clocks.shift(FAULT, {"n3": 7.0}))
    proven(await clocks.shift(OTHER, {"n3": -120.5}))
    assert off_by_s(denied(await clocks.verify_healed())) == pytest.approx(-113.5, abs=TOLERANCE_S)
    proven(await processes.kill(["n3"]))
    proven(await processes.restart(["n3"]))
    assert off_by_s(denied(await clocks.verify_healed())) == pytest.approx(-113.5, abs=TOLERANCE_S)
    proven(await clocks.shift(FAULT, {"n3": 0.0}))
    proven(await processes.kill(["n3"]))
    proven(await clocks.shift(OTHER, {"n3": 0.0}))
    proven(await processes.restart(["n3"]))
    await site.verify()
