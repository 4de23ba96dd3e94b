"""One Raft node: roles, terms, and which message goes where.

    FOLLOWER ---- no leader for a random time in [T, 2T) ----> PRE_CANDIDATE
    PRE_CANDIDATE ---- a quorum would vote for it ----> CANDIDATE (of the next term)
    CANDIDATE ---- a quorum has voted for it ----> LEADER
    any role ---- a higher term; a leader of this term; election lost ----> FOLLOWER
    FOLLOWER ---- its leader hands over (TimeoutNow) ----> CANDIDATE
    LEADER ---- no quorum heard from for T (CheckQuorum); a committed configuration without it ----> FOLLOWER

The work is done by parts that know nothing of each other: `Follower` (a leader's messages), `Campaign` (votes),
`Leadership` (replication, rounds and leases, reads, membership, transfer), over one `State`. Here is what decides
between them.

Nothing here does I/O or looks at a clock. Inputs change the state at once; what must leave the node because of them is
collected and handed out by `ready`, so any number of inputs can share one Ready, one sync and one message a peer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from node_image.raft.campaign import Campaign
from node_image.raft.config import RaftConfig
from node_image.raft.follower import Follower
from node_image.raft.leader import Leadership
from node_image.raft.membership import ChangeRefused
from node_image.raft.messages import (
    AppendAccepted,
    AppendEntries,
    AppendRejected,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    PreVoteResponse,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestPreVote,
    RequestVote,
    TimeoutNow,
    VoteResponse,
)
from node_image.raft.quorum import VoteResult
from node_image.raft.reads import ForwardedReads
from node_image.raft.ready import ReadState, Ready
from node_image.raft.state import State
from node_image.raft.types import Configuration, Entry, HardState, NodeId, Role, Snapshot
from node_image.variants import variant

_FROM_A_LEADER: Final[dict[type, Callable[[Follower, NodeId, Any], None]]] = {
    AppendEntries: Follower.append_entries,
    Heartbeat: Follower.heartbeat,
    InstallSnapshot: Follower.install_snapshot,
}
_TO_A_LEADER: Final[dict[type, Callable[[Leadership, NodeId, Any], None]]] = {
    AppendAccepted: Leadership.append_accepted,
    AppendRejected: Leadership.append_rejected,
    HeartbeatResponse: Leadership.heartbeat_answered,
    InstallSnapshotResponse: Leadership.snapshot_answered,
}
_NEVER: Final = float("inf")
_VOTE_REQUESTS: Final = (RequestVote, RequestPreVote)
_OF_ANY_TERM: Final = (RequestPreVote, ReadIndexRequest, ReadIndexResponse)
"""Worth an answer, or right, also when the sender's term is an old one."""


class NotLeader(Exception):
    """Nothing was proposed. `leader`: the one this node knows, if any."""

    def __init__(self, leader: NodeId | None) -> None:
        super().__init__(f"not the leader; the leader is {leader or 'not known'}")
        self.leader = leader


