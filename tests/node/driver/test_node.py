"""The node as a whole, by hand: what leaves before its sync, and what must not (paper, figure 2)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks, Effect, Replace, Reply, Send, Sync, Trace, Write
from node_image.driver.node import Node
from node_image.driver.tracer import CHECKPOINT_ENTRIES, INTERVAL_S
from node_image.raft import Entry, EntryKind
from node_image.raft.messages import AppendAccepted, AppendEntries, HeartbeatResponse, RequestVote, VoteResponse
from node_image.storage import Corrupt

CONFIG = NodeConfig(node="n1", peers=frozenset({"n1", "n2", "n3"}), snapshot_every_entries=10)
ALONE = replace(CONFIG, peers=frozenset({"n1"}))
LATER = 5.0
"""After a start, by then no lease of before can bar votes."""


class Host:
    """A node, and the files that its effects make. Syncs wait until `sync` is called."""

    def __init__(self, config: NodeConfig = CONFIG, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.now = 0.0
        self.tokens: list[int] = []
        self.traces: list[dict[str, Any]] = []
        self.sent: list[Any] = []
        self.replies: list[dict[str, Any]] = []
        self.syncs = 0
        self.node = Node(config, self.files, random.Random(1), self.clocks)
        self.carry_out(self.node.start(self.clocks))

    @property
    def clocks(self) -> Clocks:
        return Clocks(self.now, 0.0)

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write(file, data):
                    self.files[file] = self.files.get(file, b"") + data
                case Replace(file, data, token):
                    self.files[file] = data
                    self.tokens.append(token)
                case Sync(_, token):
                    self.syncs += 1
                    self.tokens.append(token)
                case Send(_, message):
                    self.sent.append(message)
                case Reply(_, response):
                    self.replies.append(response)
                case Trace(record):
                    self.traces.append(record)

    def sync(self) -> None:
        """Finish what the disk was asked for until now."""
        tokens, self.tokens = self.tokens, []
        for token in tokens:
            self.carry_out(self.node.synced(token, self.clocks))

    def sync_all(self) -> None:
        while self.tokens:
            self.sync()

    def receive(self, message: Any, sender: str = "n2") -> None:
        self.carry_out(self.node.peer_message(sender, message, self.clocks))

    def request(self, **request: Any) -> None:
        self.carry_out(self.node.client_line(1, {"id": 0, **request}, self.clocks))

    def run_until(self, time: float) -> None:
        while self.node.deadline() <= time:
            self.now = max(self.now, self.node.deadline())
            self.carry_out(self.node.tick(self.clocks))
            self.sync_all()
        self.now = time

    def taken(self) -> list[Any]:
        sent, self.sent = self.sent, []
        return sent


def started(config: NodeConfig = CONFIG) -> Host:
    host = Host(config)
    host.sync()
    host.now = LATER
    return host


def entries(first: int, last: int, term: int = 1) -> tuple[Entry, ...]:
    return tuple(Entry(term, index, EntryKind.NOOP, b"") for index in range(first, last + 1))


def test_a_vote_leaves_when_it_is_durable() -> None:
    host = started()
    host.receive(RequestVote(3, 0, 0))
    assert host.taken() == []
    host.sync()
    assert host.taken() == [VoteResponse(3, True)]
    assert Node(CONFIG, host.files, random.Random(2), host.clocks).raft.vote == "n2"


def test_entries_are_accepted_when_they_are_durable() -> None:
    host = started()
    host.receive(AppendEntries(1, 0, 0, 0, entries(1, 3)))
    assert not any(isinstance(message, AppendAccepted) for message in host.taken())
    host.sync()
    assert host.taken() == [AppendAccepted(1, 3)]


def test_what_others_committed_is_applied_before_it_is_durable_here() -> None:
    host = started()
    host.receive(AppendEntries(1, 0, 0, 3, entries(1, 3)))
    assert host.node.replica.applied == 3


def test_with_the_bug_answers_leave_at_once() -> None:
    host = started(replace(CONFIG, bug="ack-before-sync"))
    host.receive(RequestVote(3, 0, 0))
    assert host.taken() == [VoteResponse(3, True)]
    assert host.tokens == []


def test_before_the_first_sync_a_node_takes_no_part() -> None:
    host = Host()
    host.receive(RequestVote(3, 0, 0))
    host.request(op="read", key="k", mode="stale")
    assert host.node.deadline() == float("inf")
    assert host.node.raft.term == 0
    assert host.replies[0]["error"] == "unavailable"
    assert host.replies[0]["definite"] is True


def test_a_node_alone_commits_by_its_own_disk() -> None:
    host = started(ALONE)
    host.run_until(LATER + 2)
    host.request(op="write", key="k", value=1)
    assert host.replies == []
    host.sync()
    assert host.replies[0]["ok"] is True


def test_requests_that_come_together_share_one_sync() -> None:
    host = started(ALONE)
    host.run_until(LATER + 2)
    before = host.syncs
    for value in range(100):
        request = {"id": value, "op": "write", "key": "k", "value": value}
        assert host.node.client_line(1, request, host.clocks, more=True) == []
    host.carry_out(host.node.settle(host.clocks))
    host.sync()
    assert host.syncs == before + 1
    assert [reply["id"] for reply in host.replies] == list(range(100))


def test_requests_during_a_sync_share_the_next_one() -> None:
    host = started(replace(ALONE, snapshot_every_entries=1000))
    host.run_until(LATER + 2)
    before = host.syncs
    for value in range(100):
        host.request(op="write", key="k", value=value)
    host.sync_all()
    assert host.syncs == before + 2
    assert len(host.replies) == 100


def test_a_snapshot_is_made_every_so_many_entries_and_the_node_comes_back_from_it() -> None:
    host = started(ALONE)
    host.run_until(LATER + 2)
    for value in range(25):
        host.request(op="write", key="k", value=value)
        host.sync_all()
    assert "snapshot" in host.files
    again = Host(ALONE, host.files)
    assert again.node.replica.applied == again.node.raft.applied_index == 20
    again.sync()
    again.run_until(3.0)
    again.request(op="read", key="k", mode="stale")
    assert again.replies[-1]["value"] == 24
    assert again.node.replica.applied_hash != host.node.replica.applied_hash, "a new leader's entry is behind the last"


def test_damaged_files_are_refused() -> None:
    host = started(ALONE)
    host.run_until(LATER + 2)
    [file] = host.files
    damaged = bytearray(host.files[file])
    damaged[40] ^= 1
    with pytest.raises(Corrupt, match=file):
        Node(ALONE, {file: bytes(damaged)}, random.Random(1), host.clocks)


def test_trace_records_come_at_changes_checkpoints_and_intervals() -> None:
    host = started()
    host.receive(AppendEntries(4, 0, 0, 200, entries(1, 200, term=4)))
    events = [(t["event"], t["term"], t["role"], t["leader"], t["applied"]) for t in host.traces]
    expected: list[object] = [("start", 0, "follower", None, 0), ("role", 4, "follower", "n2", 0)]
    expected += [("apply", 4, "follower", "n2", n * CHECKPOINT_ENTRIES) for n in (1, 2, 3)]
    assert events == expected
    host.sync()
    host.now += INTERVAL_S
    host.receive(HeartbeatResponse(4, 0))
    assert (host.traces[-1]["event"], host.traces[-1]["applied"]) == ("apply", 200)
    host.now += INTERVAL_S
    host.receive(HeartbeatResponse(4, 0))
    assert (host.traces[-1]["event"], host.traces[-1]["vote"]) == ("interval", None)
    host.carry_out(host.node.stop(host.clocks))
    assert host.traces[-1]["event"] == "stop"


def test_equal_checkpoints_have_equal_hashes_whatever_the_batches() -> None:
    whole, pieces = started(), started()
    whole.receive(AppendEntries(1, 0, 0, 130, entries(1, 130)))
    for index in range(1, 131):
        pieces.receive(AppendEntries(1, index - 1, min(index - 1, 1), index, entries(index, index)))
    hashes = [{t["applied"]: t["hash"] for t in host.traces} for host in (whole, pieces)]
    assert hashes[0][64] == hashes[1][64]
    assert hashes[0][128] == hashes[1][128]


def test_a_snapshot_is_made_every_so_many_bytes() -> None:
    """Large commands fill the memory sooner than many small ones."""
    config = replace(ALONE, snapshot_every_entries=1000, snapshot_every_bytes=5000, trailing_bytes=1000)
    host = started(config)
    host.run_until(LATER + 2)
    longest = 0
    for _ in range(50):
        host.request(op="write", key="k", value="x" * 500)
        host.sync_all()
        raft = host.node.raft
        longest = max(longest, raft.last_index - raft.first_index + 1)
    assert "snapshot" in host.files
    assert longest <= 12
    assert all(reply["ok"] for reply in host.replies)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"voters": frozenset({"n1", "n8"})}, "voters n8 are not among the peers"),
        ({"voters": frozenset()}, "at least one voter"),
        ({"max_inflight_bytes": 0}, "must be positive"),
        ({"max_pending_bytes": 0}, "must be positive"),
        ({"trailing_bytes": -1}, "must not be negative"),
        ({"clock_drift_bound": 1.0}, "clock_drift_bound"),
        ({"node": "n9"}, "n9 is not among its peers n1, n2, n3"),
        ({"snapshot_every_entries": 0}, "must be positive"),
        ({"heartbeat_interval_s": 1.0}, "below election_timeout_s"),
        ({"session_ttl_entries": 0}, "must be positive"),
        ({"bug": "no-such-bug"}, "there is no bug no-such-bug"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replace(CONFIG, **wrong)
