"""What can be done to simulated machines, and that the evidence says so only when it is so."""

from __future__ import annotations

from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from harness.cluster import Capabilities, DiskFailure, Evidence, Harm, Hindrance, Link
from harness.cluster.simulation.capabilities import capabilities
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.disk import Disk
from harness.experiment import CLUSTERS
from tests.simulation.small import follower, lead, pass_time, run, started

REQUEST = {"id": 1, "op": "write", "key": "k", "value": 1, "session": "s", "seq": 1, "opened": 0}

THERE, BACK = Link("n1", "n2"), Link("n2", "n1")


class Stage:
    def __init__(self) -> None:
        self.cluster: SimulatedCluster = started()
        self.able: Capabilities = capabilities(self.cluster)
        self.network, self.processes, self.clocks = self.able.network, self.able.processes, self.able.clocks
        self.packets, self.power, self.disks = self.able.packets, self.able.power, self.able.disks

    def do(self, coroutine: Coroutine[Any, Any, Evidence]) -> Evidence:
        evidence = run(self.cluster, coroutine)
        assert isinstance(evidence, Evidence)
        assert (evidence.trouble is None) == evidence.effective
        return evidence

    def works(self, coroutine: Coroutine[Any, Any, Evidence]) -> dict[str, Any]:
        evidence = self.do(coroutine)
        assert evidence.effective, evidence.trouble
        return dict(evidence.details)

    def fails(self, coroutine: Coroutine[Any, Any, Evidence]) -> str:
        evidence = self.do(coroutine)
        assert not evidence.effective
        assert evidence.trouble is not None
        return evidence.trouble


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_what_is_offered_is_what_an_experiment_may_ask_for(stage: Stage) -> None:
    assert {name for name, place in vars(stage.able).items() if place is not None} == set(CLUSTERS["sim"])


def test_a_cut_is_proven_by_silence_and_healed_when_all_hear_all(stage: Stage) -> None:
    assert stage.network is not None
    details = stage.works(stage.network.cut("f1", [THERE]))
    assert details == {"n1->n2": "silent, 0 dropped so far"}
    assert stage.fails(stage.network.verify_healed()) == "n2 does not hear n1"
    assert stage.works(stage.network.heal("f1")) == {"n1->n2": "open"}
    stage.works(stage.network.verify_healed())


def test_a_link_that_two_faults_cut_is_open_when_both_are_lifted(stage: Stage) -> None:
    assert stage.network is not None
    stage.works(stage.network.cut("f1", [THERE]))
    stage.works(stage.network.cut("f2", [THERE, BACK]))
    assert "silent" in stage.works(stage.network.heal("f2"))["n1->n2"]
    assert stage.fails(stage.network.verify_healed()) == "n2 does not hear n1"
    stage.works(stage.network.heal("f1"))
    stage.works(stage.network.verify_healed())


def test_a_cut_that_has_no_effect_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stage.network is not None
    monkeypatch.setattr(stage.cluster.network, "cut", lambda links: None)
    assert stage.fails(stage.network.cut("f1", [THERE])) == "n2 hears n1"


def test_a_killed_process_is_gone_and_restarts_under_another_pid(stage: Stage) -> None:
    assert stage.processes is not None
    assert stage.works(stage.processes.kill(["n2"])) == {"n2": {"pid": 1, "runs": False, "paused": False}}
    assert stage.fails(stage.processes.kill(["n2"])) == "n2: no server process runs there"
    assert stage.fails(stage.processes.verify_healed()) == "n2 is down"
    assert stage.works(stage.processes.restart(["n2"])) == {"n2": {"pid": 2}}
    stage.works(stage.processes.verify_healed())


def test_a_restart_waits_until_the_node_takes_part(stage: Stage) -> None:
    assert stage.processes is not None
    stage.works(stage.processes.kill(["n2"]))
    stage.works(stage.processes.restart(["n2"]))
    node = stage.cluster.machines["n2"].node
    assert node is not None
    assert node.started


def test_a_node_that_does_not_start_is_told(stage: Stage) -> None:
    assert stage.processes is not None
    stage.works(stage.processes.kill(["n2"]))
    assert stage.cluster.machines["n2"].disk.harm(Harm.BIT_FLIP, Random(1)) is not None
    assert stage.fails(stage.processes.restart(["n2"])) == "n2 refuses to start from its disk"


