"""Power and disk faults on real containers: what each did is shown by the node and its disk, the server does what
docs/faults.md says, and nothing is left of any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest

from harness.cluster import DiskFailure, Harm
from harness.cluster.over_ssh.disks import ask
from harness.errors import ControlError
from harness.nemesis.disk import Damage
from harness.nemesis.power import FAULT as POWER
from harness.nemesis.power import Outage
from harness.system import Definite, Indefinite
from tests.nemesis.test_on_docker import NAMES, Site, on_docker, proven

pytestmark = pytest.mark.docker

CORRUPT, DISK_FAILED = "cannot start from what is stored", "the disk failed, the node stops"
SMALL_FILES: dict[str, Any] = {"segment_bytes": 4 << 10, "snapshot_every_entries": 150, "trailing_entries": 20}


@asynccontextmanager
async def writing(site: Site) -> AsyncIterator[None]:
    """While clients write to every node: followers pass on what they are asked."""
    writers = [asyncio.create_task(write(site, name)) for name in NAMES]
    try:
        yield
    finally:
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)


async def write(site: Site, name: str) -> None:
    node = next(node for node in site.nodes if node.name == name)
    number = 0
    while True:
        session = site.system.connect(site.world, node, timeout_s=2.0, session=f"{name}-{number}")
        with suppress(Definite, Indefinite):
            while True:
                number += 1
                await session.write(f"k{number % 10}", number)
        session.close()
        await asyncio.sleep(0.05)


async def leader(site: Site) -> str:
    async with asyncio.timeout(30):
        while (found := site.monitor.leader()) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found.id


async def gone(site: Site, name: str) -> None:
    node = next(node for node in site.nodes if node.name == name)
    async with asyncio.timeout(20):
        while await site.system.pid(node) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def log_of(site: Site, name: str) -> str:
    return await site.shell(name, "cat /var/log/raftstorm/node.log")


def test_power() -> None:
    on_docker(power, frail_disks=True, **SMALL_FILES)


async def power(site: Site) -> None:
    async with writing(site):
        for number, variant in enumerate(POWER.variants):
            await leader(site)
            outage = POWER.plan(variant, site.view, Random(number))
            begun, ended = await site.begin_and_end(outage)
            for name in outage.targets:
                assert begun.details[name]["state"] == "gone"
                assert ended.details[name]["pid"] != begun.details[name]["pid"]
            if outage.torn:
                [name] = outage.targets
                assert begun.details[name]["lost_bytes"] > 0
                assert begun.details[name]["kept_bytes"] > 0
        await site.verify()
        # What a sync was to make durable is lost while that sync takes its time: not at every moment of its work.
        assert any([await lost_at_work(site, effects) > 0 for effects in (1, 2, 3, 4)])
    await site.verify()
    for name in NAMES:
        assert "CRITICAL" not in await log_of(site, name)


async def lost_at_work(site: Site, effects: int) -> int:
    """How many bytes were not durable when the leader's machine lost power so far into its work, with a slow disk."""
    first = await leader(site)
    proven(await Damage((first,), "slow", 0.5).begin("f1", site.capabilities))
    outage = Outage((first,), after_effects=effects)
    lost = proven(await outage.begin("f2", site.capabilities)).details[first]
    assert lost["at_work"]
    proven(await outage.end("f2", site.capabilities))
    proven(await Damage((first,), "slow", 0.5).end("f1", site.capabilities))
    return int(lost["lost_bytes"] + lost["kept_bytes"])


def test_disks() -> None:
    on_docker(disks, frail_disks=True, **SMALL_FILES)


async def disks(site: Site) -> None:
    async with writing(site):
        await slow(site)
        for failure in (DiskFailure.FULL, DiskFailure.WRITES, DiskFailure.SYNCS):
            await failing(site, failure)
        await unreadable(site)
        for harm in Harm:
            await harmed(site, harm)
        await site.verify()
    await the_disk_itself_is_gone(site)


async def slow(site: Site) -> None:
    damage = Damage((await leader(site),), "slow", 0.4)
    [name] = damage.targets
    begun = proven(await damage.begin("f1", site.capabilities)).details[name]
    assert begun["probe"]["sync_s"] >= 0.3
    node = next(node for node in site.nodes if node.name == name)
    async with asyncio.timeout(30):
        while (await ask(node, {"do": "status"}))[0]["syncs"] < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    ended = proven(await damage.end("f1", site.capabilities)).details[name]
    assert ended["slowest_sync_s"] >= 0.3, "the server's own"
    assert ended["probe"]["sync_s"] < begun["probe"]["sync_s"]


async def failing(site: Site, failure: DiskFailure) -> None:
    damage = Damage((await leader(site),), failure)
    [name] = damage.targets
    begun = proven(await damage.begin("f1", site.capabilities)).details[name]
    assert {"ENOSPC", "EIO"} & set(begun["probe"].values())
    await gone(site, name)
    assert DISK_FAILED in (await log_of(site, name)).splitlines()[-1]
    ended = proven(await damage.end("f1", site.capabilities)).details[name]
    assert ended["pid"] != begun.get("pid")
    if failure is DiskFailure.SYNCS:
        assert ended["syncs_failed"] > 0


async def unreadable(site: Site) -> None:
    damage = Damage(("n2",), DiskFailure.READS)
    begun = proven(await damage.begin("f1", site.capabilities)).details["n2"]
    assert begun["starts"] is False
    assert "cannot use the data folder" in begun["refuses"]
    assert not (await site.capabilities.disks.verify_healed()).effective  # type: ignore[union-attr]
    proven(await damage.end("f1", site.capabilities))


async def harmed(site: Site, harm: Harm) -> None:
    await until_there_are_old_segments(site, "n3")
    damage = Damage(("n3",), harm)
    begun = proven(await damage.begin("f1", site.capabilities)).details["n3"]
    assert begun["starts"] is False
    assert CORRUPT in begun["refuses"]
    assert begun["refuses"] in (await log_of(site, "n3")).splitlines()
    ended = proven(await damage.end("f1", site.capabilities)).details["n3"]
    assert ended["repaired"] == [begun["file"]]


async def until_there_are_old_segments(site: Site, name: str) -> None:
    async with asyncio.timeout(60):
        while len((await site.shell(name, "ls /var/lib/raftstorm")).split()) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def the_disk_itself_is_gone(site: Site) -> None:
    """That is trouble, and nothing that a server did."""
    await site.shell("n1", "kill -9 $(pgrep -f '[n]ode_image.disk')")
    assert site.capabilities.disks is not None
    assert site.capabilities.power is not None
    for doing in (site.capabilities.disks.verify_healed(), site.capabilities.power.cut(["n1"])):
        with pytest.raises(
            ControlError, match=r"The disk of node n1 could not be controlled: the disk does not answer"
        ):
            await doing
