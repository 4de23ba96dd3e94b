"""Which links each shape of partition cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster import Link
from harness.nemesis import grudges
from harness.nemesis.targets import majority


def cut_pairs(links: grudges.Links) -> str:
    """Two-way cuts as "ab ac", one-way cuts as "a>b"."""
    words = set()
    for source, target in links:
        if Link(target, source) in links:
            words.add("".join(sorted(source + target)))
        else:
            words.add(f"{source}>{target}")
    return " ".join(sorted(words))


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        (grudges.components("ab", "cde"), "ac ad ae bc bd be"),
        (grudges.components("a", "bcde"), "ab ac ad ae"),
        (grudges.components("a", "b", "c"), "ab ac bc"),
        (grudges.components("abc"), ""),
        (grudges.bridge("ab", "c", "de"), "ad ae bd be"),
        (grudges.bridge("a", "b", "c"), "ac"),
        (grudges.majorities_ring("abcde"), "ac ad bd be ce"),
        (grudges.majorities_ring("abcdefg"), "ad ae be bf cf cg dg"),
        (grudges.majorities_ring("abcd"), "ac bd"),
        (grudges.majorities_ring("abc"), ""),
        (grudges.majorities_ring("a"), ""),
        (grudges.one_way("a", "bc"), "a>b a>c"),
        (grudges.one_way("ab", "b"), "a>b"),
    ],
)
def test_links(links: grudges.Links, expected: str) -> None:
    assert cut_pairs(links) == expected


@given(st.integers(1, 15))
def test_in_a_ring_every_node_sees_a_majority(count: int) -> None:
    nodes = [f"n{number}" for number in range(count)]
    links = grudges.majorities_ring(nodes)
    for node in nodes:
        seen = {other for other in nodes if Link(other, node) not in links}
        assert len(seen) >= majority(count)


def test_in_a_ring_of_five_no_two_see_the_same_majority() -> None:
    links = grudges.majorities_ring("abcde")
    majorities = {frozenset(other for other in "abcde" if Link(other, node) not in links) for node in "abcde"}
    assert len(majorities) == 5
    assert {len(seen) for seen in majorities} == {3}
