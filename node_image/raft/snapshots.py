"""A follower receives a snapshot in pieces (paper 7, figure 13). Nothing is stored before the last piece has come; the
sender is told with every piece how much is here, and goes on from there, whatever was lost."""

from __future__ import annotations

from node_image.raft.messages import InstallSnapshot
from node_image.raft.types import Snapshot


class Assembly:
    """The pieces so far of one snapshot of one leader: another leader's bytes for the same index may differ."""

    __slots__ = ("_data", "index", "term")

    def __init__(self, term: int, index: int) -> None:
        self.term = term
        self.index = index
        self._data = bytearray()

    @property
    def offset(self) -> int:
        return len(self._data)

    def add(self, piece: InstallSnapshot) -> Snapshot | None:
        """The snapshot, when this was the piece that was missing. A piece for another offset changes nothing."""
        if piece.offset != len(self._data):
            return None
        self._data += piece.data
        if not piece.done:
            return None
        return Snapshot(piece.index, piece.snapshot_term, piece.configuration, bytes(self._data))
