"""What power and disk faults believe, on machines whose disks do as the test says."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import pytest

from harness.cluster import Capabilities, DiskFailure, Disks, Evidence, Finished, Harm, Node, Power
from harness.cluster.over_ssh import capabilities
from harness.cluster.over_ssh.disks import wait_for_disk
from harness.errors import ControlError, ServerEnded
from tests.cluster.machines import Machine, Site

T = TypeVar("T")
FAILS = {"write_fails": ("write", "EIO"), "sync_fails": ("sync", "EIO"), "read_fails": ("read", "EIO")}


@dataclass
class FrailMachine(Machine):
    """A machine whose disk understands `node-disk`. Faults of the disk's own are switched on by the test."""

    settings: dict[str, Any] = field(default_factory=dict)
    off: bool = False
    damaged: list[str] = field(default_factory=list)
    lost_bytes: int = 30
    in_time: bool = True
    deaf_disk: bool = False
    """What is to be in force is taken, and is not."""
    rigid_disk: bool = False
    """Nothing can be harmed."""
    no_disk: bool = False
    believes_anything: bool = False
    """The server starts from damaged files."""

    async def run(self, command: str, *, input: bytes = b"", timeout_s: float = 10.0) -> Finished:
        program, *words = shlex.split(command)
        if program != "node-disk":
            return await super().run(command, input=input, timeout_s=timeout_s)
        if self.no_disk:
            return Finished(2, "", "the disk does not answer (gone); it has said nothing")
        try:
            answers = [self.probed() if word == "probe" else self.told(msgspec.json.decode(word)) for word in words]
        except ValueError as error:
            return Finished(1, "", str(error))
        return Finished(0, "".join(f"{msgspec.json.encode(answer).decode()}\n" for answer in answers), "")

    def told(self, command: dict[str, Any]) -> dict[str, Any]:
        match command.pop("do"):
            case "set":
                before, self.settings = self.status(), {} if self.deaf_disk else command
                return before
            case "cut":
                self.pid, self.off = None, True
                return {"lost_bytes": self.lost_bytes, "kept_bytes": 4, "at_work": self.in_time}
            case "power":
                self.off = False
            case "damage" if self.rigid_disk:
                raise ValueError("no file there has anything durable that could be damaged")
            case "damage":
                self.damaged.append("wal-1")
                return {"file": "wal-1", "byte": 17}
            case "repair":
                repaired, self.damaged = self.damaged, []
                return {"repaired": repaired}
        return self.status()

    def status(self) -> dict[str, Any]:
        sound = {"sync_s": 0.0, "no_space": False, **dict.fromkeys(FAILS, False)}
        syncs = {"syncs": 9, "syncs_failed": 1, "slowest_sync_s": 0.4}
        return {**sound, **self.settings, "off": self.off, "damaged": list(self.damaged), **syncs}

    def probed(self) -> dict[str, Any]:
        found: dict[str, Any] = {"write": "ok", "sync": "ok", "read": "ok"}
        found |= dict(met for name, met in FAILS.items() if self.settings.get(name))
        if self.settings.get("no_space"):
            found["write"] = "ENOSPC"
        return {**found, "sync_s": self.settings.get("sync_s", 0.0)}


class FrailSite(Site):
    def __init__(self) -> None:
        super().__init__()
        self.machines: dict[str, Machine] = {
            name: FrailMachine(name, machine.address, self) for name, machine in self.machines.items()
        }
        self.nodes = [
            Node(name, "127.0.0.1", 8000, f"{machine.address}:7000", machine) for name, machine in self.machines.items()
        ]

    def __getitem__(self, name: str) -> FrailMachine:
        machine = self.machines[name]
        assert isinstance(machine, FrailMachine)
        return machine

    async def start(self, node: Node) -> int:
        machine = self[node.name]
        assert not machine.off, "started without power"
        refuses = machine.settings.get("read_fails") or machine.damaged
        if refuses and not machine.believes_anything:
            raise ServerEnded(node.name, "10:00 INFO starting\n10:01 CRITICAL cannot start\n")
        return await super().start(node)


def do(site: Site, work: Callable[[Capabilities], Coroutine[Any, Any, T]]) -> T:
    return site.world.run(work(capabilities(site.world, site.nodes, site, frail_disks=True)))


def power(offered: Capabilities) -> Power:
    assert offered.power is not None
    return offered.power


def disks(offered: Capabilities) -> Disks:
    assert offered.disks is not None
    return offered.disks


def worked(evidence: Evidence) -> dict[str, Any]:
    assert evidence.effective, evidence.trouble
    return evidence.details


def test_nodes_with_plain_disks_offer_neither() -> None:
    site = FrailSite()
    offered = capabilities(site.world, site.nodes, site)
    assert (offered.power, offered.disks) == (None, None)


def test_power_is_cut_and_comes_back() -> None:
    site = FrailSite()

    async def work(offered: Capabilities) -> None:
        cut = worked(await power(offered).cut(["n2", "n3"], after_effects=4))
        assert cut["n2"] == {"pid": 100, "state": "gone", "lost_bytes": 30, "kept_bytes": 4, "at_work": True}
        assert (await power(offered).verify_healed()).trouble == "n2 has no power; n3 has no power"
        assert worked(await power(offered).restore(["n2", "n3"]))["n3"]["pid"] == 200
        worked(await power(offered).verify_healed())

    do(site, work)
    assert not site["n2"].off


