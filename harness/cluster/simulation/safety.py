"""Raft's five safety properties (paper, figure 3), checked as the nodes go.

Each check is made where the thing happens, against all that ever happened on any node, so a violation is found at the
step that makes it, and the cost of a step does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from harness.cluster.simulation.rules import Rules
from node_image.driver.effects import Clocks
from node_image.driver.node import Node
from node_image.driver.wire import PeerMessage
from node_image.raft import Entry, Raft, Ready, Role
from node_image.raft.messages import RequestVote


class Violation(AssertionError):
    """A promise is broken: a finding, not a mistake of the test."""


class Committed(NamedTuple):
    entry: Entry
    term: int
    """The term of the leader that committed it."""
    time: int
    """When the first node handed it to its state."""


def _observed(safety: Safety, kind: type[Raft]) -> type[Raft]:
    """A Raft that shows `safety` its Readys. A class of its own, since a Raft has no room for one more attribute."""

    class ObservedRaft(kind):  # type: ignore[valid-type, misc]
        __slots__ = ()

        def ready(self) -> Ready | None:
            ready = kind.ready(self)
            if ready is not None:
                safety.saw_ready(self, ready)
            return ready

        def persisted(self, number: int) -> None:
            safety.rules.saw_persisted(self, number)
            kind.persisted(self, number)

    return ObservedRaft


class Safety:
    """`now`: the time (ns). `found` is called at the first violation. `running`: every node's Raft, with its clocks."""

    def __init__(
        self,
        now: Callable[[], int],
        found: Callable[[], object] = lambda: None,
        running: Callable[[], Iterable[tuple[Raft, Clocks]]] = tuple,
    ) -> None:
        self._now = now
        self._found = found
        self._running = running
        self.violation: str | None = None
        """What was broken first: nothing that comes after it says anything."""
        self.rules = Rules(self._require)
        self.leaders: dict[int, str] = {}
        self.committed: list[Committed] = []
        """Entry i at place i - 1."""
        self.steps = 0
        """Inputs of nodes after which all was looked at."""
        self.hand_overs: set[tuple[str, int]] = set()
        """Who stood in which term because a leader handed over to it."""
        self.installed = 0
        """Snapshots that came over the network."""
        self._entries: dict[tuple[int, int], tuple[int, int | None, bytes]] = {}
        """(index, term) -> kind, the previous entry's term, data."""
        self._hashes: dict[int, str] = {}
        self._checked: dict[str, int] = {}
        """Of each node: the last index whose hash was compared."""
        self._led: dict[str, tuple[int, int, int]] = {}
        self._observed: dict[type[Raft], type[Raft]] = {}

    def watch(self, raft: Raft) -> None:
        """From here on every Ready of it is seen, before its node acts on it."""
        self.saw_start(raft)
        kind = type(raft)
        if kind not in self._observed:
            self._observed[kind] = _observed(self, kind)
        raft.__class__ = self._observed[kind]

    def is_finding(self, error: BaseException) -> bool:
        return isinstance(error, Violation)

    def saw_ready(self, raft: Raft, ready: Ready) -> None:
        self.rules.saw_ready(raft, ready)
        if raft.role is Role.LEADER:
            self._leads(raft, ready.entries)
        if ready.entries:
            self._log_matching(raft, ready.entries)
        for entry in ready.committed:
            self._commits(raft, entry)
        if ready.snapshot is not None:
            self.installed += 1
            index, term = ready.snapshot.index, ready.snapshot.term
            known = self.committed[index - 1].entry.term if index <= len(self.committed) else None
            self._require(known == term, f"{raft.id} installs a snapshot of a log that never was")

    def saw_step(self, node: Node) -> None:
        """After every input of a node."""
        self.steps += 1
        index = node.replica.applied
        if self._checked.get(node.raft.id) == index:
            return
        self._checked[node.raft.id] = index
        running_hash = node.replica.applied_hash
        known = self._hashes.setdefault(index, running_hash)
        self._require(
            known == running_hash, f"state machine safety: {node.raft.id} applied something else up to {index}"
        )

    def saw_send(self, sender: str, to: str, message: PeerMessage) -> None:
        """A message that has left its node."""
        self.rules.saw_send(sender, to, message)
        if type(message) is RequestVote and message.transfer:
            self.hand_overs.add((sender, message.term))

    def saw_start(self, raft: Raft) -> None:
        self._checked.pop(raft.id, None)
        self.rules.saw_start(raft)

    def _leads(self, raft: Raft, entries: tuple[Entry, ...]) -> None:
        leader = self.leaders.get(raft.term)
        if leader is None:
            self.leaders[raft.term] = raft.id
            self._leader_completeness(raft)
            self._leases_are_over(raft)
        self._require(leader in (None, raft.id), f"election safety: {leader} and {raft.id} both lead term {raft.term}")
        self._leader_append_only(raft, entries)

    def _leases_are_over(self, elected: Raft) -> None:
        """Nobody else may still answer reads by a lease of an older term (dissertation 6.4.1)."""
        for raft, clocks in self._running():
            if raft.role is Role.LEADER and raft.term < elected.term:
                holds = raft.lease_read(clocks.monotonic, clocks.wall) is not None
                what = f"lease: {elected.id} leads term {elected.term}, and {raft.id} has a lease of term {raft.term}"
                self._require(not holds, what)

    def _leader_completeness(self, raft: Raft) -> None:
        self._require(
            raft.last_index >= self._must_hold(raft.term), f"leader completeness: {raft.id}'s log is too short"
        )
        for index in range(max(raft.first_index, 1), len(self.committed) + 1):
            entry, term, _ = self.committed[index - 1]
            if term < raft.term:
                holds = raft.term_at(index) == entry.term
                self._require(holds, f"leader completeness: {raft.id} leads term {raft.term} without entry {index}")

    def _must_hold(self, term: int) -> int:
        """The last index committed by a leader of an earlier term."""
        for committed in reversed(self.committed):
            if committed.term < term:
                return committed.entry.index
        return 0

    def _leader_append_only(self, raft: Raft, entries: tuple[Entry, ...]) -> None:
        """`entries`: what it has just added."""
        term, last_index, last_term = self._led.get(raft.id, (0, 0, 0))
        if term == raft.term:
            kept = raft.last_index >= last_index and raft.term_at(last_index) in (None, last_term)
            kept = kept and (not entries or entries[0].index > last_index)
            self._require(kept, f"leader append-only: {raft.id} changed its log in term {term}")
        self._led[raft.id] = (raft.term, raft.last_index, raft.term_at(raft.last_index) or 0)

    def _log_matching(self, raft: Raft, entries: tuple[Entry, ...]) -> None:
        previous = raft.term_at(entries[0].index - 1)
        for entry in entries:
            new = (entry.kind, previous, entry.data)
            known = self._entries.setdefault((entry.index, entry.term), new)
            same = known[0] == new[0] and known[2] == new[2] and (known[1] == new[1] or None in (known[1], new[1]))
            self._require(same, f"log matching: {raft.id} stores another entry {entry.index} of term {entry.term}")
            if known[1] is None:
                self._entries[entry.index, entry.term] = new
            previous = entry.term

    def _commits(self, raft: Raft, entry: Entry) -> None:
        if entry.index == len(self.committed) + 1:
            self.committed.append(Committed(entry, raft.term, self._now()))
        self._require(entry.index <= len(self.committed), f"{raft.id} commits entry {entry.index} with a gap before it")
        known = self.committed[entry.index - 1].entry
        self._require(known == entry, f"state machine safety: {raft.id} commits another entry {entry.index}")

    def _require(self, holds: bool, what: str) -> None:
        if not holds:
            self.violation = self.violation or what
            self._found()
            raise Violation(what)
