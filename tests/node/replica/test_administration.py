"""Membership changes and transfers, as clients see them. Whole nodes and a network without any faults; time passes when
it is asked to."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from node_image.driver import wire
from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks, Effect, Replace, Reply, Send, Sync, Write
from node_image.driver.node import Node
from node_image.raft import Role

T = 0.5
NAMES = ("n1", "n2", "n3", "n4")


class Cluster:
    """n1 leads; n4 is in no configuration."""

    def __init__(self) -> None:
        self.now = 0.0
        self.away: set[str] = set()
        self.replies: list[dict[str, Any]] = []
        self._inputs: deque[tuple[str, Any]] = deque()
        self.nodes: dict[str, Node] = {}
        for name in NAMES:
            config = NodeConfig(node=name, peers=frozenset(NAMES), voters=frozenset(NAMES[:3]))
            self.nodes[name] = Node(config, {}, random.Random(name), self.clocks)
            self.carry_out(name, self.nodes[name].start(self.clocks))
        self.settle()
        self.now = 3 * T
        self.carry_out("n1", self.nodes["n1"].tick(self.clocks))
        self.settle()
        assert self.nodes["n1"].raft.role is Role.LEADER

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.now, 0.0)

    def carry_out(self, name: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Sync(_, token) | Replace(_, _, token):
                    self._inputs.append((name, lambda node, token=token: node.synced(token, self.clocks)))
                case Send(peer, message):
                    self._send(name, peer, wire.decode(wire.encode(message)))
                case Reply(_, response):
                    self.replies.append(response)
                case Write():
                    pass

    def _send(self, sender: str, to: str, message: Any) -> None:
        if not {sender, to} & self.away:
            self._inputs.append((to, lambda node: node.peer_message(sender, message, self.clocks)))

    def settle(self) -> None:
        while self._inputs:
            name, feed = self._inputs.popleft()
            self.carry_out(name, feed(self.nodes[name]))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := min(node.deadline() for node in self.nodes.values())) <= end:
            self.now = max(self.now, due)
            for name, node in self.nodes.items():
                self.carry_out(name, node.tick(self.clocks))
            self.settle()
        self.now = end

    def ask(self, name: str, connection: int = 1, **request: Any) -> list[dict[str, Any]]:
        """The answers that have come by now."""
        self.replies.clear()
        self.carry_out(name, self.nodes[name].client_line(connection, {"id": 7, **request}, self.clocks))
        self.settle()
        return self.replies

    def status(self, name: str) -> dict[str, Any]:
        [status] = self.ask(name, op="status")
        return {field: status[field] for field in ("voters", "outgoing", "learners")}


def refused(error: str, *, definite: bool, leader: str | None = "n1") -> dict[str, Any]:
    return {"id": 7, "ok": False, "error": error, "definite": definite, "leader": leader}


def without_detail(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in answer.items() if name != "detail"} for answer in answers]


def test_a_change_is_answered_when_it_is_done() -> None:
    cluster = Cluster()
    cluster.away = {"n3", "n4"}
    assert cluster.ask("n1", op="reconfigure", voters=["n1", "n2", "n4"], learners=["n3"]) == []
    assert cluster.status("n1") == {"voters": ["n1", "n2", "n3"], "outgoing": [], "learners": ["n4"]}
    cluster.replies.clear()
    cluster.away = set()
    cluster.wait(T)
    [answer] = cluster.replies
    index = cluster.nodes["n1"].raft.last_index
    assert answer == {"id": 7, "ok": True, "index": index, "voters": ["n1", "n2", "n4"], "learners": ["n3"]}
    for name in NAMES:
        assert cluster.status(name) == {"voters": ["n1", "n2", "n4"], "outgoing": [], "learners": ["n3"]}


def test_commands_go_on_meanwhile() -> None:
    cluster = Cluster()
    cluster.away = {"n4"}
    cluster.ask("n1", op="reconfigure", voters=list(NAMES))
    [answer] = cluster.ask("n2", op="write", key="k", value=1)
    assert answer["ok"]


def test_a_leader_that_removes_itself_answers_and_hands_over() -> None:
    cluster = Cluster()
    [answer] = cluster.ask("n1", op="reconfigure", voters=["n2", "n3"])
    assert (answer["ok"], answer["voters"]) == (True, ["n2", "n3"])
    assert cluster.nodes["n2"].raft.role is Role.LEADER
    assert cluster.nodes["n1"].raft.role is Role.FOLLOWER


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "reconfigure"},
        {"op": "reconfigure", "voters": []},
        {"op": "reconfigure", "voters": "n1"},
        {"op": "reconfigure", "voters": ["n1", 2]},
        {"op": "reconfigure", "voters": ["n1", "n9"]},
        {"op": "reconfigure", "voters": ["n1"], "learners": ["n1"]},
        {"op": "reconfigure", "voters": ["n1"], "learners": "n2"},
        {"op": "transfer"},
        {"op": "transfer", "to": 3},
        {"op": "transfer", "to": "n1"},
        {"op": "transfer", "to": "n4"},
        {"op": "transfer", "to": "n9"},
    ],
)
def test_what_makes_no_sense(request_: dict[str, Any]) -> None:
    assert without_detail(Cluster().ask("n1", **request_)) == [refused("bad-request", definite=True, leader=None)]


@pytest.mark.parametrize("request_", [{"op": "reconfigure", "voters": ["n1"]}, {"op": "transfer", "to": "n3"}])
def test_only_the_leader_takes_them(request_: dict[str, Any]) -> None:
    cluster = Cluster()
    assert cluster.ask("n2", **request_) == [refused("not-leader", definite=True)]
    assert cluster.ask("n4", **request_) == [refused("no-leader", definite=True, leader=None)]


def test_one_change_at_a_time() -> None:
    cluster = Cluster()
    cluster.away = {"n4"}
    cluster.ask("n1", op="reconfigure", voters=list(NAMES))
    assert cluster.ask("n1", op="reconfigure", voters=["n1"]) == [refused("change-under-way", definite=True)]


def test_new_voters_that_do_not_catch_up() -> None:
    cluster = Cluster()
    cluster.away = {"n4"}
    cluster.ask("n1", op="reconfigure", voters=list(NAMES))
    cluster.wait(12 * T)
    assert without_detail(cluster.replies) == [refused("not-caught-up", definite=False)]


def test_a_leader_that_is_deposed_does_not_know_what_becomes_of_the_change() -> None:
    cluster = Cluster()
    cluster.away = {"n4"}
    cluster.ask("n1", op="reconfigure", voters=list(NAMES))
    cluster.away = {"n1"}
    cluster.wait(5 * T)
    assert cluster.replies == [refused("leader-changed", definite=False, leader=None)]


def test_a_transfer_is_answered_when_the_other_leads() -> None:
    cluster = Cluster()
    assert cluster.ask("n1", op="transfer", to="n3") == [{"id": 7, "ok": True, "leader": "n3", "term": 2}]
    [answer] = cluster.ask("n1", op="write", key="k", value=1)
    assert answer["ok"]


def test_a_transfer_to_a_node_that_is_away_is_given_up() -> None:
    """Commands are refused meanwhile, and taken again after it."""
    cluster = Cluster()
    cluster.away = {"n3"}
    cluster.ask("n1", op="write", key="k", value=0)
    assert cluster.ask("n1", op="transfer", to="n3") == []
    assert cluster.ask("n1", op="write", key="k", value=1) == [refused("transferring", definite=True)]
    assert cluster.ask("n2", op="write", key="k", value=1) == [refused("transferring", definite=True)]
    assert cluster.ask("n1", op="reconfigure", voters=["n1"]) == [refused("transferring", definite=True)]
    [answer] = cluster.ask("n1", op="read", key="k")
    assert answer["value"] == 0
    cluster.replies.clear()
    cluster.wait(1.2 * T)
    assert without_detail(cluster.replies) == [refused("not-transferred", definite=False)]
    [answer] = cluster.ask("n1", op="write", key="k", value=1)
    assert answer["ok"]


def test_a_time_to_live_that_ends_during_a_transfer_ends_after_it() -> None:
    cluster = Cluster()
    cluster.ask("n1", op="write", key="k", value=1, ttl_ms=100)
    cluster.away = {"n3"}
    cluster.ask("n1", op="write", key="other", value=1)
    cluster.ask("n1", op="transfer", to="n3")
    cluster.wait(2 * T)
    cluster.wait(2.0)
    [answer] = cluster.ask("n1", op="read", key="k")
    assert answer["value"] is None


def test_nobody_waits_for_the_answer_of_a_client_that_has_gone() -> None:
    cluster = Cluster()
    cluster.away = {"n3"}
    cluster.ask("n1", op="write", key="k", value=0)
    cluster.ask("n1", connection=5, op="transfer", to="n3")
    cluster.nodes["n1"].client_closed(5)
    cluster.wait(2 * T)
    assert cluster.replies == []


def test_a_restart_knows_the_configuration() -> None:
    """From the files of a node that made a snapshot, with a change in it and one behind it."""
    config = NodeConfig(node="n1", peers=frozenset({"n1", "n2"}), voters=frozenset({"n1"}), snapshot_every_entries=4)
    files: dict[str, bytes] = {}
    clocks = Clocks(0.0, 0.0)

    def run(node: Node, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write(file, data):
                    files[file] = files.get(file, b"") + data
                case Replace(file, data, token):
                    files[file] = data
                    run(node, node.synced(token, clocks))
                case Sync(_, token):
                    run(node, node.synced(token, clocks))

    def reconfigure(node: Node, learners: list[str]) -> None:
        request = {"id": 1, "op": "reconfigure", "voters": ["n1"], "learners": learners}
        run(node, node.client_line(1, request, clocks))

    node = Node(config, files, random.Random(1), clocks)
    run(node, node.start(clocks))
    clocks = Clocks(2.0, 0.0)
    run(node, node.tick(clocks))
    reconfigure(node, ["n2"])
    for value in range(3):
        run(node, node.client_line(1, {"id": 1, "op": "write", "key": "k", "value": value}, clocks))
    assert "snapshot" in files
    learners = Node(config, dict(files), random.Random(1), clocks).raft.configuration.learners
    assert learners == {"n2"}
    reconfigure(node, [])
    assert Node(config, dict(files), random.Random(1), clocks).raft.configuration.learners == frozenset()
