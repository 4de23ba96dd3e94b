"""One node: Raft, its storage and its replica, tied together by one rule: persist before send.

Inputs come in as method calls, each with the clocks; effects come back. Every input is followed by `settle`, which runs
Raft's Readys until there are none:

    Ready.messages            leave at once; a leader's appends travel while its own disk works (dissertation 10.2.1)
    snapshot, committed       are applied at once: what others have made durable needs no sync of ours
    hard state, entries       go to group commit
    messages_after_sync       leave when group commit says that the Ready, and all before it, is durable

Until the first sync after a start is done the node takes no part: what it recovered may be in the kernel's memory only
(see `storage.recovery`), but Raft counts all of it as durable. Messages that come in those milliseconds are lost, as
any message may be.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks, Effect, Reply, Send
from node_image.driver.group_commit import GroupCommit
from node_image.driver.tracer import CHECKPOINT_ENTRIES, Tracer
from node_image.raft import Entry, Raft, Ready, Snapshot
from node_image.raft.messages import Message
from node_image.replica import Replica
from node_image.replica.answers import refusal
from node_image.replica.messages import ForwardAnswers, ForwardReads, ForwardWrites, ReplicaMessage
from node_image.storage import SNAPSHOT_FILE, Corrupt, Storage, recover
from node_image.variants import variant

_NEVER: Final = float("inf")
_REPLICA_MESSAGES: Final = (ForwardWrites, ForwardReads, ForwardAnswers)


class Node:
    """Sans-IO. `files` is what the node's folder holds. Raises `storage.Corrupt` if it must not start from it.

    Every input takes `more=True` if another one follows at once: its effects then come with those of the next, so that
    requests which came together share one message to each peer and one sync."""

    def __init__(self, config: NodeConfig, files: Mapping[str, bytes], rng: random.Random, clocks: Clocks) -> None:
        bugs = config.bugs
        recovered = variant(recover, bugs)(files)
        self.config = config
        self.raft = variant(Raft, bugs)(
            config.raft,
            rng,
            hard_state=recovered.hard_state,
            snapshot=recovered.snapshot,
            entries=recovered.entries,
            now=clocks.monotonic,
            bugs=bugs,
        )
        self.replica = variant(Replica, bugs)(
            config.node, self.raft, config.replica, bugs, incarnation=rng.getrandbits(31)
        )
        if recovered.snapshot is not None:
            self._restore_recovered(recovered.snapshot, clocks.monotonic)
        self._snapshot_index = recovered.snapshot.index if recovered.snapshot else 0
        self._snapshot_due_bytes = config.snapshot_every_bytes
        """What the log will have stored, in all, when the next snapshot is due."""
        storage = Storage(recovered, segment_bytes=config.segment_bytes)
        self._log = variant(GroupCommit, bugs)(storage)
        self._tracer = Tracer(self.raft, self.replica)
        self._started = False
        self._effects: list[Effect] = [*recovered.effects]

    def _restore_recovered(self, snapshot: Snapshot, now: float) -> None:
        try:
            self.replica.restore(snapshot, now)
        except ValueError as error:
            raise Corrupt(SNAPSHOT_FILE, 0, str(error)) from error

    @property
    def started(self) -> bool:
        """Whether it takes part: what it recovered is durable."""
        return self._started

    # Inputs

    def start(self, clocks: Clocks) -> list[Effect]:
        """To be called once, before any other input."""
        self._effects.append(self._tracer.record("start", clocks.monotonic))
        self._effects += self._log.start()
        return self._take_effects()

    def client_line(
        self, connection: int, request: dict[str, Any], clocks: Clocks, *, more: bool = False
    ) -> list[Effect]:
        """A client's request. `connection` is a number never used twice."""
        if not self._started:
            answer = refusal("unavailable", definite=True, detail="the node is starting")
            return [Reply(connection, {"id": request.get("id"), **answer})]
        self.replica.request(connection, request, clocks)
        return [] if more else self.settle(clocks)

    def client_closed(self, connection: int) -> list[Effect]:
        """The client has gone."""
        self.replica.closed(connection)
        return []

    def peer_message(
        self, sender: str, message: Message | ReplicaMessage, clocks: Clocks, *, more: bool = False
    ) -> list[Effect]:
        if not self._started:
            return []
        if isinstance(message, _REPLICA_MESSAGES):
            self.replica.peer(sender, message, clocks)
        else:
            self.raft.receive(sender, message, clocks.monotonic, clocks.wall)
        return [] if more else self.settle(clocks)

    def tick(self, clocks: Clocks) -> list[Effect]:
        """Time has passed; due at `deadline()`, harmless before."""
        if not self._started:
            return []
        self.raft.tick(clocks.monotonic, clocks.wall)
        self.replica.tick(clocks.monotonic)
        return self.settle(clocks)

    def synced(self, token: int, clocks: Clocks) -> list[Effect]:
        """A Sync or Replace of this node (not of an earlier process) is done."""
        removals, snapshot = self._log.synced(token)
        self._effects += removals
        if snapshot is not None:
            self.raft.compact(snapshot)
        self._started = True
        return self.settle(clocks)

    def stop(self, clocks: Clocks) -> list[Effect]:
        """An orderly end: the last trace record. Nothing else is needed, a node may always be killed."""
        return [self._tracer.record("stop", clocks.monotonic)]

    def deadline(self) -> float:
        """Monotonic seconds by which `tick` is wanted."""
        if not self._started:
            return _NEVER
        return min(self.raft.deadline(), self.replica.deadline(), self._log.deadline(), self._tracer.deadline())

    # What follows from them

    def settle(self, clocks: Clocks) -> list[Effect]:
        """Carry out all that Raft has ready."""
        now = clocks.monotonic
        progress = True
        while progress:
            progress = self._run_ready(now)
            self._effects += self._log.flush(now)
            for ready in self._log.settled():
                progress = True
                self._effects += [Send(peer, message) for peer, message in ready.messages_after_sync]
                self.raft.persisted(ready.number)
        self._snapshot_when_due()
        self._effects += self._tracer.due(now)
        return self._take_effects()

    def _take_effects(self) -> list[Effect]:
        effects, self._effects = self._effects, []
        return effects + self.replica.take_effects()

    def _run_ready(self, now: float) -> bool:
        ready = self.raft.ready()
        if ready is None:
            return False
        if ready.changed:
            self._effects.append(self._tracer.record("role", now))
            self.replica.leadership_changed()
        self._effects += [Send(peer, message) for peer, message in ready.messages]
        self._apply(ready, now)
        self._log.submit(ready)
        return True

    def _apply(self, ready: Ready, now: float) -> None:
        if ready.snapshot is not None:
            self.replica.restore(ready.snapshot, now)
            self._snapshot_made(ready.snapshot.index)
        for _, run in groupby(ready.committed, key=_checkpoint):
            self._commit(list(run), now)
        self.replica.reads(ready.reads)
        if ready.notices:
            self.replica.noticed(ready.notices)

    def _commit(self, entries: Sequence[Entry], now: float) -> None:
        self.replica.commit(entries, now)
        self.raft.applied(entries[-1].index)
        if entries[-1].index % CHECKPOINT_ENTRIES == 0:
            self._effects.append(self._tracer.record("apply", now))

    def _snapshot_made(self, index: int) -> None:
        self._snapshot_index = index
        self._snapshot_due_bytes = self._log.stored_bytes + self.config.snapshot_every_bytes

    def _snapshot_when_due(self) -> None:
        since = self.replica.applied - self._snapshot_index
        if since < self.config.snapshot_every_entries and self._log.stored_bytes < self._snapshot_due_bytes:
            return
        if self._log.busy_with_snapshot:
            return
        index = self.replica.snapshot_index
        term = self.raft.term_at(index)
        assert term is not None, "the last applied entry is still in memory"
        snapshot = Snapshot(index, term, self.raft.configuration_at(index), self.replica.snapshot_data())
        self._snapshot_made(index)
        self._effects += self._log.save(snapshot)


def _checkpoint(entry: Entry) -> int:
    """Entries up to and with the same multiple of CHECKPOINT_ENTRIES are applied in one go."""
    return -(-entry.index // CHECKPOINT_ENTRIES)
