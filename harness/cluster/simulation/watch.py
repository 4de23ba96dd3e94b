"""The watch: liveness that can be seen while faults are still in force.

A leader that no quorum can have answered for several election timeouts must not call itself leader any more
(CheckQuorum, dissertation 6.2): clients would wait at it for ever. And where nothing at all is wrong, somebody must be
elected soon: random election timeouts are there so that votes are split rarely, and not again and again (paper 5.2).
And a leader that a quorum hears keeps its place, whatever a node that was removed may want (dissertation 4.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Machine
from harness.world.virtual import NS
from node_image.driver.node import Node
from node_image.raft import Role
from node_image.raft.quorum import has_quorum

LOOK_S: Final = 0.1
PATIENCE: Final = 4.0
"""Election timeouts since a quorum could last have answered. A leader looks for its quorum once in each, so it may take
two to notice; and its clock may be slow."""


ELECTED_WITHIN: Final = 10.0
"""Election timeouts, of calm. An undisturbed election takes one to two, and few are split."""


HEARD_WITHIN: Final = 0.5
"""Election timeouts. For a whole one a node that has heard a leader refuses to vote; clocks may be fast."""
DISTURBANCES: Final = 2
"""Leaders deposed by nodes without a vote. One may be chance: a message that was under way when the node still had its
vote."""


class Watch:
    """`find` is told what is wrong, once for each node."""

    def __init__(self, cluster: SimulatedCluster, find: Callable[[str], object]) -> None:
        self._cluster = cluster
        self._find = find
        self._alone_since: dict[str, int] = {}
        self._told: set[str] = set()
        self._leaderless_since: int | None = None
        self._heard_leaders: dict[str, int] = {}
        """Those that a quorum had just heard when we looked last, and their terms."""
        self._terms: dict[str, int] = {}
        """Of all servers when we looked last."""
        self._disturbances = 0

    async def run(self) -> None:
        while True:
            await self._cluster.world.sleep(LOOK_S)
            for machine in self._cluster.machines.values():
                self._look(machine)
            self._look_for_a_leader()
            self._look_for_disturbers()

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

    def _look_for_disturbers(self) -> None:
        leaders, self._heard_leaders = self._heard_leaders, self._heard_by_a_quorum()
        terms, self._terms = self._terms, {machine.name: node.raft.term for machine, node in self._servers()}
        for name, term in leaders.items():
            deposer = self._deposer(self._cluster.machines[name], term, terms)
            self._disturbances += deposer is not None
            if deposer is not None and self._disturbances == DISTURBANCES:
                self._find(
                    f"{deposer}, which has no vote, has deposed {name}, which led term {term} and had been heard by a "
                    f"quorum; {DISTURBANCES} leaders were deposed in this way (dissertation, 4.2.3)"
                )

    def _heard_by_a_quorum(self) -> dict[str, int]:
        return {
            machine.name: node.raft.term
            for machine, node in self._servers()
            if node.raft.role is Role.LEADER
            and has_quorum(node.raft.configuration, {machine.name, *self._hearers(machine)})
        }

    def _servers(self) -> Iterator[tuple[Machine, Node]]:
        """Those that run."""
        for machine in self._cluster.running:
            if machine.node is not None and not machine.paused:
                yield machine, machine.node

    def _deposer(self, machine: Machine, term: int, terms: Mapping[str, int]) -> str | None:
        """Who without a vote has just stood for election, in a term that this machine, which led an earlier one, has
        taken over. (Who was handed over to is right to, and may lose its vote in the same moment: seed 766788841 of 60
        s.) `terms`: of all when we looked last."""
        node = machine.node
        if node is None or machine.paused or node.raft.term <= term:
            return None
        for other, rival in self._servers():
            stood = rival.raft.vote == other.name and terms.get(other.name, rival.raft.term) < rival.raft.term
            counts = term < rival.raft.term <= node.raft.term
            asked = (other.name, rival.raft.term) in self._cluster.safety.hand_overs
            if stood and counts and not asked and not node.raft.configuration.has_voter(other.name):
                return other.name
        return None

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
        heard = self._heard_by(machine)
        able = {
            other.name for other in self._cluster.running if other is not machine and self._can_answer(other, machine)
        }
        return has_quorum(machine.node.raft.configuration, {machine.name, *heard, *able})

    def _heard_by(self, machine: Machine) -> set[str]:
        """From whom something has come to it within an election timeout."""
        since = self._cluster.world.now() - int(machine.config.election_timeout_s * NS)
        network = self._cluster.network
        return {
            name
            for name in self._cluster.names
            if name != machine.name and network.has_heard(name, machine.name, since)
        }

    def _hearers(self, leader: Machine) -> Iterator[str]:
        """Who has heard it so lately that it must take part in no election."""
        since = self._cluster.world.now() - int(HEARD_WITHIN * leader.config.election_timeout_s * NS)
        for name in self._cluster.names:
            if name != leader.name and self._cluster.network.has_heard(leader.name, name, since):
                yield name

    def _can_answer(self, other: Machine, machine: Machine) -> bool:
        network = self._cluster.network
        return not other.paused and network.hears(machine.name, other.name) and network.hears(other.name, machine.name)
