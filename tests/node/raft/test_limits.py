"""Memory stays bounded, whoever is away: the log in memory, what is on its way, what the leader keeps of a follower.
(The paper leaves flow control open; dissertation 10.2.1 and 11.3 name the windows.)"""

from __future__ import annotations

import pytest

from node_image.raft.messages import AppendEntries, InstallSnapshot
from node_image.raft.progress import Flow, Progress
from tests.node.raft.pump import Pump, T


def progress_of(pump: Pump, follower: str, leader: str = "n1") -> Progress:
    leadership = pump.nodes[leader]._leadership
    assert leadership is not None
    return leadership.replication.progress[follower]


def test_bytes_on_their_way_are_bounded() -> None:
    """The message that passes the limit is the last."""
    pump = Pump(3, max_inflight_bytes=25, max_entries_per_message=1)
    pump.elect("n1")
    pump.sent.clear()
    pump.propose("n1", *[b"0123456789"] * 20)
    pump.collect("n1")
    assert len(pump.sent_of(AppendEntries, to="n2")) == 3
    assert progress_of(pump, "n2").inflight_bytes == 30
    pump.settle()
    assert progress_of(pump, "n2").inflight_bytes == 0
    assert pump.machines["n2"].commands == [b"0123456789"] * 20


def test_the_bytes_of_what_was_lost_are_forgotten() -> None:
    pump = Pump(3, max_inflight_bytes=25, max_entries_per_message=1)
    pump.elect("n1")
    pump.lose = lambda packet: isinstance(packet.message, AppendEntries) and packet.to == "n2"
    pump.propose("n1", *[b"0123456789"] * 20)
    pump.settle()
    pump.lose = lambda packet: False
    pump.wait(2 * T)
    assert pump.machines["n2"].commands == [b"0123456789"] * 20
    assert progress_of(pump, "n2").inflight_bytes == 0


@pytest.mark.parametrize("limit", [{"trailing_entries": 10}, {"trailing_bytes": 100}])
def test_the_log_of_a_leader_whose_follower_never_answers_is_bounded_by_compaction(limit: dict[str, int]) -> None:
    pump = Pump(3, **limit)
    pump.elect("n1")
    pump.partition("12", "3")
    for _ in range(50):
        pump.propose("n1", *[b"0123456789"] * 20)
        pump.settle()
        pump.compact("n1")
        pump.compact("n2")
        for name in ("n1", "n2"):
            node = pump.nodes[name]
            assert node.last_index - node.first_index + 1 <= 10
    assert len(progress_of(pump, "n3").inflight) <= 64, "indexes, not entries"


def test_a_follower_that_is_away_is_probed_and_not_flooded() -> None:
    """One message for each heartbeat that it answers; none while it answers nothing."""
    pump = Pump(3)
    pump.elect("n1")
    pump.crash("n3")
    pump.propose("n1", b"x")
    pump.settle()
    pump.sent.clear()
    for _ in range(20):
        pump.propose("n1", b"x")
        pump.wait(T)
    assert len(pump.sent_of(AppendEntries, to="n3")) <= 64
    assert len(progress_of(pump, "n3").inflight) <= 64


def test_flow_goes_from_probe_to_snapshot_to_replicate() -> None:
    pump = Pump(3, trailing_entries=0, snapshot_chunk_bytes=4)
    pump.elect("n1")
    pump.partition("12", "3")
    pump.propose("n1", b"x", b"y")
    pump.settle()
    pump.compact("n1")
    assert progress_of(pump, "n3").flow is Flow.REPLICATE
    pump.heal()
    seen: list[Flow] = []
    pump.lose = lambda packet: bool(seen.append(progress_of(pump, "n3").flow))  # type: ignore[func-returns-value]
    pump.wait(T)
    order = [flow for flow, before in zip(seen, [None, *seen], strict=False) if flow is not before]
    assert order == [Flow.REPLICATE, Flow.PROBE, Flow.SNAPSHOT, Flow.REPLICATE] or order == [
        Flow.REPLICATE,
        Flow.SNAPSHOT,
        Flow.REPLICATE,
    ]
    assert progress_of(pump, "n3").snapshot is None, "the old snapshot is let go"


def half_way() -> Pump:
    """n1 leads, n3 was away and has got a part of a snapshot; the rest is lost on the way."""
    pump = Pump(3, trailing_entries=0, snapshot_chunk_bytes=4)
    pump.elect("n1")
    pump.partition("12", "3")
    pump.propose("n1", *[b"command-%d" % number for number in range(5)])
    pump.settle()
    pump.compact("n1")
    pump.compact("n2")
    pump.heal()
    pump.lose = lambda packet: isinstance(packet.message, InstallSnapshot) and packet.message.offset >= 12
    pump.wait(T)
    return pump


def test_a_snapshot_transfer_survives_a_change_of_the_leader() -> None:
    """The next leader begins with its own snapshot; pieces of the old one are not mixed in."""
    pump = half_way()
    assert pump.machines["n3"].commands == []
    pump.crash("n1")
    pump.lose = lambda packet: False
    pump.wait(6 * T)
    assert pump.leaders() == ["n2"]
    assert pump.machines["n3"].commands == pump.machines["n2"].commands
    assert len(pump.machines["n3"].commands) == 5


def test_a_snapshot_transfer_survives_a_restart_of_its_sender() -> None:
    pump = half_way()
    pump.restart("n1")
    pump.lose = lambda packet: False
    pump.wait(6 * T)
    assert {len(machine.commands) for machine in pump.machines.values()} == {5}
