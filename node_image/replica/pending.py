"""Proposals without an answer, by where they are in the log.

A proposal is known by (term, index). When an entry is applied at its index the outcome is certain: the same term means
that this is the proposal, another term that it was overwritten and never took effect. Losing leadership decides
nothing: the entry may still be committed by the next leader, or not, so it stays here until its index is applied. A
node that leads again may propose at an index where an older proposal of its own still waits; both are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Client(NamedTuple):
    """A client of this node, and the id of its request."""

    connection: int
    id: object


class Follower(NamedTuple):
    """A follower that forwarded its client's request under this number."""

    node: str
    number: int


Origin = Client | Follower


class Proposal(NamedTuple):
    term: int
    origin: Origin
    data: bytes
    """The encoded command."""


class Pending:
    def __init__(self) -> None:
        self._proposals: dict[int, list[Proposal]] = {}
        self.size_bytes = 0
        """Of the commands."""

    def __len__(self) -> int:
        return len(self._proposals)

    def add(self, index: int, proposal: Proposal) -> None:
        self._proposals.setdefault(index, []).append(proposal)
        self.size_bytes += len(proposal.data)

    def pop(self, index: int) -> list[Proposal] | tuple[()]:
        found = self._proposals.pop(index, None)
        if found is None:
            return ()
        for proposal in found:
            self.size_bytes -= len(proposal.data)
        return found

    def pop_through(self, index: int) -> Iterator[Proposal]:
        """All at or before `index`."""
        for covered in sorted(i for i in self._proposals if i <= index):
            yield from self.pop(covered)
