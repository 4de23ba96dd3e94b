"""The watch: liveness that can be seen while faults are still in force.

A leader that no quorum can have answered for several election timeouts must not call itself leader any more
(CheckQuorum, dissertation 6.2): clients would wait at it for ever.
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
"""Election timeouts. A leader looks for its quorum once in each, so it may take two to notice; what was under way may
come a little later, and its clock may be slow."""


class Watch:
    """`find` is told what is wrong, once for each node."""

    def __init__(self, cluster: SimulatedCluster, find: Callable[[str], object]) -> None:
        self._cluster = cluster
        self._find = find
        self._alone_since: dict[str, int] = {}
        self._told: set[str] = set()

    async def run(self) -> None:
        while True:
            await self._cluster.world.sleep(LOOK_S)
            for machine in self._cluster.machines.values():
                self._look(machine)

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
        """Whether a quorum runs, hears it and is heard by it, just now."""
        assert machine.node is not None
        network = self._cluster.network
        others = [
            other.name
            for other in self._cluster.running
            if other is not machine
            and not other.paused
            and network.hears(machine.name, other.name)
            and network.hears(other.name, machine.name)
        ]
        return has_quorum(machine.node.raft.configuration, {machine.name, *others})
