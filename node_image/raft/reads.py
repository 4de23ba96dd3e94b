"""Reads without log entries: ReadIndex (dissertation 6.4), on the leader and on followers that ask it.

The leader notes its commit index and confirms by a round of heartbeats that it was still the leader afterwards. Many
reads share a round: while one is on its way, new reads gather for the next, which leaves as soon as this one is
confirmed. If its answers are lost, the heartbeat timer's next round takes its place. No read is registered before the
leader has committed an entry of its term: until then it does not know how far earlier leaders have committed.

A follower asks its leader for an index with one request for many reads, in the same way, and answers locally once it
has applied that far.
"""

from __future__ import annotations

from collections import deque

from node_image.raft.messages import ReadIndexRequest, ReadIndexResponse
from node_image.raft.ready import ReadState
from node_image.raft.state import State
from node_image.raft.types import NodeId


class LeaderReads:
    """Reads of one term: those not yet registered, and those registered with the round that must confirm them. The
    asker is None for this node's own reads (then the number is the context)."""

    __slots__ = ("_registered", "_state", "waiting")

    def __init__(self, state: State) -> None:
        self._state = state
        self.waiting: list[tuple[NodeId | None, int]] = []
        self._registered: deque[tuple[int, int, list[tuple[NodeId | None, int]]]] = deque()

    def add(self, asker: NodeId | None, number: int) -> None:
        self.waiting.append((asker, number))

    def register(self, round_number: int) -> None:
        """All that wait, with the round that is sent now."""
        if self.waiting:
            self._registered.append((round_number, self._state.log.committed, self.waiting))
            self.waiting = []

    def confirmed(self, round_number: int) -> None:
        while self._registered and self._registered[0][0] <= round_number:
            _, index, reads = self._registered.popleft()
            for asker, number in reads:
                self.resolve(asker, number, index)

    def fail(self) -> None:
        """Leadership is lost; nothing that is still here can be confirmed any more."""
        waiting = [read for _, _, reads in self._registered for read in reads] + self.waiting
        self._registered.clear()
        self.waiting = []
        for asker, number in waiting:
            self.resolve(asker, number, None)

    def resolve(self, asker: NodeId | None, number: int, index: int | None) -> None:
        if asker is None:
            self._state.outbox.reads.append(ReadState(number, index))
        else:
            self._state.answer(asker, ReadIndexResponse(self._state.term, number, index))


class ForwardedReads:
    """A follower's reads: gathered, or asked about. Request numbers begin at a random place, so that an answer to this
    node's former life resolves nothing."""

    __slots__ = ("_asked", "_gathered", "_next_request", "_state")

    def __init__(self, state: State) -> None:
        self._state = state
        self._gathered: list[int] = []
        self._asked: dict[int, tuple[float, list[int]]] = {}
        self._next_request = state.rng.getrandbits(60)

    def add(self, context: int) -> None:
        self._gathered.append(context)

    def flush(self) -> None:
        """Ask, if nothing asked recently is still unanswered. A request older than a heartbeat interval may be lost,
        and holds nobody up: every heartbeat from the leader comes by here. One that has had no answer for two
        election timeouts has failed."""
        if self._asked:
            self._expire()
        if self._gathered and self._state.leader is not None and not self._is_asking():
            request = self._next_request
            self._next_request += 1
            self._asked[request] = (self._state.now, self._gathered)
            self._gathered = []
            self._state.send(self._state.leader, ReadIndexRequest(self._state.term, request))

    def answered(self, request: int, index: int | None) -> None:
        _, contexts = self._asked.pop(request, (0.0, []))
        self._resolve(contexts, index)

    def fail(self) -> None:
        """There is no leader to ask any more."""
        asked, self._asked = self._asked, {}
        gathered, self._gathered = self._gathered, []
        for _, contexts in asked.values():
            self._resolve(contexts, None)
        self._resolve(gathered, None)

    def _expire(self) -> None:
        oldest = self._state.now - 2 * self._state.config.election_timeout_s
        for request, (asked_at, _) in list(self._asked.items()):
            if asked_at > oldest:
                break
            self.answered(request, None)

    def _is_asking(self) -> bool:
        recently = self._state.now - self._state.config.heartbeat_interval_s
        return any(asked_at > recently for asked_at, _ in self._asked.values())

    def _resolve(self, contexts: list[int], index: int | None) -> None:
        self._state.outbox.reads.extend([ReadState(context, index) for context in contexts])
