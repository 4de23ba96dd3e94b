"""Group commit: what Raft hands out becomes durable in batches, and only then does what depends on it leave.

    submit(ready) -> queue -> [one write, one sync in flight] -> settled(): Readys that are durable, in order

While a sync is in flight, further Readys wait in the queue and share the next one, so the number of syncs a second is
bounded by the disk and not by the load. Nothing is written while a sync runs: each batch is written when all before it
is durable, which recovery relies on (`storage.segment`) and which makes changing to a new segment simple.

Snapshots. One that this node made is replaced beside the log's syncs; its marker joins the queue when it is durable.
A received one holds the queue up: nothing behind it is written before it is durable, because the log that follows it
makes no sense without it. At most one snapshot is on its way at a time.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from node_image.driver.effects import Effect, Replace, Sync
from node_image.raft import Ready, Snapshot
from node_image.storage import SNAPSHOT_FILE, Storage, encode_snapshot

_NEVER: Final = float("inf")


class GroupCommit:
    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._queue: deque[Ready | Snapshot] = deque()
        """A Snapshot here is one that was made here and is durable: its marker is to be written."""
        self._written: deque[Ready] = deque()
        """In the batch that the next, or the running, sync makes durable."""
        self._settled: deque[Ready] = deque()
        self._token = 0
        self._syncing: int | None = None
        self._replacing: tuple[int, Snapshot] | None = None
        self._installed: Ready | None = None
        """The Ready at the head of the queue whose snapshot is durable."""

    @property
    def busy_with_snapshot(self) -> bool:
        """Whether a snapshot is on its way to the disk, or waits for its turn."""
        return self._replacing is not None or any(isinstance(r, Ready) and r.snapshot for r in self._queue)

    @property
    def stored_bytes(self) -> int:
        """Of all records that were gathered since the start."""
        return self._storage.stored_bytes

    def deadline(self) -> float:
        """Monotonic seconds by which `flush` is wanted: what waits for the disk waits for no time."""
        return _NEVER

    def start(self) -> list[Effect]:
        """The first batch. Until its sync is done, what was recovered may not be durable."""
        return [self._storage.write(), self._sync()]

    def submit(self, ready: Ready) -> None:
        self._queue.append(ready)

    def save(self, snapshot: Snapshot) -> list[Effect]:
        """Make a snapshot of this node's own durable. Not while `busy_with_snapshot`."""
        assert not self.busy_with_snapshot
        return [self._replace(snapshot)]

    def flush(self, now: float) -> list[Effect]:
        """Write and sync what waits, as far as its turn has come."""
        if self._syncing is not None:
            return []
        effects: list[Effect] = []
        self._gather()
        if self._storage.gathered:
            effects.append(self._storage.write())
        if self._storage.unsynced:
            effects += self._sync_written(now)
        else:
            self._settle_written()
        if not self._storage.unsynced and self._replacing is None and self._installs_next():
            effects.append(self._replace(self._queue[0].snapshot))  # type: ignore[union-attr,arg-type]
        return effects

    def _gather(self) -> None:
        while self._queue:
            item = self._queue[0]
            if isinstance(item, Snapshot):
                self._storage.mark_snapshot(item.index, item.term)
            elif item.snapshot is None:
                self._storage.append(item.hard_state, item.entries)
                self._written.append(item)
            elif item is self._installed:
                self._storage.mark_snapshot(item.snapshot.index, item.snapshot.term)
                self._storage.append(item.hard_state, item.entries)
                self._written.append(item)
                self._installed = None
            else:
                return
            self._queue.popleft()

    def _installs_next(self) -> bool:
        return bool(self._queue) and isinstance(self._queue[0], Ready) and self._queue[0].snapshot is not None

    def synced(self, token: int) -> tuple[list[Effect], Snapshot | None]:
        """A Sync or a Replace is done: what may be removed, and the own snapshot that is durable now. Tokens of a
        process before this one must not come."""
        if self._replacing is not None and token == self._replacing[0]:
            return [], self._replaced(self._replacing[1])
        assert token == self._syncing
        self._syncing = None
        self._settle_written()
        return [*self._storage.synced()], None

    def _replaced(self, snapshot: Snapshot) -> Snapshot | None:
        self._replacing = None
        head = self._queue[0] if self._queue else None
        if isinstance(head, Ready) and head.snapshot is snapshot:
            self._installed = head
            return None
        self._queue.append(snapshot)
        return snapshot

    def settled(self) -> list[Ready]:
        """The Readys that have become durable since the last time, in order."""
        done = list(self._settled)
        self._settled.clear()
        return done

    def _settle_written(self) -> None:
        self._settled += self._written
        self._written.clear()

    def _sync_written(self, now: float) -> list[Effect]:
        """`now` is for mistakes."""
        return [self._sync()]

    def _sync(self) -> Sync:
        self._token += 1
        self._syncing = self._token
        return Sync(self._storage.file, self._token)

    def _replace(self, snapshot: Snapshot) -> Replace:
        self._token += 1
        self._replacing = (self._token, snapshot)
        return Replace(SNAPSHOT_FILE, encode_snapshot(snapshot), self._token)