def test_pause_and_resume(stage: Stage) -> None:
    assert stage.processes is not None
    assert stage.works(stage.processes.pause(["n1", "n3"]))["n3"]["paused"]
    assert stage.fails(stage.processes.verify_healed()) == "n1 is paused; n3 is paused"
    stage.works(stage.processes.resume(["n1", "n3"]))
    stage.works(stage.processes.verify_healed())
    stage.works(stage.processes.kill(["n1"]))
    assert stage.fails(stage.processes.pause(["n1"])) == "n1: no server process runs there"


def test_offsets_of_clocks_add_up(stage: Stage) -> None:
    assert stage.clocks is not None
    stage.works(stage.clocks.shift("f1", {"n1": 5.0}))
    assert stage.works(stage.clocks.shift("f2", {"n1": -2.0})) == {"n1": {"offset_s": 3.0}}
    assert stage.cluster.machines["n1"].wall_shift_s == 3.0
    assert stage.fails(stage.clocks.verify_healed()) == "n1: the clock is off by +3.0000 s"
    stage.works(stage.clocks.shift("f1", {"n1": 0.0}))
    stage.works(stage.clocks.shift("f2", {"n1": 0.0}))
    stage.works(stage.clocks.verify_healed())


def test_a_disturbance_is_read_from_the_link(stage: Stage) -> None:
    assert stage.packets is not None
    details = stage.works(stage.packets.disturb("f1", [THERE], Hindrance(loss=0.2, delay_s=0.1)))
    assert details == {"n1->n2": {"loss": 0.2, "delay_s": 0.1, "clogged": False}}
    assert stage.cluster.network.way(*THERE).hindrance.delay_s == pytest.approx(0.1)
    assert stage.fails(stage.packets.verify_healed()) == "what n1 sends to n2 is disturbed"
    stage.works(stage.packets.holds("f1"))
    assert stage.works(stage.packets.calm("f1"))["n1->n2"] == {"clogged": False}
    stage.works(stage.packets.verify_healed())


def test_a_link_does_what_all_disturbances_ask_for_that_are_in_force(stage: Stage) -> None:
    assert stage.packets is not None
    stage.works(stage.packets.disturb("f1", [THERE], Hindrance(loss=0.2)))
    stage.works(stage.packets.disturb("f2", [THERE, BACK], Hindrance(duplicate=0.3)))
    stage.works(stage.packets.disturb("f3", [THERE], Hindrance(clogged=True)))
    now = stage.cluster.network.way(*THERE).hindrance
    assert (now.loss, now.duplicate) == pytest.approx((0.2, 0.3))
    assert stage.works(stage.packets.calm("f2"))["n1->n2"] == {"loss": 0.2, "clogged": True}
    assert stage.works(stage.packets.calm("f1"))["n1->n2"] == {"clogged": True}
    assert stage.fails(stage.packets.verify_healed()) == "what n1 sends to n2 is disturbed"
    stage.works(stage.packets.calm("f3"))
    stage.works(stage.packets.verify_healed())


def test_power_at_once_and_back(stage: Stage) -> None:
    assert stage.power is not None
    details = stage.works(stage.power.cut(["n1", "n2"]))
    assert set(details["n1"]) == {"pid", "lost_bytes"}
    assert not stage.cluster.machines["n1"].runs
    assert stage.fails(stage.power.verify_healed()) == "n1 is down; n2 is down"
    stage.works(stage.power.restore(["n1", "n2"]))
    stage.works(stage.power.verify_healed())


def test_power_in_the_middle_of_work(stage: Stage) -> None:
    assert stage.power is not None
    machine = lead(stage.cluster)
    stage.works(stage.power.cut([machine.name], after_effects=3))
    assert machine.log[-1].endswith("the power fails")
    stage.works(stage.power.restore([machine.name]))


def test_power_that_does_not_come_to_fail(stage: Stage) -> None:
    """A process that stands still does nothing more. When the power is restored it will not fail later."""
    assert stage.power is not None
    machine = follower(stage.cluster)
    machine.pause()
    assert stage.fails(stage.power.cut([machine.name], after_effects=3)) == f"{machine.name} still runs"
    stage.works(stage.power.restore([machine.name]))
    machine.resume()
    pass_time(stage.cluster, 5)
    assert machine.runs


