"""What a node is in every role: its term and vote, its log, the leader it knows, and what waits to leave it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from node_image.raft.config import RaftConfig
from node_image.raft.configurations import Configurations
from node_image.raft.durability import Durability
from node_image.raft.log import Log
from node_image.raft.messages import AppendAccepted, Message
from node_image.raft.ready import Notice, ReadState
from node_image.raft.types import Configuration, Entry, EntryKind, HardState, NodeId, Role, Snapshot
from node_image.variants import variant


class Outbox:
    """What the next Ready will carry besides entries."""

    __slots__ = ("after_sync", "at_once", "notices", "reads", "snapshot")

    def __init__(self) -> None:
        self.at_once: list[tuple[NodeId, Message]] = []
        self.after_sync: list[tuple[NodeId, Message]] = []
        self.reads: list[ReadState] = []
        self.notices: list[Notice] = []
        self.snapshot: Snapshot | None = None

    def clear(self) -> None:
        self.at_once.clear()
        self.after_sync.clear()
        self.reads.clear()
        if self.notices:
            self.notices.clear()
        self.snapshot = None

    def accept(self, leader: NodeId, answer: AppendAccepted) -> None:
        """A later acceptance says what an earlier one says, so one for each Ready is enough."""
        if self.after_sync:
            to, earlier = self.after_sync[-1]
            if to == leader and type(earlier) is AppendAccepted and earlier.term == answer.term:
                if answer.match > earlier.match:
                    self.after_sync[-1] = (leader, answer)
                return
        self.after_sync.append((leader, answer))


class State:
    __slots__ = (
        "bugs",
        "config",
        "configuration",
        "configurations",
        "durability",
        "election_due",
        "id",
        "is_voter",
        "leader",
        "log",
        "now",
        "outbox",
        "peers",
        "rng",
        "role",
        "snapshot",
        "term",
        "vote",
        "votes_barred_until",
        "wall",
    )

    def __init__(
        self,
        config: RaftConfig,
        rng: random.Random,
        hard_state: HardState,
        snapshot: Snapshot | None,
        entries: Sequence[Entry],
        now: float,
        bugs: frozenset[str] = frozenset(),
    ) -> None:
        self.bugs = bugs
        self.config = config
        self.id = config.node
        self.rng = rng
        self.role = Role.FOLLOWER
        self.leader: NodeId | None = None
        self.snapshot = snapshot
        offset, offset_term = (snapshot.index, snapshot.term) if snapshot is not None else (0, 0)
        self.log = variant(Log, bugs)(offset, offset_term, entries)
        self._follow_snapshot(snapshot.configuration if snapshot is not None else config.configuration)
        for entry in entries:
            if entry.kind is EntryKind.CONFIGURATION:
                self.configuration_appended(entry)
        self._recall(hard_state)
        self.durability = Durability(self.log.last_index)
        self.outbox = variant(Outbox, bugs)()
        self.now = now
        """Of the last input, so never later than what leaves in answer to it."""
        self.wall = 0.0
        self.votes_barred_until = now + config.election_timeout_s if hard_state.term else now
        """No votes while a leader may hold a lease that this node has confirmed (dissertation 4.2.3, 6.4.1). After a
        restart nobody remembers whether it did."""
        self.election_due = now
        self.reset_election_timer()

    def _recall(self, hard_state: HardState) -> None:
        """What was said before a restart holds after it (paper, figure 2: persistent state)."""
        self.term, self.vote = hard_state.term, hard_state.vote

    @property
    def hard_state(self) -> HardState:
        return HardState(self.term, self.vote)

    @property
    def may_campaign(self) -> bool:
        """A voter, and also one that a configuration removes which is not known to be committed: without it there may
        be nobody whose log is long enough to be elected. It does not count its own vote (dissertation 4.2.2)."""
        if self.is_voter:
            return True
        before = self.configurations.before
        return before is not None and before.has_voter(self.id) and self.configurations.index > self.log.committed

    def reset_election_timer(self) -> None:
        """To a random time in [T, 2T) from now (paper 5.2)."""
        self.election_due = self.now + self.config.election_timeout_s * (1 + self.rng.random())

    def heard_from_leader(self, leader: NodeId) -> None:
        self.leader = leader
        self.votes_barred_until = self.now + self.config.election_timeout_s
        self.reset_election_timer()

    def enter_term(self, term: int, vote: NodeId | None) -> None:
        self.term = term
        self.vote_for(vote)

    def vote_for(self, vote: NodeId | None) -> None:
        self.vote = vote
        self.durability.hard_state_changed()

    def send(self, to: NodeId, message: Message) -> None:
        self.outbox.at_once.append((to, message))

    def send_when_durable(self, to: NodeId, message: Message) -> None:
        self.outbox.after_sync.append((to, message))

    def answer(self, to: NodeId, message: Message) -> None:
        """An answer that depends on the term and the vote but not on the log."""
        if self.durability.hard_state_is_durable:
            self.outbox.at_once.append((to, message))
        else:
            self.outbox.after_sync.append((to, message))

    # The configuration in force, and the other members in a fixed order: a set's differs between processes, and a seed
    # has to decide everything.

    def configuration_appended(self, entry: Entry) -> None:
        """A configuration entry that the log has now."""
        if self.configurations.appended(entry):
            self._put_in_force()

    def configuration_cut(self, index: int) -> None:
        """The log ends before `index` now."""
        if self.configurations.cut(index):
            self._put_in_force()

    def configuration_restored(self, configuration: Configuration) -> None:
        """A snapshot has taken the log's place."""
        self._follow_snapshot(configuration)

    def _follow_snapshot(self, configuration: Configuration) -> None:
        self.configurations = variant(Configurations, self.bugs)(self.log.offset, configuration)
        self._put_in_force()

    def _put_in_force(self) -> None:
        self._go_by(self.configurations.in_force)

    def _go_by(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.peers = tuple(sorted(configuration.members - {self.id}))
        self.is_voter = configuration.has_voter(self.id)