def test_power_of_a_server_that_does_not_run() -> None:
    site = FrailSite()
    site["n2"].pid = None
    assert do(site, lambda offered: power(offered).cut(["n2"])).trouble == "n2: no server process runs there"


def test_a_sync_that_was_to_be_torn_and_did_not_come() -> None:
    site = FrailSite()
    site["n2"].in_time = False
    cut = do(site, lambda offered: power(offered).cut(["n2"], torn=True))
    assert cut.trouble == "n2: the server has synced nothing that could be torn for 3 s"
    worked(do(site, lambda offered: power(offered).restore(["n2"])))


@pytest.mark.parametrize(
    ("failure", "met"),
    [
        (DiskFailure.FULL, {"write": "ENOSPC"}),
        (DiskFailure.WRITES, {"write": "EIO"}),
        (DiskFailure.SYNCS, {"sync": "EIO"}),
        (DiskFailure.READS, {"read": "EIO"}),
    ],
)
def test_a_failing_disk_is_shown_by_a_probe_and_mended(failure: DiskFailure, met: dict[str, str]) -> None:
    site = FrailSite()

    async def work(offered: Capabilities) -> None:
        details = worked(await disks(offered).fail(["n2"], failure))["n2"]
        assert details["probe"].items() >= met.items()
        if failure is DiskFailure.READS:
            assert details["killed"] == 100
            assert (details["starts"], details["refuses"]) == (False, "10:01 CRITICAL cannot start")
        assert "n2: the disk is not mended: " in str((await disks(offered).verify_healed()).trouble)
        mended = worked(await disks(offered).mend(["n2"]))["n2"]
        assert (mended["syncs"], mended["syncs_failed"], mended["slowest_sync_s"]) == (9, 1, 0.4)
        worked(await disks(offered).verify_healed())

    do(site, work)
    assert site["n2"].pid is not None


@pytest.mark.parametrize("failure", DiskFailure)
def test_a_disk_that_goes_on_is_told(failure: DiskFailure) -> None:
    site = FrailSite()
    site["n2"].deaf_disk = True
    told = do(site, lambda offered: disks(offered).fail(["n2"], failure))
    assert not told.effective
    assert "n2: a process met ok at a" in str(told.trouble)


def test_a_slow_disk() -> None:
    site = FrailSite()
    assert worked(do(site, lambda offered: disks(offered).slow(["n1", "n4"], 0.3)))["n4"]["probe"]["sync_s"] == 0.3
    left = do(site, lambda offered: disks(offered).verify_healed())
    assert left.trouble == "n1: the disk is not mended: sync_s; n4: the disk is not mended: sync_s"
    site["n1"].deaf_disk = True
    assert do(site, lambda offered: disks(offered).slow(["n1"], 0.3)).trouble == "n1: a sync took 0 s, and not 0.3 s"


@pytest.mark.parametrize("harm", Harm)
def test_harm_and_its_repair(harm: Harm) -> None:
    site = FrailSite()

    async def work(offered: Capabilities) -> None:
        details = worked(await disks(offered).harm(["n5"], harm))["n5"]
        assert (details["file"], details["byte"], details["killed"]) == ("wal-1", 17, 100)
        assert (details["starts"], details["refuses"]) == (False, "10:01 CRITICAL cannot start")
        assert (await disks(offered).verify_healed()).trouble == "n5: wal-1 is damaged"
        assert worked(await disks(offered).mend(["n5"]))["n5"]["repaired"] == ["wal-1"]
        worked(await disks(offered).verify_healed())

    do(site, work)
    assert site["n5"].pid is not None


def test_a_server_that_believes_what_was_harmed_is_told() -> None:
    site = FrailSite()
    site["n5"].believes_anything = True
    details = worked(do(site, lambda offered: disks(offered).harm(["n5"], Harm.BIT_FLIP)))["n5"]
    assert (details["starts"], details["pid"]) == (True, 200)


def test_where_nothing_can_be_harmed_the_server_is_started_again() -> None:
    site = FrailSite()
    site["n5"].rigid_disk = True
    trouble = do(site, lambda offered: disks(offered).harm(["n5"], Harm.TRUNCATION)).trouble
    assert trouble == "n5: no file there has anything durable that could be damaged"
    worked(do(site, lambda offered: disks(offered).mend(["n5"])))
    assert site["n5"].pid is not None


def test_a_disk_that_does_not_answer_is_no_finding() -> None:
    site = FrailSite()
    site["n3"].no_disk = True
    for act in (
        lambda offered: power(offered).cut(["n3"]),
        lambda offered: disks(offered).mend(["n3"]),
        lambda offered: disks(offered).verify_healed(),
        lambda offered: power(offered).verify_healed(),
    ):
        with pytest.raises(ControlError, match="The disk of node n3 could not be controlled: the disk does not answer"):
            do(site, act)
    with pytest.raises(ControlError, match="Node n3 has no disk that can fail"):
        site.world.run(wait_for_disk(site.nodes[2]))