def test_a_slow_disk(stage: Stage) -> None:
    assert stage.disks is not None
    machine = stage.cluster.machines["n1"]
    stage.works(stage.disks.slow(["n1"], 0.5))
    assert machine.speed.sync_s == 0.5
    assert stage.fails(stage.disks.verify_healed()) == "n1's disk is not mended"
    stage.works(stage.disks.mend(["n1"]))
    assert machine.speed == machine.usual_speed
    stage.works(stage.disks.verify_healed())


@pytest.mark.parametrize("failure", [DiskFailure.FULL, DiskFailure.WRITES, DiskFailure.SYNCS])
def test_a_disk_that_fails_ends_its_node_and_mending_starts_it(stage: Stage, failure: DiskFailure) -> None:
    assert stage.disks is not None
    assert stage.processes is not None
    machine = lead(stage.cluster)
    stage.works(stage.disks.fail([machine.name], failure))
    assert stage.fails(stage.disks.verify_healed()) == f"{machine.name}'s disk is not mended"
    machine.give(lambda node, clocks: node.client_line(1, REQUEST, clocks))
    pass_time(stage.cluster, 1)
    assert not machine.runs
    stage.works(stage.disks.mend([machine.name]))
    assert machine.runs
    stage.works(stage.disks.verify_healed())
    stage.works(stage.processes.verify_healed())


def test_a_disk_that_cannot_be_read_keeps_its_node_from_starting(stage: Stage) -> None:
    assert stage.disks is not None
    machine = stage.cluster.machines["n2"]
    assert stage.works(stage.disks.fail(["n2"], DiskFailure.READS))["n2"]["starts"] is False
    assert not machine.runs
    assert "ERROR   files: the process ends" in machine.log[-1]
    stage.works(stage.disks.mend(["n2"]))
    assert machine.runs
    stage.works(stage.disks.verify_healed())


def test_power_that_fails_in_the_middle_of_a_sync_leaves_a_part_of_it(stage: Stage) -> None:
    assert stage.power is not None
    machine = lead(stage.cluster)
    machine.give(lambda node, clocks: node.client_line(1, REQUEST, clocks))
    stage.works(stage.power.cut([machine.name], torn=True))
    assert not machine.runs
    assert machine.disk.tears == 1
    stage.works(stage.power.restore([machine.name]))
    assert machine.cut_tails == 1
    stage.works(stage.power.verify_healed())


def test_a_flipped_bit_is_found_when_the_node_recovers(stage: Stage) -> None:
    assert stage.disks is not None
    details = stage.works(stage.disks.harm(["n1"], Harm.BIT_FLIP))
    assert details["n1"]["starts"] is False
    machine = stage.cluster.machines["n1"]
    assert not machine.runs
    assert "ERROR    storage: the node must not start" in machine.log[-1]
    assert stage.fails(stage.disks.verify_healed()) == "n1's disk is not mended"
    assert stage.fails(stage.disks.harm(["n2"], Harm.BIT_FLIP)) == "n1's disk is damaged already"
    stage.works(stage.disks.mend(["n1"]))
    assert machine.runs
    stage.works(stage.disks.verify_healed())


def test_a_node_that_believes_a_flipped_bit_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one would whose recovery checks nothing: here the disk gives back what was written after all."""
    assert stage.disks is not None
    sound = Disk.read(stage.cluster.machines["n1"].disk)
    monkeypatch.setattr(stage.cluster.machines["n1"].disk, "read", lambda: sound)
    assert stage.works(stage.disks.harm(["n1"], Harm.BIT_FLIP))["n1"]["starts"] is True
    assert "CRITICAL storage: started from a disk that was harmed (bit-flip)" in stage.cluster.machines["n1"].log[-1]


def test_nothing_durable_nothing_flipped(stage: Stage) -> None:
    assert stage.disks is not None
    machine = stage.cluster.machines["n1"]
    machine.kill()
    machine.disk = Disk(Random(1))
    assert stage.fails(stage.disks.harm(["n1"], Harm.BIT_FLIP)) == "n1: nothing is durable there that could be harmed"
