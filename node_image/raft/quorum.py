"""Majorities. A configuration has one set of voters, or two while it changes (paper, section 6); what is decided is
decided by a majority of each. An empty set agrees with everything."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from enum import Enum

from node_image.raft.types import Configuration, NodeId


class VoteResult(Enum):
    PENDING = "pending"
    WON = "won"
    LOST = "lost"


def agreed_index(configuration: Configuration, indexes: Mapping[NodeId, int]) -> int:
    """The highest number that a quorum has reached; a voter without a number counts as 0."""
    index = _majority_index(configuration.voters, indexes)
    if configuration.outgoing:
        return min(index, _majority_index(configuration.outgoing, indexes))
    return index


def has_quorum(configuration: Configuration, nodes: Container[NodeId]) -> bool:
    return all(sum(voter in nodes for voter in voters) > len(voters) // 2 for voters in _voter_sets(configuration))


def vote_result(configuration: Configuration, votes: Mapping[NodeId, bool]) -> VoteResult:
    """LOST as soon as no further vote can win it."""
    if has_quorum(configuration, {node for node, granted in votes.items() if granted}):
        return VoteResult.WON
    refused = {node for node, granted in votes.items() if not granted}
    winnable = all(
        sum(voter not in refused for voter in voters) > len(voters) // 2 for voters in _voter_sets(configuration)
    )
    return VoteResult.PENDING if winnable else VoteResult.LOST


def _voter_sets(configuration: Configuration) -> Iterable[frozenset[NodeId]]:
    return (voters for voters in (configuration.voters, configuration.outgoing) if voters)


def _majority_index(voters: frozenset[NodeId], indexes: Mapping[NodeId, int]) -> int:
    reached = sorted([indexes.get(voter, 0) for voter in voters])
    return reached[(len(reached) - 1) // 2]
