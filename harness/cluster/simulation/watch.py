"""The watch: liveness that can be seen while faults are still in force.

A leader that no quorum can have answered for several election timeouts must not call itself leader any more
(CheckQuorum, dissertation 6.2): clients would wait at it for ever. And where nothing at all is wrong, somebody must be
elected soon: random election timeouts are there so that votes are split rarely, and not again and again (paper 5.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Machine
from harness.world.virtual import NS
from node_image.raft import Role
from node_image.raft.quorum import has_quorum

LOOK_S: Final = 0.1
PATIENCE: Final = 4.0
"""Election timeouts since a quorum could last have answered. A leader looks for its quorum once in each, so it may take
two to notice; and its clock may be slow."""


ELECTED_WITHIN: Final = 10.0
"""Election timeouts, of calm. An undisturbed election takes one to two, and few are split."""


class Watch:
    """`find` is told what is wrong, once for each node."""

    def __init__(self, cluster: SimulatedCluster, find: Callable[[str], object]) -> None:
        self._cluster = cluster
        self._find = find
        self._alone_since: dict[str, int] = {}
        self._told: set[str] = set()
        self._leaderless_since: int | None = None

    async def run(self) -> None:
        while True:
            await self._cluster.world.sleep(LOOK_S)
            for machine in self._cluster.machines.values():
                self._look(machine)
            self._look_for_a_leader()

    def _look_for_a_leader(self) -> None:
        if self._cluster.leader is not None or not self._is_calm():
            self._leaderless_since = None
            return
        now = self._cluster.world.now()
        since = self._leaderless_since = now if self._leaderless_since is None else self._leaderless_since
        longest_s = ELECTED_WITHIN * max(m.config.election_timeout_s for m in self._cluster.machines.values())
        if now - since > longest_s * NS and "" not in self._told:
            self._told.add("")
            self._find(
                f"nobody has been elected for {(now - since) / NS:.1f} s, though all nodes run and hear each other "
                "(paper, 5.2)"
            )

    def _is_calm(self) -> bool:
        machines = self._cluster.machines.values()
        sound = all(m.node is not None and not m.paused and m.speed == m.usual_speed for m in machines)
        network = self._cluster.network
        names = self._cluster.names
        return sound and all(network.is_fair(one, other) for one in names for other in names if one != other)

    def _look(self, machine: Machine) -> None:
        node = machine.node
        if node is None or machine.paused or node.raft.role is not Role.LEADER or self._may_hear_a_quorum(machine):
            self._alone_since.pop(machine.name, None)
            return
        now = self._cluster.world.now()
        since = self._alone_since.setdefault(machine.name, now)
        if now - since > PATIENCE * machine.config.election_timeout_s * NS and machine.name not in self._told:
            self._told.add(machine.name)
            self._find(
                f"{machine.name} has led term {node.raft.term} for {(now - since) / NS:.1f} s without a quorum that "
                "could have answered it (dissertation 6.2)"
            )

    def _may_hear_a_quorum(self, machine: Machine) -> bool:
        """Whether a quorum can answer it just now, or has answered: an answer that was under way for long may come when
        who gave it is no more."""
        assert machine.node is not None
        since = self._cluster.world.now() - int(machine.config.election_timeout_s * NS)
        heard = {
            name
            for name in self._cluster.names
            if name != machine.name and self._cluster.network.has_heard(name, machine.name, since)
        }
        able = {
            other.name for other in self._cluster.running if other is not machine and self._can_answer(other, machine)
        }
        return has_quorum(machine.node.raft.configuration, {machine.name, *heard, *able})

    def _can_answer(self, other: Machine, machine: Machine) -> bool:
        network = self._cluster.network
        return not other.paused and network.hears(machine.name, other.name) and network.hears(other.name, machine.name)
