"""The replica: clients' requests in, answers out; committed entries in between.

Writes are proposed where the leader is: a follower encodes the command and forwards it, and gives its client the
leader's answer. Reads come in four strengths:

    linearizable   `Raft.read_index` confirms an index (a follower asks its leader); answered here once it is applied
    lease          the leader answers by its lease; a follower forwards
    sequential     answered here once the client's `min_index` is applied
    stale          answered here at once

Changes of the membership, and transfers of the leadership, have a module of their own (`administration`). What has a
time to live ends by an entry that the leader proposes (`expiry`).

Forwarded requests gather until `take_effects`, so those that came together travel in one message.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any, Final, NamedTuple

from node_image.driver.effects import Clocks, Reply, Send
from node_image.raft import ChangeRefused, Entry, EntryKind, Notice, NotLeader, Raft, ReadState, Role, Snapshot
from node_image.replica.administration import Administration, members
from node_image.replica.answers import Answer, command_answer, read_answer, refusal
from node_image.replica.command import decode, encode
from node_image.replica.config import ReplicaConfig
from node_image.replica.expiring import Expiring
from node_image.replica.expiry import Timers
from node_image.replica.machine import StateMachine
from node_image.replica.messages import ForwardAnswers, ForwardReads, ForwardWrites, ReplicaMessage
from node_image.replica.pending import Client, Follower, Origin, Pending, Proposal
from node_image.replica.requests import (
    COMMANDS,
    BadRequest,
    Read,
    ReadMode,
    parse_command,
    parse_read,
    parse_reconfigure,
    parse_transfer,
)
from node_image.replica.state import Query, Refused
from node_image.variants import variant

VERSION: Final = 1
"""Of the client protocol."""


class _WaitingRead(NamedTuple):
    origin: Origin
    query: Query
    deadline: float


class _Forwarded(NamedTuple):
    client: Client
    leader: str
    """Whom it was sent to."""
    definite: bool
    """Whether no answer in time means that nothing happened: true of reads."""


class Replica:
    def __init__(
        self,
        node: str,
        raft: Raft,
        config: ReplicaConfig,
        bugs: frozenset[str] = frozenset(),
        *,
        incarnation: int,
    ) -> None:
        """`incarnation` is drawn at random at every start, 0 <= incarnation < 2**31 (see `messages`)."""
        self._node = node
        self._raft = raft
        self._config = config
        self._machine = variant(StateMachine, bugs)(config.session_ttl_entries)
        self._timers = Timers()
        self._number = incarnation << 32
        self._pending = Pending()
        self._confirming: Expiring[_WaitingRead] = Expiring()
        """Linearizable reads whose index is not known yet, by the context given to raft."""
        self._waiting: Expiring[_WaitingRead] = Expiring()
        """Reads whose index is not applied yet; `_waiting_order` is a heap of (index, number) over them."""
        self._waiting_order: list[tuple[int, int]] = []
        self._forwarded: Expiring[_Forwarded] = Expiring()
        self._administration = Administration(raft, config.peers, config.read_timeout_s, self._answer)
        self._replies: list[Reply] = []
        self._writes_out: dict[str, list[tuple[int, bytes]]] = {}
        self._reads_out: dict[str, list[tuple[int, Query, float]]] = {}
        self._answers_out: dict[str, list[tuple[int, Answer]]] = {}

    @property
    def applied(self) -> int:
        """The log index that the state has reached."""
        return self._machine.applied

    @property
    def applied_hash(self) -> str:
        """The running hash at `applied`, hex."""
        return self._machine.hash

    def deadline(self) -> float:
        """Monotonic seconds by which `tick` is wanted."""
        earliest = min(
            self._confirming.deadline,
            self._waiting.deadline,
            self._forwarded.deadline,
            self._administration.deadline,
        )
        return min(earliest, self._timers.deadline) if self._raft.role == Role.LEADER else earliest

    # From clients

    def request(self, connection: int, request: dict[str, Any], clocks: Clocks) -> None:
        """One request of a client. `connection` is a number never used twice."""
        client = Client(connection, request.get("id"))
        try:
            match request.get("op"):
                case "read":
                    self._read(client, parse_read(request, self._config.read_timeout_s), clocks)
                case "status":
                    self._answer(client, self._status(clocks))
                case str(op) if op in COMMANDS:
                    self._write(client, encode(parse_command(request)), clocks.monotonic)
                case "reconfigure":
                    self._administration.reconfigure(client, parse_reconfigure(request), clocks.monotonic)
                case "transfer":
                    self._administration.transfer(client, parse_transfer(request), clocks.monotonic)
                case _:
                    raise BadRequest(f"op must be read, status, reconfigure, transfer, {', '.join(COMMANDS)}")
        except (BadRequest, ValueError) as error:
            self._answer(client, refusal("bad-request", definite=True, detail=str(error)))

    def closed(self, connection: int) -> None:
        """The client has gone: nobody waits for its reads. What it proposed goes on."""
        self._confirming.take(lambda read: _is_from(read.origin, connection))
        self._waiting.take(lambda read: _is_from(read.origin, connection))
        self._forwarded.take(lambda forwarded: forwarded.client.connection == connection)
        self._administration.closed(connection)

    # From peers

    def peer(self, sender: str, message: ReplicaMessage, clocks: Clocks) -> None:
        match message:
            case ForwardWrites(writes):
                for number, data in writes:
                    self._propose(Follower(sender, number), data, clocks.monotonic)
            case ForwardReads(reads):
                for number, query, timeout_s in reads:
                    deadline = clocks.monotonic + timeout_s
                    self._lease_read(_WaitingRead(Follower(sender, number), query, deadline), clocks)
            case ForwardAnswers(answers):
                for number, answer in answers:
                    forwarded = self._forwarded.pop(number)
                    if forwarded is not None:
                        self._answer(forwarded.client, answer)

    # From raft

    def commit(self, entries: Sequence[Entry], now: float) -> None:
        """Committed entries, each once, in order."""
        for entry in entries:
            result = self._machine.apply(entry)
            if result is None and entry.kind is EntryKind.CONFIGURATION:
                self._administration.committed(entry)
            for proposal in self._pending.pop(entry.index):
                if proposal.term == entry.term and result is not None:
                    self._answer(proposal.origin, command_answer(result))
                else:
                    self._answer(proposal.origin, refusal("overwritten", definite=True, leader=self._raft.leader))
        self._timers.begin(self._machine.take_begun(), self._machine.leases, now)
        self._release_reads()

    def reads(self, states: Iterable[ReadState]) -> None:
        """Outcomes of `Raft.read_index`."""
        for state in states:
            read = self._confirming.pop(state.context)
            if read is None:
                continue
            if state.index is None:
                answer = refusal("read-not-confirmed", definite=True, leader=self._raft.leader)
                self._answer(read.origin, answer)
            else:
                self._answer_at(state.index, read)

    def leadership_changed(self) -> None:
        """Role, term or leader is not what it was. What was forwarded to a node that does not lead any more may never
        be answered: its clients are told now that nobody knows, instead of after a long wait."""
        leader = self._raft.leader
        for forwarded in self._forwarded.take(lambda forwarded: forwarded.leader != leader):
            self._answer(forwarded.client, refusal("leader-changed", definite=forwarded.definite, leader=leader))
        self._administration.leadership_changed()

    def noticed(self, notices: Iterable[Notice]) -> None:
        """What raft has given up."""
        self._administration.noticed(notices)

    def restore(self, snapshot: Snapshot, now: float) -> None:
        """A snapshot takes the state's place. What was proposed at or before its end is answered if the sessions tell
        what became of it. Raises ValueError for data of another format."""
        self._machine.restore(snapshot.data)
        assert self._machine.applied == snapshot.index, "a snapshot holds the state at its index"
        self._timers.restart(self._machine.leases, now)
        for proposal in self._pending.pop_through(snapshot.index):
            self._answer(proposal.origin, self._answer_from_session(proposal))
        self._release_reads()

    def snapshot_data(self) -> bytes:
        """The state at `snapshot_index`, for `restore` on any node."""
        return self._machine.snapshot()

    @property
    def snapshot_index(self) -> int:
        """The log index of a snapshot that is made now."""
        return self._machine.applied

    # Time and effects

    def tick(self, now: float) -> None:
        given_up = self._waiting.overdue(now)
        if given_up:
            order = [(index, number) for index, number in self._waiting_order if number in self._waiting]
            self._waiting_order = sorted(order)
        for read in self._confirming.overdue(now) + given_up:
            self._answer(read.origin, refusal("unavailable", definite=True, leader=self._raft.leader))
        for forwarded in self._forwarded.overdue(now):
            answer = refusal("unavailable", definite=forwarded.definite, leader=self._raft.leader)
            self._answer(forwarded.client, answer)
        self._administration.tick(now)
        if self._raft.role == Role.LEADER and self._timers.deadline <= now:
            self._expire(now)

    def take_effects(self) -> list[Send | Reply]:
        """What has gathered since the last time."""
        effects: list[Send | Reply] = [*self._replies]
        effects += [Send(peer, ForwardWrites(tuple(writes))) for peer, writes in self._writes_out.items()]
        effects += [Send(peer, ForwardReads(tuple(reads))) for peer, reads in self._reads_out.items()]
        effects += [Send(peer, ForwardAnswers(tuple(answers))) for peer, answers in self._answers_out.items()]
        self._replies.clear()
        self._writes_out.clear()
        self._reads_out.clear()
        self._answers_out.clear()
        return effects

    # Writes

    def _write(self, client: Client, data: bytes, now: float) -> None:
        leader = self._raft.leader
        if self._raft.role == Role.LEADER:
            self._propose(client, data, now)
        elif leader is None or leader == self._node:
            self._answer(client, refusal("no-leader", definite=True))
        else:
            number = self._forward(client, leader, now + self._config.forward_timeout_s, definite=False)
            self._writes_out.setdefault(leader, []).append((number, data))

    def _propose(self, origin: Origin, data: bytes, now: float) -> None:
        pending, limits = self._pending, self._config
        if len(pending) >= limits.max_pending or pending.size_bytes >= limits.max_pending_bytes:
            detail = "too many proposals wait for an answer"
            self._answer(origin, refusal("unavailable", definite=True, leader=self._raft.leader, detail=detail))
            return
        try:
            [(term, index)] = self._raft.propose([data], now)
        except NotLeader as error:
            self._answer(origin, refusal("not-leader", definite=True, leader=error.leader))
        except ChangeRefused as error:
            self._answer(origin, refusal(str(error), definite=True, leader=self._raft.leader))
        else:
            self._pending.add(index, Proposal(term, origin, data))

    def _expire(self, now: float) -> None:
        """Nobody waits for these entries; those that cannot be proposed just now are due again."""
        commands = self._timers.due(self._machine.leases, now)
        if commands:
            with suppress(ChangeRefused):
                self._raft.propose(commands, now)

    def _forward(self, client: Client, leader: str, deadline: float, *, definite: bool) -> int:
        self._number += 1
        self._forwarded.add(self._number, deadline, _Forwarded(client, leader, definite))
        return self._number

    def _answer_from_session(self, proposal: Proposal) -> Answer:
        command = decode(proposal.data)
        last = self._machine.sessions.last(command.session)
        if last is not None and last.seq == command.seq:
            return command_answer(last.result)
        detail = "a snapshot has taken the entry's place, and what became of it is not known"
        return refusal("unavailable", definite=False, leader=self._raft.leader, detail=detail)

    # Reads

    def _read(self, client: Client, request: Read, clocks: Clocks) -> None:
        read = _WaitingRead(client, request.query, clocks.monotonic + request.timeout_s)
        match request.mode:
            case ReadMode.LINEARIZABLE:
                self._linearizable_read(read, clocks.monotonic)
            case ReadMode.LEASE:
                self._lease_read_or_forward(client, read, request.timeout_s, clocks)
            case ReadMode.SEQUENTIAL:
                self._answer_at(request.min_index, read)
            case ReadMode.STALE:
                self._answer_at(0, read)

    def _linearizable_read(self, read: _WaitingRead, now: float) -> None:
        if self._raft.leader is None:
            self._answer(read.origin, refusal("no-leader", definite=True))
            return
        self._number += 1
        self._confirming.add(self._number, read.deadline, read)
        self._raft.read_index(self._number, now)

    def _lease_read_or_forward(self, client: Client, read: _WaitingRead, timeout_s: float, clocks: Clocks) -> None:
        leader = self._raft.leader
        if self._raft.role == Role.LEADER:
            self._lease_read(read, clocks)
        elif leader is None or leader == self._node:
            self._answer(client, refusal("no-leader", definite=True))
        else:
            number = self._forward(client, leader, read.deadline, definite=True)
            self._reads_out.setdefault(leader, []).append((number, read.query, timeout_s))

    def _lease_read(self, read: _WaitingRead, clocks: Clocks) -> None:
        """Where this node should lead. An index confirmed by the lease stays good while the read waits for it."""
        if self._raft.role != Role.LEADER:
            self._answer(read.origin, refusal("not-leader", definite=True, leader=self._raft.leader))
            return
        index = self._raft.lease_read(clocks.monotonic, clocks.wall)
        if index is None:
            self._answer(read.origin, refusal("lease-expired", definite=True, leader=self._raft.leader))
        else:
            self._answer_at(index, read)

    def _answer_at(self, index: int, read: _WaitingRead) -> None:
        """Answers from the state at `index` or later."""
        if self._machine.applied >= index:
            self._answer_now(read)
            return
        self._number += 1
        self._waiting.add(self._number, read.deadline, read)
        heappush(self._waiting_order, (index, self._number))

    def _release_reads(self) -> None:
        order = self._waiting_order
        while order and order[0][0] <= self._machine.applied:
            read = self._waiting.pop(heappop(order)[1])
            if read is not None:
                self._answer_now(read)

    def _answer_now(self, read: _WaitingRead) -> None:
        try:
            answer = read_answer(self._machine.read(read.query), self._machine.applied)
        except Refused as refused:
            answer = refusal(str(refused), definite=True, leader=self._raft.leader)
        self._answer(read.origin, answer)

    # Answers

    def _answer(self, origin: Origin, answer: Answer) -> None:
        if isinstance(origin, Client):
            self._replies.append(Reply(origin.connection, {"id": origin.id, **answer}))
        else:
            self._answers_out.setdefault(origin.node, []).append((origin.number, answer))

    def _status(self, clocks: Clocks) -> Answer:
        raft = self._raft
        return {
            "ok": True,
            "node": self._node,
            "term": raft.term,
            "role": raft.role.value,
            "leader": raft.leader,
            "commit": raft.commit,
            "applied": self._machine.applied,
            "wall": round(clocks.wall * 1e9),
            "mono": round(clocks.monotonic * 1e9),
            "last_index": raft.last_index,
            "first_index": raft.first_index,
            **members(raft.configuration),
            "outgoing": sorted(raft.configuration.outgoing),
            "changing": raft.is_changing,
            "version": VERSION,
        }


def _is_from(origin: Origin, connection: int) -> bool:
    return isinstance(origin, Client) and origin.connection == connection
