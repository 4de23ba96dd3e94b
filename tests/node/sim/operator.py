"""Somebody who changes the membership and moves the leadership, and believes no answer without looking."""

from __future__ import annotations

import random
from typing import Any, Final

from harness.cluster.simulation.safety import Violation
from node_image.raft.configurations import decode_configuration
from node_image.raft.types import Configuration, EntryKind
from tests.node.sim.cluster import Cluster

AGAIN_S: Final = 0.3


class Operator:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rng = random.Random(cluster.rng.random())
        self.changes = 0
        """Changes that were answered as done."""
        self.transfers = 0
        self.all_vote = False
        """`let_all_vote` has come to its end."""

    def change(self) -> None:
        """To any members; asks who leads, or thinks that it does."""
        names = self.rng.sample(self.cluster.names, len(self.cluster.names))
        voters = self.rng.randint(1, len(names))
        learners = self.rng.randint(voters, len(names))
        self._reconfigure(names[:voters], names[voters:learners])

    def transfer(self) -> None:
        to = self.rng.choice(self.cluster.names)
        leader = self.cluster.leader
        if leader is not None:
            self.cluster.ask(leader.name, {"id": 0, "op": "transfer", "to": to}, lambda answer: self._moved(to, answer))

    def let_all_vote(self) -> None:
        """Asks until it is so: a change that was left half done by whoever led before must not stand in the way."""
        leader = self.cluster.leader
        raft = leader.node.raft if leader is not None and leader.node is not None else None
        wanted = Configuration(frozenset(self.cluster.names))
        if raft is not None and raft.configuration == wanted and not raft.is_changing:
            self.all_vote = True
            return
        self._reconfigure(self.cluster.names, [])
        self.cluster.scheduler.after(AGAIN_S, self.let_all_vote)

    def _reconfigure(self, voters: list[str], learners: list[str]) -> None:
        leader = self.cluster.leader
        if leader is not None:
            request = {"id": 0, "op": "reconfigure", "voters": voters, "learners": learners}
            wanted = Configuration(frozenset(voters), frozenset(), frozenset(learners))
            self.cluster.ask(leader.name, request, lambda answer: self._changed(wanted, answer))

    def _changed(self, wanted: Configuration, answer: dict[str, Any]) -> None:
        """What is answered as done is committed."""
        if not answer["ok"]:
            return
        committed, index = self.cluster.safety.committed, answer["index"]
        entry = committed[index - 1].entry if index <= len(committed) else None
        if entry is None or entry.kind is not EntryKind.CONFIGURATION or decode_configuration(entry.data) != wanted:
            raise Violation(f"a change to {wanted} is answered {answer}, but {entry} is committed there")
        self.changes += 1

    def _moved(self, to: str, answer: dict[str, Any]) -> None:
        if answer["ok"] and answer["leader"] != to:
            raise Violation(f"a transfer to {to} is answered {answer}")
        self.transfers += answer["ok"]
