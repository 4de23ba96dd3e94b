"""Majorities of one set of voters and of two (paper, section 6: joint consensus)."""

from __future__ import annotations

import pytest

from node_image.raft import Configuration
from node_image.raft.quorum import VoteResult, agreed_index, has_quorum, vote_result


def configuration(voters: str, outgoing: str = "", learners: str = "") -> Configuration:
    return Configuration(frozenset(voters), frozenset(outgoing), frozenset(learners))


@pytest.mark.parametrize(
    ("voters", "outgoing", "reached", "expected"),
    [
        ("a", "", {"a": 7}, 7),
        ("ab", "", {"a": 7, "b": 3}, 3),
        ("abc", "", {"a": 7, "b": 3, "c": 5}, 5),
        ("abc", "", {"a": 7}, 0),
        ("abcd", "", {"a": 4, "b": 3, "c": 2, "d": 1}, 2),
        ("abcde", "", {"a": 5, "b": 4, "c": 3, "d": 2, "e": 1}, 3),
        ("abc", "", {"a": 7, "b": 3, "x": 9, "y": 9}, 3),
        ("abc", "cde", {"a": 9, "b": 8, "c": 7, "d": 2, "e": 1}, 2),
        ("abc", "ab", {"a": 9, "b": 4, "c": 9}, 4),
    ],
)
def test_agreed_index(voters: str, outgoing: str, reached: dict[str, int], expected: int) -> None:
    assert agreed_index(configuration(voters, outgoing), reached) == expected


@pytest.mark.parametrize(
    ("voters", "outgoing", "granted", "refused", "expected"),
    [
        ("a", "", "a", "", VoteResult.WON),
        ("abc", "", "a", "", VoteResult.PENDING),
        ("abc", "", "ab", "", VoteResult.WON),
        ("abc", "", "a", "bc", VoteResult.LOST),
        ("abcd", "", "ab", "c", VoteResult.PENDING),
        ("abcd", "", "ab", "cd", VoteResult.LOST),
        ("abc", "", "axy", "", VoteResult.PENDING),
        ("abc", "cde", "ab", "", VoteResult.PENDING),
        ("abc", "cde", "abd", "", VoteResult.PENDING),
        ("abc", "cde", "abde", "", VoteResult.WON),
        ("abc", "cde", "ab", "de", VoteResult.LOST),
    ],
)
def test_vote_result(voters: str, outgoing: str, granted: str, refused: str, expected: VoteResult) -> None:
    votes = dict.fromkeys(granted, True) | dict.fromkeys(refused, False)
    assert vote_result(configuration(voters, outgoing), votes) is expected
    assert has_quorum(configuration(voters, outgoing), granted) is (expected is VoteResult.WON)


def test_learners_do_not_count() -> None:
    assert not has_quorum(configuration("abc", learners="de"), "ade")