class Raft:
    """Times are monotonic seconds; `wall` matters only to a node with the bug `wall-clock-lease`. Raises ValueError if
    the stored entries do not follow the snapshot."""

    __slots__ = (
        "_campaign",
        "_follower",
        "_forwarded",
        "_from_a_leader",
        "_leadership",
        "_number",
        "_seen",
        "_seen_hard_state",
        "_state",
    )

    def __init__(
        self,
        config: RaftConfig,
        rng: random.Random,
        *,
        hard_state: HardState,
        snapshot: Snapshot | None,
        entries: Sequence[Entry],
        now: float,
        bugs: frozenset[str] = frozenset(),
    ) -> None:
        self._state = variant(State, bugs)(config, rng, hard_state, snapshot, entries, now, bugs)
        self._follower = variant(Follower, bugs)(self._state)
        self._from_a_leader: dict[type, Callable[[NodeId, Any], None]] = {
            kind: getattr(self._follower, method.__name__) for kind, method in _FROM_A_LEADER.items()
        }
        self._forwarded = ForwardedReads(self._state)
        self._campaign: Campaign | None = None
        self._leadership: Leadership | None = None
        self._number = 0
        self._seen: tuple[Role, int, NodeId | None] = (Role.FOLLOWER, hard_state.term, None)
        self._seen_hard_state = (hard_state.term, hard_state.vote)

    # What can be read at any time. `commit` and what depends on it move in `ready`.

    @property
    def id(self) -> NodeId:
        return self._state.id

    @property
    def term(self) -> int:
        return self._state.term

    @property
    def vote(self) -> NodeId | None:
        return self._state.vote

    @property
    def role(self) -> Role:
        return self._state.role

    @property
    def leader(self) -> NodeId | None:
        """Who leads the current term, as far as this node knows; it may be itself."""
        return self._state.leader

    @property
    def commit(self) -> int:
        return self._state.log.committed

    @property
    def applied_index(self) -> int:
        return self._state.log.applied

    @property
    def first_index(self) -> int:
        """Of the entries still in memory; `last_index + 1` if there is none."""
        return self._state.log.offset + 1

    @property
    def last_index(self) -> int:
        return self._state.log.last_index

    @property
    def configuration(self) -> Configuration:
        """The one in force: the latest in the log, committed or not."""
        return self._state.configuration

    @property
    def is_changing(self) -> bool:
        """The configuration in force is not known to be committed, or is joint."""
        return self._state.configuration.is_joint or self._state.configurations.index > self._state.log.committed

    def configuration_at(self, index: int) -> Configuration:
        """As of the state after the entry at `index`, which must not lie before the latest snapshot's end."""
        return self._state.configurations.at(index)

    @property
    def hard_state(self) -> HardState:
        return self._state.hard_state

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest, made here or received."""
        return self._state.snapshot

    def term_at(self, index: int) -> int | None:
        """None if the entry is compacted away, or not there yet."""
        return self._state.log.term(index)

    # Inputs

    def receive(self, sender: NodeId, message: Message, now: float, wall: float = 0.0) -> None:
        self._state.now, self._state.wall = now, wall
        kind = type(message)
        if not self._settle_term(sender, kind, message):
            return
        if (from_leader := self._from_a_leader.get(kind)) is not None:
            if self._follow(sender):
                from_leader(sender, message)
        elif (to_leader := _TO_A_LEADER.get(kind)) is not None:
            if self._leadership is not None:
                to_leader(self._leadership, sender, message)
        else:
            _OTHERS[kind](self, sender, message)

    def tick(self, now: float, wall: float = 0.0) -> None:
        """Time has passed; due at `deadline()`, harmless before."""
        state = self._state
        state.now, state.wall = now, wall
        if self._leadership is not None:
            if not self._leadership.tick():
                self._become_follower(state.term)
        elif now >= state.election_due and state.may_campaign:
            self._start_pre_vote()

    def deadline(self) -> float:
        """When `tick` is due next; never, for a node that does not campaign."""
        if self._leadership is not None:
            return self._leadership.deadline
        state = self._state
        return state.election_due if state.is_voter or state.may_campaign else _NEVER

    def propose(self, data: Sequence[bytes], now: float) -> list[tuple[int, int]]:
        """Append commands to the leader's log; the (term, index) of each. It is committed if and only if the entry
        that is applied at that index has that term. Raises NotLeader, and ChangeRefused("transferring") while another
        node is to take over (dissertation 3.10)."""
        self._state.now = now
        if self._leadership is None:
            raise NotLeader(self._state.leader)
        if self._leadership.transfer is not None:
            raise ChangeRefused("transferring")
        return self._leadership.propose(data)

    def reconfigure(self, voters: Iterable[NodeId], learners: Iterable[NodeId], now: float) -> None:
        """Begin a change to these voters and learners. It is done when an entry with just that configuration is
        applied; CHANGE_ABANDONED in a Ready's `notices` says that it will not be, by this leader. Raises NotLeader;
        ChangeRefused: nothing was begun; ValueError for sets that make no configuration."""
        self._state.now = now
        if self._leadership is None:
            raise NotLeader(self._state.leader)
        wanted = Configuration(frozenset(voters), frozenset(), frozenset(learners))
        if not wanted.voters or wanted.voters & wanted.learners:
            raise ValueError("a configuration needs at least one voter, and nobody is a voter and a learner")
        self._leadership.reconfigure(wanted)

    def transfer_leadership(self, to: NodeId, now: float) -> None:
        """Begin to hand over to another voter. It is done when that one leads; TRANSFER_ABANDONED in a Ready's
        `notices` says that this node goes on. Raises NotLeader, ChangeRefused, ValueError for a node that is no other
        voter."""
        state = self._state
        state.now = now
        if self._leadership is None:
            raise NotLeader(state.leader)
        if to == state.id or to not in state.configuration.voters:
            raise ValueError(f"{to} is not another voter")
        self._leadership.transfer_to(to)

    def read_index(self, context: int, now: float) -> None:
        """Ask for an index that a linearizable read may be answered at; the outcome comes in a Ready's `reads`."""
        state = self._state
        state.now = now
        if self._leadership is not None:
            self._leadership.read(None, context)
        elif state.leader is not None:
            self._forwarded.add(context)
        else:
            state.outbox.reads.append(ReadState(context, None))

    def lease_read(self, now: float, wall: float = 0.0) -> int | None:
        """The index that a read may be answered at, at once, if this node holds a valid lease. `now` must have been
        read after the read arrived."""
        self._state.now, self._state.wall = now, wall
        return self._leadership.lease_read() if self._leadership is not None else None

    def persisted(self, number: int) -> None:
        """What the Readys up to `number` store is durable. More may be ready now."""
        self._state.durability.persisted(number)
        if self._leadership is not None:
            self._leadership.replication.own_entries_are_durable()
        elif self._campaign is not None:
            self._decide()

    def applied(self, index: int) -> None:
        """The state machine has applied the entries up to `index`. Raises ValueError for what it never got."""
        self._state.log.applied_to(index)

    def compact(self, snapshot: Snapshot) -> None:
        """The state machine made a snapshot: forget the entries it covers, but a few, whoever may still need them: a
        follower that is away gets the snapshot. One that is older than the
        latest is ignored. Raises ValueError if it reaches beyond what is applied."""
        state = self._state
        if snapshot.index > state.log.applied:
            raise ValueError(f"snapshot at {snapshot.index} is beyond what is applied ({state.log.applied})")
        if state.snapshot is not None and snapshot.index <= state.snapshot.index:
            return
        state.snapshot = snapshot
        state.configurations.compact(snapshot.index)
        limits = state.config
        state.log.compact(state.log.tail_before(snapshot.index, limits.trailing_entries, limits.trailing_bytes))

    # Output

    def ready(self) -> Ready | None:
        """What has to happen because of the inputs since the last call; None if nothing."""
        leadership = self._leadership
        if leadership is None:
            self._forwarded.flush()
        elif leadership.membership.under_way and leadership.membership.removes_leader:
            leadership.hand_over()
            self._become_follower(self._state.term)
        else:
            leadership.flush()
        state, outbox = self._state, self._state.outbox
        hard_state = self._changed_hard_state()
        entries = state.log.take_unhanded()
        committed = state.log.take_committed()
        changed = self._has_changed()
        stores = bool(entries or hard_state or outbox.snapshot)
        if not (
            stores or committed or changed or outbox.at_once or outbox.after_sync or outbox.reads or outbox.notices
        ):
            return None
        self._number += 1
        if stores:
            state.durability.handed_out(self._number, state.log.last_index, hard_state is not None)
        ready = Ready(
            self._number,
            hard_state,
            entries,
            outbox.snapshot,
            tuple(outbox.at_once),
            tuple(outbox.after_sync),
            committed,
            tuple(outbox.reads),
            changed,
            tuple(outbox.notices) if outbox.notices else (),
        )
        outbox.clear()
        return ready

    def _changed_hard_state(self) -> HardState | None:
        current = (self._state.term, self._state.vote)
        if current == self._seen_hard_state:
            return None
        self._seen_hard_state = current
        return self._state.hard_state

    def _has_changed(self) -> bool:
        current = (self._state.role, self._state.term, self._state.leader)
        if current == self._seen:
            return False
        self._seen = current
        return True

    # Terms and roles

    def _settle_term(self, sender: NodeId, kind: type, message: Message) -> bool:
        """Paper 5.1: a higher term makes a follower of anybody, messages of lower terms are refused. False: nothing is
        left to do with the message."""
        term = self._state.term
        if kind in _VOTE_REQUESTS and message.term >= term and self._votes_are_barred(message):
            return False
        if message.term == term or kind in _OF_ANY_TERM:
            if message.term > term and kind is not RequestPreVote:
                self._become_follower(message.term)
            return True
        if message.term > term:
            if not (isinstance(message, PreVoteResponse) and message.granted):
                self._become_follower(message.term)
            return True
        self._answer_old_term(sender, kind)
        return False

    def _votes_are_barred(self, request: Message) -> bool:
        """A node with a live leader takes no part in elections (dissertation 4.2.3, 6.4.1), so a lease holds and a node
        that is back from a partition, or was removed, disturbs nobody. Unless that leader itself wants the election."""
        if isinstance(request, RequestVote) and request.transfer:
            return False
        return self._leadership is not None or self._state.now < self._state.votes_barred_until

    def _answer_old_term(self, sender: NodeId, kind: type) -> None:
        """Tell the sender the newer term. Without this, a leader that a node of a higher term cannot follow would keep
        that node out for good."""
        state = self._state
        if kind in _FROM_A_LEADER:
            state.answer(sender, HeartbeatResponse(state.term, 0))
        elif kind is RequestVote:
            state.answer(sender, VoteResponse(state.term, False))

    def _follow(self, leader: NodeId) -> bool:
        """A message from the leader of this term."""
        if self._leadership is not None:
            # A second leader of one term: only if somebody voted twice, having lost the first vote.
            return False
        if self._campaign is not None:
            self._become_follower(self._state.term)
        self._state.heard_from_leader(leader)
        return True

    def _become_follower(self, term: int) -> None:
        state = self._state
        if self._leadership is not None:
            self._leadership.reads.fail()
        if state.role is not Role.FOLLOWER:
            state.reset_election_timer()
        self._leadership = self._campaign = None
        state.role = Role.FOLLOWER
        state.leader = None
        self._forwarded.fail()
        if term > state.term:
            state.enter_term(term, None)

    def _start_pre_vote(self) -> None:
        state = self._state
        state.role = Role.PRE_CANDIDATE
        state.leader = None
        self._forwarded.fail()
        state.reset_election_timer()
        self._campaign = variant(Campaign, state.bugs)(state)
        self._campaign.ask_for_pre_votes()
        self._decide()

    def _start_election(self, *, transfer: bool = False) -> None:
        state = self._state
        state.role = Role.CANDIDATE
        state.enter_term(state.term + 1, state.id)
        state.reset_election_timer()
        self._campaign = variant(Campaign, state.bugs)(state)
        self._campaign.ask_for_votes(transfer=transfer)
        self._decide()

    def _become_leader(self) -> None:
        self._campaign = None
        self._state.role = Role.LEADER
        self._state.leader = self._state.id
        self._leadership = variant(Leadership, self._state.bugs)(self._state)

    def _decide(self) -> None:
        assert self._campaign is not None
        result = self._campaign.result
        if result is VoteResult.LOST:
            self._become_follower(self._state.term)
        elif result is VoteResult.WON and self._state.role is Role.PRE_CANDIDATE:
            self._start_election()
        elif result is VoteResult.WON and self._state.durability.hard_state_is_durable:
            # Where it is the only voter, its own vote is all that it needs, and may not be durable yet: a node that
            # forgot it in a crash would lead the same term twice, with other entries at the same places.
            self._become_leader()

    # Votes

    def _pre_vote_requested(self, candidate: NodeId, request: RequestPreVote) -> None:
        state = self._state
        granted = request.term > state.term and state.log.is_up_to_date(request.last_index, request.last_term)
        state.answer(candidate, PreVoteResponse(request.term if granted else state.term, granted))

    def _told_to_campaign(self, leader: NodeId, message: TimeoutNow) -> None:
        """Without a pre-vote, which the others would refuse while they hear from their leader (dissertation 3.10)."""
        if self._leadership is None and self._state.may_campaign:
            self._start_election(transfer=True)

    def _vote_requested(self, candidate: NodeId, request: RequestVote) -> None:
        state = self._state
        granted = self._grants_vote(candidate, request)
        if granted:
            if state.vote != candidate:
                state.vote_for(candidate)
            state.reset_election_timer()
        state.send_when_durable(candidate, VoteResponse(state.term, granted))

    def _grants_vote(self, candidate: NodeId, request: RequestVote) -> bool:
        state = self._state
        if state.vote is not None or state.leader is not None:
            return state.vote == candidate
        return state.log.is_up_to_date(request.last_index, request.last_term)

    def _pre_vote_answered(self, voter: NodeId, answer: PreVoteResponse) -> None:
        asked_now = not answer.granted or answer.term == self._state.term + 1
        if self._state.role is Role.PRE_CANDIDATE and asked_now:
            self._count(voter, answer.granted)

    def _vote_answered(self, voter: NodeId, answer: VoteResponse) -> None:
        if self._state.role is Role.CANDIDATE:
            self._count(voter, answer.granted)

    def _count(self, voter: NodeId, granted: bool) -> None:
        assert self._campaign is not None
        self._campaign.count(voter, granted)
        self._decide()

    # Followers' reads

    def _read_index_requested(self, follower: NodeId, request: ReadIndexRequest) -> None:
        if self._leadership is not None:
            self._leadership.read(follower, request.request)
        else:
            self._state.answer(follower, ReadIndexResponse(self._state.term, request.request, None))

    def _read_index_answered(self, leader: NodeId, answer: ReadIndexResponse) -> None:
        self._forwarded.answered(answer.request, answer.index)


_OTHERS: Final[dict[type, Callable[[Raft, NodeId, Any], None]]] = {
    RequestPreVote: Raft._pre_vote_requested,
    PreVoteResponse: Raft._pre_vote_answered,
    RequestVote: Raft._vote_requested,
    VoteResponse: Raft._vote_answered,
    TimeoutNow: Raft._told_to_campaign,
    ReadIndexRequest: Raft._read_index_requested,
    ReadIndexResponse: Raft._read_index_answered,
}
