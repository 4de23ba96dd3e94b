"""The replica between clients, peers and raft: requests and raft's outcomes in, answers out.

A scripted raft stands in for the protocol, so that every outcome can be had at will.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from node_image.driver import wire
from node_image.driver.effects import Clocks, Reply, Send
from node_image.raft import Configuration, Entry, EntryKind, NotLeader, Raft, ReadState, Role, Snapshot
from node_image.replica import Replica, ReplicaConfig
from node_image.replica.command import Operation, decode
from node_image.replica.messages import ForwardAnswers, ForwardReads, ForwardWrites
from node_image.variants import variant

CONFIG = ReplicaConfig(read_timeout_s=5.0, forward_timeout_s=60.0, max_pending=3, max_pending_bytes=1000)


class ScriptedRaft:
    def __init__(self, role: Role, leader: str | None) -> None:
        self.role, self.leader = role, leader
        self.term, self.commit, self.last_index, self.first_index = 2, 0, 0, 1
        self.log: list[Entry] = []
        self.read_contexts: list[int] = []
        self.lease_index: int | None = None
        self.is_changing = False
        self.configuration = Configuration(frozenset({"n1", "n2", "n3"}), learners=frozenset({"n4"}))

    def propose(self, data: Sequence[bytes], now: float) -> list[tuple[int, int]]:
        if self.role is not Role.LEADER:
            raise NotLeader(self.leader)
        first = self.last_index + 1
        for command in data:
            self.last_index += 1
            self.log.append(Entry(self.term, self.last_index, EntryKind.COMMAND, command))
        return [(self.term, index) for index in range(first, self.last_index + 1)]

    def read_index(self, context: int, now: float) -> None:
        self.read_contexts.append(context)

    def lease_read(self, now: float, wall: float) -> int | None:
        return self.lease_index


class Bench:
    """A replica of node n1 on a scripted raft, at monotonic time `now`."""

    def __init__(self, role: Role, leader: str | None, bug: str | None = None) -> None:
        self.raft = ScriptedRaft(role, leader)
        bugs = frozenset({bug} if bug else ())
        self.replica = variant(Replica, bugs)("n1", cast(Raft, self.raft), CONFIG, bugs, incarnation=1)
        self.now = 100.0

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.now, 1_000_000.5)

    def ask(self, **request: Any) -> None:
        self.replica.request(1, {"id": 7, **request}, self.clocks)

    def hear(self, sender: str, message: ForwardWrites | ForwardReads | ForwardAnswers) -> None:
        self.replica.peer(sender, message, self.clocks)

    def commit(self, count: int = 1) -> None:
        """That many more entries of the log, noops after its end."""
        first = self.replica.applied + 1
        noops = [Entry(2, index, EntryKind.NOOP, b"") for index in range(1, first + count)]
        entries = [*self.raft.log, *noops[len(self.raft.log) :]][first - 1 : first - 1 + count]
        self.replica.commit(entries, self.now)

    def value(self, key: str) -> Any:
        """As a stale read tells it."""
        self.answers()
        self.ask(op="read", key=key, mode="stale")
        [answer] = self.answers()
        return answer["value"]

    def answers(self) -> list[dict[str, Any]]:
        effects = self.replica.take_effects()
        return [{k: v for k, v in e.response.items() if k != "detail"} for e in effects if isinstance(e, Reply)]

    def sent(self) -> list[Send]:
        return [effect for effect in self.replica.take_effects() if isinstance(effect, Send)]


def leading(bug: str | None = None) -> Bench:
    return Bench(Role.LEADER, "n1", bug)


def following(leader: str | None = "n2", bug: str | None = None) -> Bench:
    return Bench(Role.FOLLOWER, leader, bug)


def refused(error: str, *, definite: bool = True, leader: str | None = "n1") -> dict[str, Any]:
    return {"id": 7, "ok": False, "error": error, "definite": definite, "leader": leader}


WRITE = {"op": "write", "key": "k", "value": 5, "session": "s", "seq": 1}
READ = {"op": "read", "key": "k"}
VALUE_NOW = {"id": 7, "ok": True, "value": None, "index": 0}


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"op": "erase"},
        {"op": "write", "key": "k"},
        {"op": "write", "value": 1},
        {"op": "write", "key": "", "value": 1},
        {"op": "write", "key": "k" * 1025, "value": 1},
        {"op": "write", "key": 3, "value": 1},
        {"op": "write", "key": "k", "value": 1 << 70},
        {"op": "write", "key": "\ud800", "value": 1},
        {"op": "write", "key": "k", "value": 1, "session": "s"},
        {"op": "write", "key": "k", "value": 1, "session": None, "seq": 1},
        {"op": "write", "key": "k", "value": 1, "session": "s", "seq": 0},
        {"op": "write", "key": "k", "value": 1, "session": "s", "seq": True},
        {"op": "write", "key": "k", "value": 1, "session": "s", "seq": 1, "opened": -1},
        {"op": "write", "key": "k", "value": 1, "seq": 1},
        {"op": "cas", "key": "k", "new": 1},
        {"op": "cas", "key": "k", "expected": 1},
        {"op": "read"},
        {"op": "read", "key": "\ud800", "mode": "lease"},
        {"op": "read", "key": "k", "mode": "fast"},
        {"op": "read", "key": "k", "mode": ["stale"]},
        {"op": "read", "key": "k", "mode": "sequential", "min_index": -1},
        {"op": "read", "key": "k", "mode": "sequential", "min_index": 1.5},
        {"op": "read", "key": "k", "timeout_s": -1},
        {"op": "read", "key": "k", "timeout_s": "1"},
    ],
)
@pytest.mark.parametrize("bench", [leading(), following()], ids=["leader", "follower"])
def test_bad_requests(bench: Bench, request_: dict[str, Any]) -> None:
    bench.ask(**request_)
    assert bench.answers() == [refused("bad-request", leader=None)]
    assert bench.raft.log == []


@pytest.mark.parametrize(
    ("bench", "request_", "answer"),
    [
        pytest.param(following(None), WRITE, refused("no-leader", leader=None), id="write-without-leader"),
        pytest.param(following(None), READ, refused("no-leader", leader=None), id="read-without-leader"),
        pytest.param(
            following(None), {**READ, "mode": "lease"}, refused("no-leader", leader=None), id="lease-without-leader"
        ),
        pytest.param(leading(), {**READ, "mode": "lease"}, refused("lease-expired"), id="no-lease"),
        pytest.param(following(None), {**READ, "mode": "stale"}, VALUE_NOW, id="stale-read-anywhere"),
        pytest.param(following(None), {**READ, "mode": "sequential"}, VALUE_NOW, id="sequential-read-anywhere"),
    ],
)
def test_what_is_answered_at_once(bench: Bench, request_: dict[str, Any], answer: dict[str, Any]) -> None:
    bench.ask(**request_)
    assert bench.answers() == [answer]


def test_a_write_is_answered_when_it_is_applied() -> None:
    bench = leading()
    bench.ask(**WRITE)
    assert bench.answers() == []
    bench.commit()
    assert bench.answers() == [{"id": 7, "ok": True, "index": 1}]


def test_a_proposal_outlives_leadership_until_its_index_is_applied() -> None:
    bench = leading()
    bench.ask(**WRITE)
    bench.raft.role, bench.raft.leader = Role.FOLLOWER, "n3"
    bench.now += 1000
    bench.replica.tick(bench.now)
    assert bench.answers() == []
    bench.replica.commit([Entry(3, 1, EntryKind.NOOP, b"")], bench.now)
    assert bench.answers() == [refused("overwritten", leader="n3")]


def test_two_proposals_at_one_index_each_get_their_own_end() -> None:
    bench = leading()
    bench.ask(**WRITE)
    bench.raft.term, bench.raft.last_index, bench.raft.log = 4, 0, []
    bench.replica.request(1, {"id": 8, **WRITE, "value": 6}, bench.clocks)
    bench.commit()
    assert bench.answers() == [refused("overwritten"), {"id": 8, "ok": True, "index": 1}]


def test_too_many_proposals_are_refused_before_they_begin() -> None:
    bench = leading()
    for _ in range(4):
        bench.ask(op="write", key="k", value=1)
    assert bench.answers() == [refused("unavailable")]
    assert len(bench.raft.log) == 3


@pytest.mark.parametrize(
    ("ops", "answer"),
    [
        pytest.param([WRITE], {"id": 7, "ok": True, "index": 1}, id="the-session-tells-that-it-happened"),
        pytest.param(
            [WRITE, {**WRITE, "seq": 2}], refused("unavailable", definite=False), id="the-session-has-moved-on"
        ),
        pytest.param([{**WRITE, "session": "t"}], refused("unavailable", definite=False), id="not-known"),
    ],
)
def test_a_snapshot_over_a_pending_proposal(ops: list[dict[str, Any]], answer: dict[str, Any]) -> None:
    other, bench = leading(), leading()
    for op in ops:
        other.ask(**op)
        other.commit()
    bench.ask(**WRITE)
    data = other.replica.snapshot_data()
    bench.replica.restore(Snapshot(other.replica.applied, 2, Configuration(frozenset({"n1"})), data), bench.now)
    assert bench.answers() == [answer]
    assert bench.replica.applied_hash == other.replica.applied_hash


def test_forwarding_to_the_leader_and_back() -> None:
    follower, leader = following(), leading()
    follower.ask(**WRITE)
    follower.replica.request(2, {"id": 1, **WRITE, "session": "t"}, follower.clocks)
    [sent] = follower.sent()
    assert sent.peer == "n2"
    leader.hear("n4", sent.message)
    leader.commit(2)
    [answered] = leader.sent()
    assert answered.peer == "n4"
    follower.hear("n2", answered.message)
    follower.hear("n2", answered.message)  # a duplicate does nothing
    assert follower.answers() == [{"id": 7, "ok": True, "index": 1}, {"id": 1, "ok": True, "index": 2}]


@pytest.mark.parametrize("request_", [WRITE, {**READ, "mode": "lease"}], ids=["write", "lease-read"])
def test_forwarded_to_a_node_that_does_not_lead(request_: dict[str, Any]) -> None:
    follower, deposed = following(), following("n5")
    follower.ask(**request_)
    deposed.hear("n1", follower.sent()[0].message)
    follower.hear("n2", deposed.sent()[0].message)
    assert follower.answers() == [refused("not-leader", leader="n5")]


def test_numbers_of_another_life_are_nobodys() -> None:
    before, after = following(), Bench(Role.FOLLOWER, "n2")
    after.replica = Replica("n1", cast(Raft, after.raft), CONFIG, incarnation=2)
    before.ask(**WRITE)
    after.ask(**WRITE)
    [sent] = before.sent()
    after.hear("n2", ForwardAnswers(((sent.message.writes[0][0], {"ok": True, "index": 9}),)))
    assert after.answers() == []


@pytest.mark.parametrize(
    ("request_", "after_s", "definite"),
    [
        pytest.param(WRITE, 60.0, False, id="write"),
        pytest.param({**READ, "mode": "lease", "timeout_s": 2}, 2.0, True, id="lease-read"),
    ],
)
def test_a_forwarded_request_without_answer(request_: dict[str, Any], after_s: float, definite: bool) -> None:
    bench = following()
    bench.ask(**request_)
    assert bench.replica.deadline() == bench.now + after_s
    bench.replica.tick(bench.now + after_s - 0.01)
    assert bench.answers() == []
    bench.replica.tick(bench.now + after_s)
    assert bench.answers() == [refused("unavailable", definite=definite, leader="n2")]


@pytest.mark.parametrize(("request_", "definite"), [(WRITE, False), ({**READ, "mode": "lease"}, True)])
def test_clients_are_told_when_the_leader_they_wait_for_is_gone(request_: dict[str, Any], definite: bool) -> None:
    bench = following()
    bench.ask(**request_)
    bench.replica.leadership_changed()
    assert bench.answers() == []  # the same node leads
    bench.raft.leader = "n3"
    bench.replica.leadership_changed()
    assert bench.answers() == [refused("leader-changed", definite=definite, leader="n3")]


def test_a_lease_read_forwarded() -> None:
    follower, leader = following(), leading()
    leader.raft.lease_index = 1
    follower.ask(**READ, mode="lease")
    leader.hear("n1", follower.sent()[0].message)
    assert leader.sent() == []  # index 1 is not applied yet
    leader.commit()
    follower.hear("n2", leader.sent()[0].message)
    assert follower.answers() == [{"id": 7, "ok": True, "value": None, "index": 1}]


@pytest.mark.parametrize("bench", [leading(), following()], ids=["leader", "follower"])
def test_a_linearizable_read_waits_for_its_index(bench: Bench) -> None:
    bench.ask(**READ)
    [context] = bench.raft.read_contexts
    bench.replica.reads([ReadState(context, 2)])
    bench.commit()
    assert bench.answers() == []
    bench.commit()
    assert bench.answers() == [{"id": 7, "ok": True, "value": None, "index": 2}]


def test_a_linearizable_read_that_is_not_confirmed() -> None:
    bench = leading()
    bench.ask(**READ)
    bench.replica.reads([ReadState(bench.raft.read_contexts[0], None)])
    assert bench.answers() == [refused("read-not-confirmed")]


SEQUENTIAL = {**READ, "mode": "sequential", "min_index": 2}


def test_a_sequential_read_waits_for_the_clients_index() -> None:
    bench = following()
    bench.ask(**SEQUENTIAL)
    bench.commit()
    assert bench.answers() == []
    bench.commit()
    assert bench.answers() == [{"id": 7, "ok": True, "value": None, "index": 2}]


def test_the_bug_ignore_client_index() -> None:
    bench = following(bug="ignore-client-index")
    bench.ask(**SEQUENTIAL)
    assert bench.answers() == [VALUE_NOW]


@pytest.mark.parametrize(
    ("request_", "after_s"),
    [(READ, 5.0), (SEQUENTIAL, 5.0), ({**SEQUENTIAL, "timeout_s": 0.5}, 0.5)],
    ids=["linearizable", "sequential", "own-time-out"],
)
def test_a_read_that_waits_too_long(request_: dict[str, Any], after_s: float) -> None:
    bench = following()
    bench.ask(**request_)
    bench.replica.tick(bench.now + after_s - 0.01)
    assert bench.answers() == []
    bench.replica.tick(bench.now + after_s)
    assert bench.answers() == [refused("unavailable", leader="n2")]
    bench.commit(2)
    assert bench.answers() == []


def test_nobody_waits_for_the_reads_of_a_client_that_has_gone() -> None:
    bench = following()
    for request in (READ, SEQUENTIAL, {**READ, "mode": "lease"}, WRITE):
        bench.ask(**request)
    bench.replica.closed(1)
    assert bench.replica.deadline() == float("inf")


def test_status() -> None:
    bench = leading()
    bench.commit(3)
    bench.ask(op="status")
    [status] = bench.answers()
    assert status == {
        "id": 7,
        "ok": True,
        "node": "n1",
        "term": 2,
        "role": "leader",
        "leader": "n1",
        "commit": 0,
        "applied": 3,
        "wall": 1_000_000_500_000_000,
        "mono": 100_000_000_000,
        "last_index": 0,
        "first_index": 1,
        "voters": ["n1", "n2", "n3"],
        "outgoing": [],
        "learners": ["n4"],
        "changing": False,
        "version": 1,
    }


def test_too_many_bytes_of_proposals_are_refused() -> None:
    bench = leading()
    for seq in (1, 2):
        bench.ask(op="write", key="k", value="x" * 600, session="s", seq=seq)
    assert bench.answers() == []
    bench.ask(op="write", key="k", value=1)
    assert bench.answers() == [refused("unavailable")]
    bench.commit(2)
    bench.answers()
    bench.ask(op="write", key="k", value=1)
    assert bench.answers() == []


# What ends by itself

TIMED = {"op": "write", "key": "k", "value": 5, "ttl_ms": 2000}


def proposed_since(bench: Bench, index: int) -> list[tuple[int, str, Any]]:
    """(operation, key, value) of what the leader proposed after `index`."""
    commands = [decode(entry.data) for entry in bench.raft.log[index:]]
    return [(command.operation, command.key, command.value) for command in commands]


def test_the_leader_proposes_the_end_of_a_time_to_live() -> None:
    bench = leading()
    bench.ask(**TIMED)
    bench.commit()
    assert bench.replica.deadline() == bench.now + 2.0
    bench.replica.tick(bench.now + 1.99)
    assert proposed_since(bench, 1) == []
    bench.replica.tick(bench.now + 2.0)
    assert proposed_since(bench, 1) == [(Operation.EXPIRE, "k", 1)]
    assert bench.value("k") == 5  # not before the entry is applied
    bench.commit()
    assert bench.value("k") is None


def test_a_proposal_of_an_end_that_was_lost_is_made_again() -> None:
    bench = leading()
    bench.ask(**TIMED)
    bench.commit()
    for later in (2.0, 2.5, 3.0, 4.5):
        bench.replica.tick(bench.now + later)
    assert len(proposed_since(bench, 1)) == 3
    bench.commit(3)
    bench.replica.tick(bench.now + 10.0)
    assert len(proposed_since(bench, 1)) == 3
    assert bench.replica.deadline() == float("inf")


def test_what_was_renewed_ends_later() -> None:
    bench = leading()
    bench.ask(**TIMED)
    bench.commit()
    bench.now += 1.5
    bench.ask(**TIMED)
    bench.commit()
    bench.replica.tick(bench.now + 1.9)
    assert proposed_since(bench, 2) == []
    bench.replica.tick(bench.now + 2.0)
    assert proposed_since(bench, 2) == [(Operation.EXPIRE, "k", 2)]


def test_a_follower_counts_and_proposes_when_it_leads() -> None:
    leader, bench = leading(), following()
    leader.ask(**TIMED)
    bench.raft.log, bench.raft.last_index = leader.raft.log, 1
    bench.commit()
    assert bench.replica.deadline() == float("inf")
    bench.now += 5.0
    bench.replica.tick(bench.now)
    assert proposed_since(bench, 1) == []
    bench.raft.role, bench.raft.leader = Role.LEADER, "n1"
    assert bench.replica.deadline() < bench.now
    bench.replica.tick(bench.now)
    assert proposed_since(bench, 1) == [(Operation.EXPIRE, "k", 1)]


def test_after_a_snapshot_the_time_begins_anew() -> None:
    other, bench = leading(), leading()
    other.ask(op="acquire", key="lock", ttl_ms=300)
    other.commit()
    data = other.replica.snapshot_data()
    bench.replica.restore(Snapshot(1, 2, Configuration(frozenset({"n1"})), data), bench.now)
    assert bench.replica.deadline() == bench.now + 0.3


def test_a_read_of_another_type_is_refused() -> None:
    bench = leading()
    bench.ask(**WRITE)
    bench.commit()
    bench.answers()
    bench.ask(op="read", key="k", contains=1, mode="stale")
    assert bench.answers() == [refused("wrong-type")]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ({"key": "s"}, ["a"]),
        ({"key": "s", "contains": "a"}, True),
        ({"key": "s", "contains": "b"}, False),
        ({"keys": ["s", "t"]}, [["a"], None]),
    ],
)
@pytest.mark.parametrize("mode", ["linearizable", "lease", "sequential", "stale"])
def test_reads_of_objects_in_every_mode(query: dict[str, Any], value: Any, mode: str) -> None:
    bench = leading()
    bench.ask(op="set-add", key="s", element="a")
    bench.commit()
    bench.answers()
    bench.raft.lease_index = 1
    bench.ask(op="read", mode=mode, **query)
    bench.replica.reads([ReadState(context, 1) for context in bench.raft.read_contexts])
    assert bench.answers() == [{"id": 7, "ok": True, "value": value, "index": 1}]


def test_a_lease_read_of_an_object_forwarded() -> None:
    follower, leader = following(), leading()
    leader.ask(op="set-add", key="s", element="a")
    leader.commit()
    leader.raft.lease_index = 1
    leader.answers()
    follower.ask(op="read", key="s", contains="a", mode="lease")
    [sent] = follower.sent()
    leader.hear("n1", wire.decode(wire.encode(sent.message)))
    follower.hear("n2", leader.sent()[0].message)
    assert follower.answers() == [{"id": 7, "ok": True, "value": True, "index": 1}]
