"""Scenes about the state machine: what commands do to it, its sessions, its snapshots, and time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from node_image.raft import Entry, EntryKind
from node_image.replica import StateMachine
from node_image.replica.command import Command, Operation, encode
from node_image.variants import variant
from tests.node.bugs.commit import bench
from tests.node.bugs.scenes import Bugs, scene
from tests.node.driver.test_node import ALONE, LATER, Host, started

ADD = {"op": "counter-add", "key": "k", "amount": 1}


def machine(bugs: Bugs) -> StateMachine:
    return variant(StateMachine, bugs)(1000)


def add(at: StateMachine, numbers: Iterable[int]) -> None:
    """Commands of these numbers, of one session, add one each."""
    for number in numbers:
        data = encode(Command(Operation.COUNTER_ADD, "s", number, 0, "k", 1))
        at.apply(Entry(1, at.applied + 1, EntryKind.COMMAND, data))


@scene("apply-retries")
def a_command_comes_twice(bugs: Bugs) -> bool:
    counting = machine(bugs)
    add(counting, [1, 2, 2])
    return bool(counting.read("k") == 2)


@scene("snapshot-without-sessions")
def a_command_comes_again_after_a_snapshot(bugs: Bugs) -> bool:
    before, after = machine(bugs), machine(bugs)
    add(before, [1])
    after.restore(before.snapshot())
    add(after, [1])
    return bool(after.read("k") == 1)


@scene("session-expiry-by-clock")
def a_command_comes_again_after_a_while(bugs: Bugs) -> bool:
    counting = bench(bugs)
    for _ in range(2):
        counting.ask(**ADD, session="s", seq=1, opened=0)
        counting.commit()
        counting.now += 10
    return bool(counting.value("k") == 1)


@scene("skip-after-snapshot")
def two_commands_follow_a_snapshot(bugs: Bugs) -> bool:
    before, after = machine(bugs), machine(bugs)
    add(before, [1])
    after.restore(before.snapshot())
    add(after, [2, 3])
    return bool(after.read("k") == 3)


@scene("reapply-after-snapshot")
def a_node_comes_back_from_its_snapshot(bugs: Bugs) -> bool:
    [bug] = bugs or [None]
    config = replace(ALONE, bug=bug)
    host = started(config)
    host.run_until(LATER + 2)
    for number in range(1, 26):
        host.request(**ADD, session="s", seq=number)
        host.sync_all()
    assert stale(host) == 25
    again = Host(config, host.files)
    again.sync()
    again.run_until(3.0)
    return bool(stale(again) == 25)


def stale(host: Host) -> Any:
    host.request(op="read", key="k", mode="stale")
    return host.replies[-1]["value"]


@scene("cas-at-proposal")
def two_expect_the_same(bugs: Bugs) -> bool:
    told = bench(bugs)
    for new in (1, 2):
        told.ask(op="cas", key="k", expected=None, new=new)
    told.commit(2)
    return sorted(answer["matched"] for answer in told.answers()) == [False, True]


@scene("transaction-in-parts")
def a_transfer_has_two_steps(bugs: Bugs) -> bool:
    told = bench(bugs)
    steps = [["add", "a", -1], ["add", "b", 1]]
    told.ask(op="txn", steps=steps)
    told.commit()
    transferred = told.answers()
    total = sum(told.value(key) or 0 for key in ("a", "b"))
    if not transferred:
        told.commit()
        transferred = told.answers()
    assert [answer["value"] for answer in transferred] == [steps]
    return total == 0


@scene("expiry-by-clock")
def two_nodes_apply_the_same_log_at_different_times(bugs: Bugs) -> bool:
    early, late = bench(bugs), bench(bugs)
    for _ in range(2):
        early.ask(op="acquire", key="l", ttl_ms=1000)
        early.commit()
        early.now += 2
    late.replica.commit(early.raft.log, late.now)
    return early.replica.snapshot_data() == late.replica.snapshot_data()
