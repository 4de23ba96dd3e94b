"""Client ports of simulated nodes, as clients find them; and what nodes tell of themselves."""

from __future__ import annotations

import json

import pytest

from harness.cluster.simulation.cluster import SimulatedSystem
from harness.errors import ControlError
from harness.world import Disconnected, Unreachable
from harness.world.virtual import NS
from tests.simulation.small import connect, follower, lead, make, pass_time, run, started

PING = json.dumps({"id": 1, "op": "write", "key": "k", "value": 7, "session": "s", "seq": 1, "opened": 0}).encode()


def test_a_node_greets_and_answers() -> None:
    cluster = started()

    async def converse() -> tuple[bytes, bytes]:
        connection = await cluster.world.connect(lead(cluster).name, 8000, timeout_s=1)
        hello = await connection.receive()
        connection.send(PING)
        return hello, await connection.receive()

    hello, answer = (json.loads(line) for line in run(cluster, converse()))
    assert hello == {"hello": "raftstorm", "node": lead(cluster).name, "version": 1, "applied": hello["applied"]}
    assert answer["ok"]
    assert answer["id"] == 1


def test_a_node_that_is_down_refuses() -> None:
    cluster = started()
    machine = follower(cluster)
    machine.kill()
    with pytest.raises(Unreachable, match="connection refused"):
        run(cluster, cluster.world.connect(machine.name, 8000, timeout_s=1))
    assert machine.start()
    run(cluster, connect(cluster, machine))


def test_connections_break_when_the_process_ends() -> None:
    for crash in ("kill", "lose_power"):
        cluster = started()
        machine = follower(cluster)

        async def wait(machine=machine, cluster=cluster, crash=crash) -> None:  # type: ignore[no-untyped-def]
            connection = await connect(cluster, machine)
            getattr(machine, crash)()
            await connection.receive()

        with pytest.raises(Disconnected, match="the server is gone"):
            run(cluster, wait())


def test_what_was_answered_before_the_crash_arrives() -> None:
    cluster = started()
    machine = lead(cluster)

    async def ask() -> bytes:
        connection = await connect(cluster, machine)
        connection.send(PING)
        replies: list[object] = []
        answer = cluster.ports[machine.name].reply

        def reply_and_die(number: int, response: dict[str, object]) -> None:
            answer(number, response)
            replies.append(response)

        cluster.ports[machine.name].reply = reply_and_die  # type: ignore[method-assign]
        while not replies:
            await cluster.world.sleep(0.0001)
        machine.kill()
        return await connection.receive()

    assert json.loads(run(cluster, ask()))["ok"]


def test_a_paused_node_accepts_and_is_silent_until_it_is_resumed() -> None:
    cluster = started()
    machine = follower(cluster)
    machine.pause()

    async def wait() -> float:
        connection = await cluster.world.connect(machine.name, 8000, timeout_s=1)
        with pytest.raises(TimeoutError):
            async with cluster.world.timeout(3):
                await connection.receive()
        machine.resume()
        began = cluster.world.now()
        assert b"raftstorm" in await connection.receive()
        return (cluster.world.now() - began) / NS

    assert run(cluster, wait()) < 0.01


def test_a_client_that_is_gone_gets_nothing_and_disturbs_nobody() -> None:
    cluster = started()
    machine = lead(cluster)

    async def leave() -> None:
        connection = await connect(cluster, machine)
        connection.send(PING)
        connection.close()

    run(cluster, leave())
    pass_time(cluster, 1)
    assert machine.runs
    assert not cluster.ports[machine.name]._connections


def test_status_is_what_the_node_says_and_nothing_when_it_cannot() -> None:
    cluster = started()
    system = SimulatedSystem(cluster)
    node = next(node for node in cluster.nodes if node.name == lead(cluster).name)
    status = run(cluster, system.status(cluster.world, node, timeout_s=1))
    assert (status.role, status.leader, status.id) == ("leader", node.name, node.name)
    assert status.wall == pytest.approx(1.7e18 + cluster.world.now(), abs=NS)
    lead(cluster).pause()
    began = cluster.world.now()
    assert run(cluster, system.status(cluster.world, node, timeout_s=1)) is None
    assert cluster.world.now() - began == NS


def test_a_process_is_asked_for_and_started_through_the_system() -> None:
    cluster = make()
    system, node = SimulatedSystem(cluster), cluster.nodes[0]
    assert run(cluster, system.pid(node)) is None
    assert run(cluster, system.start(node)) == 1
    assert run(cluster, system.pid(node)) == 1


def test_a_simulated_machine_has_no_shell() -> None:
    cluster = make()
    for attempt in (
        cluster.nodes[0].control.run("true"),
        cluster.nodes[0].control.read_file("/x"),
        cluster.nodes[0].control.write_file("/x", b""),
    ):
        with pytest.raises(ControlError, match="a simulated machine"):
            run(cluster, attempt)
