"""A machine's life: crashes between any two effects, pauses, clocks, and nodes that fail."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from harness.cluster import DiskFailure, Harm
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Machine, Oscillator
from harness.world.virtual import NS
from node_image.driver.effects import Effect
from node_image.raft import Role
from tests.simulation.small import follower, lead, make, pass_time, started, until


def write(machine: Machine, number: int) -> None:
    request = {"id": number, "op": "write", "key": "k", "value": number, "session": "s", "seq": number, "opened": 0}
    machine.give(lambda node, clocks: node.client_line(1, request, clocks))


def effects_of_a_write() -> int:
    """How many things the leader does from a write until it is answered, and a little longer."""
    cluster = started()
    machine = lead(cluster)
    machine.crash_in = 1_000_000
    write(machine, 1)
    pass_time(cluster, 0.05)
    return 1_000_000 - machine.crash_in


def test_power_fails_between_any_two_effects() -> None:
    """Whatever was done before it, the cluster goes on and the node comes back."""
    effects = effects_of_a_write()
    assert effects > 5
    for after in range(effects):
        cluster = started()
        machine = lead(cluster)
        machine.crash_in = after
        write(machine, 1)
        pass_time(cluster, 0.05)
        assert not machine.runs
        assert machine.log[-1].endswith("the power fails")
        assert machine.start()
        until(cluster, partial(caught_up, cluster))


def caught_up(cluster: SimulatedCluster) -> bool:
    applied = {machine.node.replica.applied for machine in cluster.running if machine.node is not None}
    return cluster.leader is not None and len(cluster.running) == 3 and len(applied) == 1


def test_the_power_fails_before_so_many_effects_are_carried_out() -> None:
    cluster = started()
    machine = lead(cluster)
    carried: list[str] = []
    real = machine.disk.write

    def watch(name: str, data: bytes) -> None:
        carried.append(name)
        real(name, data)

    machine.disk.write = watch  # type: ignore[method-assign]
    machine.crash_in = 0
    write(machine, 1)
    pass_time(cluster, 0.05)
    assert not machine.runs
    assert carried == []


def test_a_start_has_a_new_pid_and_forgets_what_was_to_fail() -> None:
    cluster = started()
    machine = follower(cluster)
    assert machine.pid == 1
    machine.crash_in = 5
    machine.kill()
    assert not machine.runs
    assert machine.start()
    assert (machine.pid, machine.crash_in) == (2, None)


def test_a_paused_process_takes_nothing_until_it_is_resumed_and_then_all_in_order() -> None:
    cluster = started()
    machine = follower(cluster)
    assert machine.node is not None
    machine.pause()
    seen: list[int] = []
    for number in range(3):
        machine.give(lambda node, clocks, number=number: note(seen, number))
    applied = machine.node.replica.applied
    write(lead(cluster), 1)
    pass_time(cluster, 2)
    assert seen == []
    assert machine.node.replica.applied == applied
    assert machine.node.raft.role is Role.FOLLOWER
    machine.resume()
    assert seen == [0, 1, 2]
    until(cluster, lambda: caught_up(cluster))
    assert machine.node.replica.applied > applied


def note(seen: list[int], number: int) -> list[Effect]:
    seen.append(number)
    return []


def test_what_came_for_a_process_that_was_killed_is_nothing_to_the_next() -> None:
    cluster = started()
    machine = follower(cluster)
    seen: list[int] = []
    machine.pause()
    machine.give(lambda node, clocks: note(seen, 1))
    machine.kill()
    machine.give(lambda node, clocks: note(seen, 2))
    assert machine.start()
    assert not machine.paused
    pass_time(cluster, 1)
    assert seen == []


def test_a_paused_leader_is_replaced_and_steps_down_when_it_wakes_up() -> None:
    cluster = started()
    old = lead(cluster)
    assert old.node is not None
    old.pause()
    until(cluster, lambda: lead(cluster) is not old)
    assert old.node.raft.role is Role.LEADER
    old.resume()
    until(cluster, lambda: old.node is not None and old.node.raft.role is Role.FOLLOWER)


def test_clocks_run_at_their_rate_from_a_time_of_their_own() -> None:
    oscillators = {"n1": Oscillator(rate=1.04, offset_s=500.0), "n2": Oscillator(rate=0.96, offset_s=7.0)}
    cluster = make(oscillators=oscillators)
    fast, slow, true = (cluster.machines[name] for name in ("n1", "n2", "n3"))
    assert [machine.clocks().wall for machine in (fast, slow, true)] == [1.7e9] * 3
    pass_time(cluster, 100)
    assert fast.clocks().monotonic == pytest.approx(604)
    assert slow.clocks().monotonic == pytest.approx(103)
    assert true.clocks().monotonic == pytest.approx(100)
    assert [machine.clocks().wall - 1.7e9 for machine in (fast, slow, true)] == pytest.approx([104, 96, 100])


def test_a_shift_moves_the_wall_clock_and_no_other() -> None:
    cluster = make()
    machine = cluster.machines["n1"]
    before = machine.clocks()
    machine.wall_shift_s = -30.0
    assert machine.clocks().wall == before.wall - 30
    assert machine.clocks().monotonic == before.monotonic


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_timers_go_by_the_machine_s_own_clock(rate: float) -> None:
    """A node alone is elected after one of its election timeouts, which is 0.3 to 0.6 s of its own time."""
    cluster = make(1, oscillators={"n1": Oscillator(rate=rate, offset_s=99)})
    cluster.start()
    until(cluster, lambda: cluster.leader is not None)
    assert 0.3 <= cluster.world.now() / NS * rate < 0.7


def test_the_trace_has_true_time_and_the_machine_s_wall_clock() -> None:
    cluster = started(oscillators={"n1": Oscillator(1.0, 1000.0)})
    record = json.loads(cluster.machines["n1"].traces[0])
    assert record["mono"] == 0
    assert record["wall"] == 1_700_000_000 * NS
    assert record["pid"] == 1


def fails(*_: Any) -> list[Effect]:
    raise ZeroDivisionError("by nothing")


def test_a_node_that_fails_ends_with_critical_in_its_log() -> None:
    cluster = started()
    machine = lead(cluster)
    machine.give(fails)
    assert not machine.runs
    said = machine.log[-1]
    assert "CRITICAL the node failed" in said
    assert "ZeroDivisionError: by nothing" in said
    until(cluster, lambda: cluster.leader is not None and cluster.leader is not machine)


def test_a_node_that_fails_while_it_recovers_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = started()
    machine = lead(cluster)
    machine.kill()
    with monkeypatch.context() as patched:
        patched.setattr("harness.cluster.simulation.machine.Node", fails)
        assert not machine.start()
    assert not machine.runs
    assert "CRITICAL the node failed" in machine.log[-1]
    assert machine.start()


def test_a_disk_that_fails_ends_the_process_and_is_no_fault_of_the_node() -> None:
    for failure in (DiskFailure.FULL, DiskFailure.WRITES, DiskFailure.SYNCS):
        cluster = started()
        machine = lead(cluster)
        machine.disk.failing.add(failure)
        write(machine, 1)
        pass_time(cluster, 0.1)
        assert not machine.runs
        assert "ERROR   files: the process ends" in machine.log[-1]
        assert "CRITICAL" not in "".join(machine.log)


@pytest.mark.parametrize(("damaged", "level"), [(True, "ERROR"), (False, "CRITICAL")])
def test_a_disk_that_is_refused(damaged: bool, level: str) -> None:
    """What nobody has damaged, the node must be able to read."""
    cluster = started()
    machine = lead(cluster)
    machine.kill()
    assert machine.disk.harm(Harm.BIT_FLIP, cluster.world.random("flips")) is not None
    machine.damaged = damaged
    assert not machine.start()
    assert f"{level:8} storage: the node must not start" in machine.log[-1]
