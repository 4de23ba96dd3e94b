"""Membership changes and leadership transfers, as clients ask for them: only the leader takes them.

A change is answered when it is done: when the entry that holds just what was asked for is applied. A transfer is
answered when the node that was to lead is known to lead. What this node cannot follow to its end, because it leads no
more, is answered `leader-changed`: the next leader may yet finish it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Final, NamedTuple

from node_image.raft import ChangeRefused, Configuration, Entry, Notice, NotLeader, Raft, Role
from node_image.raft.configurations import decode_configuration
from node_image.replica.answers import Answer, refusal
from node_image.replica.pending import Client
from node_image.replica.requests import BadRequest

_ABANDONED: Final = {Notice.CHANGE_ABANDONED: "not-caught-up", Notice.TRANSFER_ABANDONED: "not-transferred"}


class _Change(NamedTuple):
    client: Client
    wanted: Configuration
    term: int


class _Transfer(NamedTuple):
    client: Client
    to: str
    term: int


class Administration:
    def __init__(
        self, raft: Raft, peers: frozenset[str] | None, wait_s: float, answer: Callable[[Client, Answer], None]
    ) -> None:
        """`peers`: the nodes that can be reached, None for any. `wait_s`: how long an answer may wait for the news of
        who leads."""
        self._raft = raft
        self._peers = peers
        self._wait_s = wait_s
        self._answer = answer
        self._change: _Change | None = None
        self._transfer: _Transfer | None = None
        self.deadline = inf
        """When to ask for `tick`: of the last transfer, done or not. Monotonic seconds."""

    # From clients

    def reconfigure(self, client: Client, wanted: Configuration, now: float) -> None:
        """Raises BadRequest."""
        unknown = wanted.members - self._peers if self._peers is not None else frozenset()
        if unknown:
            raise BadRequest(f"no address is known of {', '.join(sorted(unknown))}")
        if self._begins(client, lambda: self._raft.reconfigure(wanted.voters, wanted.learners, now)):
            self._change = _Change(client, wanted, self._raft.term)

    def transfer(self, client: Client, to: str, now: float) -> None:
        """Raises BadRequest."""
        if self._begins(client, lambda: self._raft.transfer_leadership(to, now)):
            self.deadline = now + self._wait_s
            self._transfer = _Transfer(client, to, self._raft.term)

    def _begins(self, client: Client, begin: Callable[[], None]) -> bool:
        try:
            begin()
        except NotLeader as error:
            word = "no-leader" if error.leader is None else "not-leader"
            self._answer(client, refusal(word, definite=True, leader=error.leader))
        except ChangeRefused as error:
            self._answer(client, refusal(str(error), definite=True, leader=self._raft.leader))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        else:
            return True
        return False

    def closed(self, connection: int) -> None:
        """The client has gone: nobody waits. What it began goes on."""
        if self._change is not None and self._change.client.connection == connection:
            self._change = None
        if self._transfer is not None and self._transfer.client.connection == connection:
            self._transfer = None

    # From raft

    def committed(self, entry: Entry) -> None:
        """A configuration entry."""
        change = self._change
        if change is None or entry.term != change.term or decode_configuration(entry.data) != change.wanted:
            return
        self._change = None
        self._answer(change.client, {"ok": True, "index": entry.index, **members(change.wanted)})

    def leadership_changed(self) -> None:
        """Role, term or leader is not what it was."""
        raft, transfer, change = self._raft, self._transfer, self._change
        if change is not None and not self._still_leads(change.term):
            self._change = None
            self._answer(change.client, refusal("leader-changed", definite=False, leader=raft.leader))
        if transfer is None or raft.leader is None or self._still_leads(transfer.term):
            return
        self._transfer = None
        if raft.leader == transfer.to:
            self._answer(transfer.client, {"ok": True, "leader": raft.leader, "term": raft.term})
        else:
            self._answer(transfer.client, refusal("leader-changed", definite=False, leader=raft.leader))

    def _still_leads(self, term: int) -> bool:
        return self._raft.role is Role.LEADER and self._raft.term == term

    def noticed(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            waiting: _Change | _Transfer | None
            if notice is Notice.CHANGE_ABANDONED:
                waiting, self._change = self._change, None
            else:
                waiting, self._transfer = self._transfer, None
            if waiting is not None:
                word, leader = _ABANDONED[notice], self._raft.leader
                self._answer(waiting.client, refusal(word, definite=False, leader=leader, detail=notice.value))

    def tick(self, now: float) -> None:
        if now < self.deadline:
            return
        self.deadline = inf
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            self._answer(transfer.client, refusal("unavailable", definite=False, leader=self._raft.leader))


def members(configuration: Configuration) -> dict[str, list[str]]:
    """As answers show them."""
    return {"voters": sorted(configuration.voters), "learners": sorted(configuration.learners)}
