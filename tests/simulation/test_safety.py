"""The five properties of the Raft paper (figure 3), each broken on purpose: seen at the step that breaks it. What is
right is let pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.cluster.simulation.safety import Safety, Violation
from harness.world.virtual import Halted
from node_image.driver.effects import Clocks
from node_image.driver.node import Node
from node_image.raft import Entry, Raft, Ready, Role
from node_image.raft.messages import RequestPreVote, RequestVote, VoteResponse
from node_image.raft.types import Configuration, EntryKind, Snapshot
from tests.simulation.small import lead, pass_time, run, started


def entry(index: int, term: int, data: bytes = b"") -> Entry:
    return Entry(term, index, EntryKind.COMMAND, data)


class Log:
    """As much of a Raft as is looked at."""

    def __init__(
        self, name: str, *terms: int, role: Role = Role.FOLLOWER, term: int = 0, vote: str | None = None
    ) -> None:
        self.id = name
        self.terms = list(terms)
        self.role = role
        self.term = term or max(terms, default=0)
        self.vote = vote
        self.first_index = 1

    @property
    def last_index(self) -> int:
        return len(self.terms)

    def term_at(self, index: int) -> int | None:
        if index == 0:
            return 0
        return self.terms[index - 1] if index <= len(self.terms) else None


def ready(*entries: Entry, committed: tuple[Entry, ...] = (), snapshot: Snapshot | None = None) -> Ready:
    return Ready(1, None, entries, snapshot, (), (), committed, (), False)


class Checked:
    def __init__(self) -> None:
        self.found = 0
        self.safety = Safety(lambda: 5, self._find)

    def _find(self) -> None:
        self.found += 1

    def sees(self, log: Log, what: Ready) -> None:
        self.safety.saw_ready(cast(Raft, log), what)

    def violated(self, log: Log, what: Ready, property: str) -> None:
        with pytest.raises(Violation, match=property):
            self.sees(log, what)
        self.seen(property)

    def seen(self, property: str) -> None:
        assert self.safety.violation is not None
        assert self.safety.violation.startswith(property)
        assert self.found == 1


@pytest.fixture
def checked() -> Checked:
    return Checked()


def leader(name: str, *terms: int, term: int = 0) -> Log:
    return Log(name, *terms, role=Role.LEADER, term=term)


# Election safety


def test_two_leaders_of_one_term(checked: Checked) -> None:
    checked.sees(leader("n1", 1), ready(entry(1, 1)))
    checked.sees(leader("n1", 1), ready())
    checked.sees(leader("n2", 1, 2), ready(entry(2, 2)))
    checked.violated(leader("n2", term=1), ready(), "election safety: n1 and n2 both lead term 1")


def test_two_votes_in_a_term(checked: Checked) -> None:
    safety = checked.safety
    safety.saw_send("n3", "n1", VoteResponse(2, True))
    safety.saw_send("n3", "n1", VoteResponse(2, True))
    safety.saw_send("n3", "n2", VoteResponse(2, False))
    safety.saw_send("n3", "n2", RequestPreVote(9, 0, 0))
    safety.saw_send("n3", "n2", VoteResponse(3, True))
    with pytest.raises(Violation):
        safety.saw_send("n3", "n1", VoteResponse(3, True))
    checked.seen("election safety: n3 votes for n2 and for n1 in term 3")


def test_a_candidate_votes_for_itself(checked: Checked) -> None:
    checked.safety.saw_send("n1", "n2", RequestVote(1, 0, 0))
    checked.safety.saw_send("n1", "n3", RequestVote(1, 0, 0))
    with pytest.raises(Violation):
        checked.safety.saw_send("n1", "n2", VoteResponse(1, True))
    checked.seen("election safety: n1 votes for n1 and for n2 in term 1")


def test_a_vote_in_a_term_that_was_left(checked: Checked) -> None:
    checked.safety.saw_send("n3", "n1", VoteResponse(5, True))
    with pytest.raises(Violation):
        checked.safety.saw_send("n3", "n1", VoteResponse(4, True))
    checked.seen("election safety: n3 votes in term 4 after one in term 5")


@pytest.mark.parametrize(
    ("term", "vote", "knows"), [(5, "n1", True), (6, None, True), (5, None, False), (5, "n2", False), (4, "n1", False)]
)
def test_what_a_node_knows_of_its_vote_after_a_restart(
    checked: Checked, term: int, vote: str | None, knows: bool
) -> None:
    checked.safety.saw_send("n3", "n1", VoteResponse(5, True))
    again = cast(Raft, Log("n3", term=term, vote=vote))
    if knows:
        checked.safety.saw_start(again)
        return
    with pytest.raises(Violation):
        checked.safety.saw_start(again)
    checked.seen("election safety: n3 has forgotten its vote for n1 in term 5")


# Leader append-only


@pytest.mark.parametrize(
    ("after", "added"),
    [
        ([1, 2], []),  # shorter
        ([1, 2, 1], []),  # another last entry
        ([1, 2, 2], [entry(3, 2)]),  # the same entry stored once more: what it replaced may have been another
        ([1, 2, 2, 2], [entry(3, 2), entry(4, 2)]),
    ],
)
def test_a_leader_that_changes_its_log(checked: Checked, after: list[int], added: list[Entry]) -> None:
    checked.sees(leader("n1", 1, 2, 2), ready(entry(2, 2), entry(3, 2)))
    checked.violated(leader("n1", *after, term=2), ready(*added), "leader append-only: n1 changed its log in term 2")


def test_a_leader_that_appends_and_one_that_was_a_follower_meanwhile(checked: Checked) -> None:
    checked.sees(leader("n1", 1, 1), ready(entry(1, 1), entry(2, 1)))
    checked.sees(leader("n1", 1, 1, 1), ready(entry(3, 1)))
    checked.sees(Log("n1", 1, 2), ready(entry(2, 2)))
    checked.sees(leader("n1", 1, 2, 3), ready(entry(3, 3)))
    assert checked.safety.violation is None


# Log matching


@pytest.mark.parametrize(
    ("log", "other"),
    [
        ([1, 2], entry(2, 2, b"another command")),
        ([1, 2], Entry(2, 2, EntryKind.NOOP, b"")),
        ([2, 2], entry(2, 2)),  # behind an entry of another term
    ],
)
def test_logs_that_agree_on_an_entry_and_differ(checked: Checked, log: list[int], other: Entry) -> None:
    checked.sees(Log("n1", 1, 2), ready(entry(1, 1), entry(2, 2)))
    checked.sees(Log("n2", 1, 2), ready(entry(1, 1), entry(2, 2)))
    checked.violated(Log("n2", *log), ready(other), "log matching: n2 stores another entry 2 of term 2")


def test_what_comes_before_an_entry_is_learnt_later(checked: Checked) -> None:
    """The first one to store it has compacted its log up to there."""
    behind_snapshot = Log("n1", 1, 2)
    behind_snapshot.term_at = lambda index: None  # type: ignore[method-assign]
    checked.sees(behind_snapshot, ready(entry(2, 2)))
    checked.sees(Log("n2", 1, 2), ready(entry(2, 2)))
    checked.violated(Log("n3", 2, 2), ready(entry(2, 2)), "log matching: n3")


# Leader completeness


@pytest.mark.parametrize("log", [(1, 3), (1, 3, 3)])
def test_a_leader_without_an_entry_that_was_committed(checked: Checked, log: tuple[int, ...]) -> None:
    entries = entry(1, 1), entry(2, 2), entry(3, 2)
    checked.sees(leader("n1", 1, 2, 2), ready(*entries, committed=entries))
    checked.violated(leader("n2", *log), ready(), "leader completeness: n2")


def test_a_leader_of_an_older_term_need_not_have_it(checked: Checked) -> None:
    """It was elected before, and does not know yet that it is deposed."""
    entries = entry(1, 1), entry(2, 3)
    checked.sees(leader("n1", 1, 3), ready(*entries, committed=entries))
    checked.sees(leader("n2", 1, 2), ready(entry(2, 2)))
    checked.sees(leader("n3", 1, 3, 4), ready(entry(3, 4)))
    assert checked.safety.violation is None


# State machine safety


def test_two_nodes_commit_different_entries(checked: Checked) -> None:
    checked.sees(Log("n1", 1), ready(entry(1, 1), committed=(entry(1, 1),)))
    checked.sees(Log("n2", 1), ready(entry(1, 1), committed=(entry(1, 1),)))
    checked.violated(Log("n3", 2), ready(committed=(entry(1, 2),)), "state machine safety: n3 commits another entry 1")


def test_a_gap(checked: Checked) -> None:
    checked.violated(Log("n1", 1, 1), ready(committed=(entry(2, 1),)), "n1 commits entry 2 with a gap before it")


def applied(name: str, index: int, hash: str) -> Node:
    return cast(Node, SimpleNamespace(raft=Log(name), replica=SimpleNamespace(applied=index, applied_hash=hash)))


def test_states_that_differ_though_logs_are_equal(checked: Checked) -> None:
    checked.safety.saw_step(applied("n1", 4, "abc"))
    checked.safety.saw_step(applied("n2", 4, "abc"))
    checked.safety.saw_step(applied("n2", 5, "def"))
    with pytest.raises(Violation):
        checked.safety.saw_step(applied("n1", 5, "xyz"))
    checked.seen("state machine safety: n1 applied something else up to 5")


@pytest.mark.parametrize(("index", "term", "was"), [(1, 1, True), (1, 2, False), (2, 1, False)])
def test_snapshots_are_of_the_committed_log(checked: Checked, index: int, term: int, was: bool) -> None:
    checked.sees(Log("n1", 1), ready(entry(1, 1), committed=(entry(1, 1),)))
    snapshot = Snapshot(index, term, Configuration(frozenset({"n1"})), b"")
    if was:
        checked.sees(Log("n2"), ready(snapshot=snapshot))
        assert checked.safety.installed == 1
        return
    checked.violated(Log("n2"), ready(snapshot=snapshot), "n2 installs a snapshot of a log that never was")


# In a cluster


def test_only_the_first_violation_is_told(checked: Checked) -> None:
    checked.violated(Log("n1", 1, 1), ready(committed=(entry(2, 1),)), "n1 commits")
    with pytest.raises(Violation):
        checked.sees(Log("n1", 1, 1), ready(committed=(entry(3, 1),)))
    assert checked.safety.violation == "n1 commits entry 2 with a gap before it"


def test_a_violation_ends_the_world_and_is_no_failure_of_the_node() -> None:
    cluster = started()
    machine = lead(cluster)

    def forge(node: Any, clocks: Any) -> list[Any]:
        cluster.safety.saw_send("n9", "n1", VoteResponse(9, True))
        cluster.safety.saw_send("n9", "n2", VoteResponse(9, True))
        return []

    cluster.world.call_later(lambda: machine.give(forge))
    with pytest.raises((Violation, Halted)):
        run(cluster, cluster.world.sleep(60))
    assert cluster.world.now() < 60_000_000_000
    assert machine.runs
    assert "CRITICAL" not in "".join(machine.log)


def test_a_cluster_that_lives_breaks_nothing() -> None:
    cluster = started()
    for _ in range(3):
        lead(cluster).kill()
        pass_time(cluster, 3)
        for machine in cluster.machines.values():
            if not machine.runs:
                assert machine.start()
    assert cluster.safety.violation is None
    assert len(cluster.safety.leaders) >= 3
    assert len(cluster.safety.committed) >= 3


class Leased(Log):
    """Its lease ends at 3 s of its clock."""

    def lease_read(self, now: float, wall: float) -> int | None:
        return 7 if now < 3.0 else None


@pytest.mark.parametrize(("now", "over"), [(2.9, False), (3.0, True)])
def test_a_lease_that_outlives_its_term(now: float, over: bool) -> None:
    """Dissertation 6.4.1: whoever is elected finds that older leases have run out."""
    old = cast(Raft, Leased("n1", term=1, role=Role.LEADER))
    safety = Safety(lambda: 5, running=lambda: [(old, Clocks(now, 0.0))])
    new = cast(Raft, Log("n2", term=2, role=Role.LEADER))
    if over:
        safety.saw_ready(new, ready())
        return
    with pytest.raises(Violation, match="lease: n2 leads term 2, and n1 has a lease of term 1"):
        safety.saw_ready(new, ready())
