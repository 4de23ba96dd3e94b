"""What group commit looks like with each bug of the catalogue. Loaded only by nodes that have one: see
`node_image.variants`."""

from __future__ import annotations

from typing import Final

from node_image import bugs
from node_image.driver.effects import Effect
from node_image.driver.group_commit import GroupCommit
from node_image.raft import Ready
from node_image.storage import Storage
from node_image.variants import mistake

LAZY_SYNC_S: Final = 2.0
_NEVER: Final = float("inf")


@mistake(bugs.ACK_BEFORE_SYNC, instead_of=GroupCommit)
class SettlesAtOnce(GroupCommit):
    """Every Ready counts as settled when it is submitted. Writes and their order are the same. Before a received
    snapshot takes the log's place all is synced, as that is stored on its own."""

    sync_every_s = LAZY_SYNC_S

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._sync_due = _NEVER

    def deadline(self) -> float:
        return self._sync_due if self._syncing is None else _NEVER

    def submit(self, ready: Ready) -> None:
        super().submit(ready)
        self._settled.append(ready)

    def _settle_written(self) -> None:
        self._written.clear()

    def _sync_written(self, now: float) -> list[Effect]:
        if self._sync_due == _NEVER:
            self._sync_due = now + self.sync_every_s
        if now < self._sync_due and not self._installs_next():
            return []
        self._sync_due = _NEVER
        return super()._sync_written(now)


@mistake(bugs.NEVER_SYNC, instead_of=GroupCommit)
class NeverSyncs(SettlesAtOnce):
    """But once, when it starts, and before a received snapshot."""

    sync_every_s = _NEVER
