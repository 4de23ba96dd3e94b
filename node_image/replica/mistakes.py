"""What the replica and its state machine look like with each bug of the catalogue. Loaded only by nodes that have one:
see `node_image.variants`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import msgpack

from node_image import bugs
from node_image.driver.effects import Clocks
from node_image.raft import Entry, Role
from node_image.replica.answers import Answer, command_answer, read_answer, refusal
from node_image.replica.command import Command, Operation, decode, encode, same
from node_image.replica.machine import FORMAT, StateMachine
from node_image.replica.operations import perform
from node_image.replica.pending import Client, Origin
from node_image.replica.replica import Replica, _WaitingRead
from node_image.replica.requests import Read
from node_image.replica.session import Result, Session, Sessions
from node_image.replica.state import Refused
from node_image.variants import mistake

# Answers to commands


@mistake(bugs.ANSWER_ON_APPEND, instead_of=Replica)
class AnswersOnAppend(Replica):
    """Commands whose answer says nothing but that they are done; for others the state machine is needed."""

    WITHOUT_RESULT: Final = frozenset(
        {Operation.WRITE, Operation.SET_ADD, Operation.SET_REMOVE, Operation.COUNTER_ADD, Operation.ENQUEUE}
    )

    def _propose(self, origin: Origin, data: bytes, now: float) -> None:
        last = self._raft.last_index
        super()._propose(origin, data, now)
        index = self._raft.last_index
        if index == last or decode(data).operation not in self.WITHOUT_RESULT:
            return
        for proposal in self._pending.pop(index):
            if proposal.origin is origin:
                self._answer(origin, command_answer(Result(index)))
            else:
                self._pending.add(index, proposal)


@mistake(bugs.ANSWER_OVERWRITTEN, instead_of=Replica)
class AnswersByIndexAlone(Replica):
    def commit(self, entries: Sequence[Entry], now: float) -> None:
        for entry in entries:
            for proposal in self._pending.pop(entry.index):
                self._pending.add(entry.index, proposal._replace(term=entry.term))
        super().commit(entries, now)


@mistake(bugs.CAS_AT_PROPOSAL, instead_of=Replica)
class ComparesAtProposal(Replica):
    def _propose(self, origin: Origin, data: bytes, now: float) -> None:
        command = decode(data)
        if command.operation == Operation.CAS and self._raft.role == Role.LEADER:
            seen = self._machine.read(command.key)
            if not same(seen, command.second):
                told = Result(self._machine.applied, {"matched": False, "value": seen})
                self._answer(origin, command_answer(told))
                return
        super()._propose(origin, data, now)


@mistake(bugs.CAS_AT_PROPOSAL, instead_of=StateMachine)
class SetsWithoutComparing(StateMachine):
    def _command(self, command: Command, index: int) -> Result:
        if command.operation == Operation.CAS:
            command = command._replace(second=self._state.values.get(command.key))
        return super()._command(command, index)


class _Part(NamedTuple):
    """Stands where a client or a follower does that waits for an answer: to one step of its transaction."""

    whole: Origin
    rest: list[Any]
    done: list[Any]


@mistake(bugs.TRANSACTION_IN_PARTS, instead_of=Replica)
class TransactsStepByStep(Replica):
    _now = 0.0

    def commit(self, entries: Sequence[Entry], now: float) -> None:
        self._now = now
        super().commit(entries, now)

    def _propose(self, origin: Origin, data: bytes, now: float) -> None:
        command = decode(data)
        if command.operation == Operation.TRANSACT and len(command.value) > 1:
            self._propose_next(origin, command.value, [], now)
        else:
            super()._propose(origin, data, now)

    def _propose_next(self, whole: Origin, steps: list[Any], done: list[Any], now: float) -> None:
        part = cast(Origin, _Part(whole, steps[1:], done))
        super()._propose(part, encode(Command(Operation.TRANSACT, "", 0, -1, "", steps[:1])), now)

    def _answer(self, origin: Origin, answer: Answer) -> None:
        if not isinstance(origin, _Part):
            super()._answer(origin, answer)
        elif not answer["ok"]:
            super()._answer(origin.whole, answer)
        elif origin.rest:
            self._propose_next(origin.whole, origin.rest, origin.done + answer["value"], self._now)
        else:
            super()._answer(origin.whole, {**answer, "value": origin.done + answer["value"]})


# Reads


@mistake(bugs.IGNORE_CLIENT_INDEX, instead_of=Replica)
class IgnoresClientIndex(Replica):
    def _read(self, client: Client, request: Read, clocks: Clocks) -> None:
        super()._read(client, request._replace(min_index=0), clocks)


@mistake(bugs.REPORT_UNAPPLIED_INDEX, instead_of=Replica)
class ReportsItsLastIndex(Replica):
    def _answer_now(self, read: _WaitingRead) -> None:
        if self._raft.role == Role.LEADER:
            super()._answer_now(read)
            return
        try:
            answer = read_answer(self._machine.read(read.query), self._raft.last_index)
        except Refused as refused:
            answer = refusal(str(refused), definite=True, leader=self._raft.leader)
        self._answer(read.origin, answer)


# Sessions


@mistake(bugs.APPLY_RETRIES, instead_of=StateMachine)
class AppliesRetries(StateMachine):
    def _command(self, command: Command, index: int) -> Result:
        return perform(self._state, command, index)


@mistake(bugs.SNAPSHOT_WITHOUT_SESSIONS, instead_of=StateMachine)
class LeavesSessionsOut(StateMachine):
    def snapshot(self) -> bytes:
        sessions, self._sessions = self._sessions, Sessions(self._ttl_entries)
        try:
            return super().snapshot()
        finally:
            self._sessions = sessions


SESSION_TTL_S: Final = 2.0
"""Short, so that a client that has waited for an answer in vain asks again after it."""


@mistake(bugs.SESSION_EXPIRY_BY_CLOCK, instead_of=Replica)
class ForgetsIdleSessions(Replica):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._reached: deque[tuple[float, int]] = deque()
        """When this node had applied up to which index."""

    def commit(self, entries: Sequence[Entry], now: float) -> None:
        idle_since = None
        while self._reached and self._reached[0][0] <= now - SESSION_TTL_S:
            idle_since = self._reached.popleft()[1]
        if idle_since is not None:
            # A bound on indexes that forgets what no entry behind `idle_since` has named.
            self._machine.sessions.expire(idle_since + 1 + self._config.session_ttl_entries)
        super().commit(entries, now)
        self._reached.append((now, self._machine.applied))


# Snapshots


@mistake(bugs.SKIP_AFTER_SNAPSHOT, instead_of=StateMachine)
class SkipsAnEntryAfterSnapshots(StateMachine):
    def __init__(self, session_ttl_entries: int) -> None:
        super().__init__(session_ttl_entries)
        self._skipped = 0

    def restore(self, data: bytes) -> None:
        super().restore(data)
        self._skipped = self.applied + 1

    def apply(self, entry: Entry) -> Result | None:
        if entry.index != self._skipped:
            return super().apply(entry)
        self.applied = entry.index
        return None


class _Before(NamedTuple):
    """The entry applied last: what was so before it."""

    applied: int
    hash: bytes
    session: str = ""
    """Which it named, and what was known of it."""
    known: Session | None = None


@mistake(bugs.REAPPLY_AFTER_SNAPSHOT, instead_of=StateMachine)
class NotesItsIndexTooEarly(StateMachine):
    """Where somebody notes index and sessions, and copies the values a moment later, without keeping entries out."""

    def __init__(self, session_ttl_entries: int) -> None:
        super().__init__(session_ttl_entries)
        self._before: _Before | None = None

    @property
    def snapshot_index(self) -> int:
        return self.applied if self._before is None else self._before.applied

    def apply(self, entry: Entry) -> Result | None:
        self._before = _Before(self.applied, self._hash)
        return super().apply(entry)

    def _command(self, command: Command, index: int) -> Result:
        assert self._before is not None
        known = self._sessions.last(command.session)
        self._before = self._before._replace(session=command.session, known=known)
        return super()._command(command, index)

    def snapshot(self) -> bytes:
        before = self._before
        if before is None:
            return super().snapshot()
        sessions = [row for row in self._sessions.dump() if row[0] != before.session]
        if before.known is not None:
            sessions.append([before.session, before.known.seq, list(before.known.result), before.known.used])
        in_order = sorted(sessions, key=lambda row: int(row[3]))
        packed: bytes = msgpack.packb((FORMAT, before.applied, before.hash, self._state.dump(), in_order))
        return packed

    def restore(self, data: bytes) -> None:
        super().restore(data)
        self._before = None


@mistake(bugs.REAPPLY_AFTER_SNAPSHOT, instead_of=Replica)
class TellsTheIndexNoted(Replica):
    @property
    def snapshot_index(self) -> int:
        machine = self._machine
        assert isinstance(machine, NotesItsIndexTooEarly)
        return machine.snapshot_index


# Time


@mistake(bugs.EXPIRY_BY_CLOCK, instead_of=Replica)
class EndsLeasesByItsClock(Replica):
    """On every node, by its own clock, as soon as it looks: nothing about it is in the log."""

    def commit(self, entries: Sequence[Entry], now: float) -> None:
        self._expire(now)
        super().commit(entries, now)

    def _read(self, client: Client, request: Read, clocks: Clocks) -> None:
        self._expire(clocks.monotonic)
        super()._read(client, request, clocks)

    def _expire(self, now: float) -> None:
        for data in self._timers.due(self._machine.leases, now):
            ended = decode(data)
            self._machine._state.end_lease(ended.key, ended.value)
