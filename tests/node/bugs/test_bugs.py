"""The catalogue, and every bug of it: its rule holds without its switch, and is broken with it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import pytest

from node_image import variants
from node_image.bugs import BUGS, CHECKS, GROUPS, Bug
from node_image.driver.group_commit import GroupCommit
from node_image.raft import Raft
from node_image.raft.log import Log
from node_image.replica import Replica
from node_image.storage import recover
from node_image.variants import variant
from tests.node.bugs.scenes import SCENES
from tests.node.driver.test_node import ALONE, LATER, started
from tests.node.raft.pump import Pump, T

for module in ("votes", "log", "commit", "reads", "state_machine", "membership", "liveness"):
    import_module(f"tests.node.bugs.{module}")
for package in ("raft", "replica", "storage", "driver"):
    import_module(f"node_image.{package}.mistakes")

every_bug = pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)


@every_bug
def test_the_rule_holds_without_the_bug_and_is_broken_with_it(bug: Bug) -> None:
    play = SCENES[bug.name]
    assert (play(frozenset()), play(frozenset({bug.name}))) == (True, False)


@every_bug
def test_an_entry_of_the_catalogue_is_whole(bug: Bug) -> None:
    assert BUGS[bug.name] is bug
    assert bug.name == bug.name.lower().replace(" ", "-")
    assert bug.group in GROUPS
    assert bug.checks
    assert set(bug.checks) <= CHECKS.keys()
    for sentence in (bug.description, bug.breaks):
        assert sentence.strip(" .") == sentence
        assert 30 < len(sentence) < 130


def test_the_catalogue_is_in_the_order_of_its_groups_and_has_no_other_mistakes() -> None:
    groups = [bug.group for bug in BUGS.values()]
    assert groups == sorted(groups, key=GROUPS.index)
    assert {name for _, name in variants._MISTAKES} == set(BUGS) == set(SCENES)


@pytest.mark.parametrize("right", [Log, Raft, Replica, GroupCommit, recover])
def test_without_a_bug_the_code_is_the_right_one_itself(right: object) -> None:
    assert variant(right, frozenset()) is right
    assert variant(right, frozenset({"wall-clock-lease"})) is right


def test_two_bugs_at_one_place_are_refused() -> None:
    with pytest.raises(AssertionError, match="two bugs at the same place: forget-term, forget-vote"):
        Pump(bugs=["forget-vote", "forget-term"])


# --- in quiet times nobody notices --------------------------------------------------------------------------------


@every_bug
def test_a_quiet_cluster_commits_and_reads(bug: Bug) -> None:
    pump = Pump(5, bugs=[bug.name])
    pump.elect("n1")
    for number in range(20):
        pump.propose("n1", b"%d" % number)
        pump.settle()
        pump.wait(T / 4)
    pump.nodes["n2"].read_index(7, pump.now)
    pump.settle()
    assert pump.leaders() == ["n1"]
    assert pump.reads["n2"] == [(7, 21)]
    assert {tuple(machine.commands) for machine in pump.machines.values()} == {
        tuple(b"%d" % number for number in range(20))
    }


@every_bug
def test_a_quiet_node_serves_and_makes_snapshots(bug: Bug) -> None:
    host = started(replace(ALONE, bug=bug.name))
    host.run_until(LATER + 2)
    for number in range(1, 26):
        host.request(op="write", key="k", value=number, session="s", seq=2 * number - 1)
        host.sync_all()
        host.request(op="cas", key="k", expected=number, new=-number, session="s", seq=2 * number)
        host.sync_all()
        assert host.replies[-1]["matched"] is True
    host.request(op="txn", steps=[["add", "a", -1], ["add", "b", 1]])
    host.run_until(host.now + 1)
    assert host.replies[-1]["value"] == [["add", "a", -1], ["add", "b", 1]]
    host.request(op="read", key="k")
    host.run_until(host.now + 1)
    assert host.replies[-1]["value"] == -25
    assert all(reply["ok"] for reply in host.replies)
    assert "snapshot" in host.files
