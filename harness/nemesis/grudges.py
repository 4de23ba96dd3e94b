"""Grudges: which links a partition cuts. Pure functions from groups of nodes to sets of links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from harness.cluster import Link
from harness.nemesis.targets import majority

Links = frozenset[Link]


def one_way(sources: Iterable[str], targets: Iterable[str]) -> Links:
    """Everything that `sources` send to `targets`."""
    listed = list(targets)
    return frozenset(Link(source, target) for source in sources for target in listed if source != target)


def both_ways(left: Iterable[str], right: Iterable[str]) -> Links:
    lefts, rights = list(left), list(right)
    return one_way(lefts, rights) | one_way(rights, lefts)


def components(*groups: Sequence[str]) -> Links:
    """No group reaches another."""
    return frozenset().union(*(both_ways(left, right) for left, right in combinations(groups, 2)))


def bridge(left: Sequence[str], middle: str, right: Sequence[str]) -> Links:
    """Two sides that only `middle` reaches both of. The name is the field's; `middle` is left alone."""
    assert middle not in left
    assert middle not in right
    return components(left, right)


def majorities_ring(circle: Sequence[str]) -> Links:
    """Each node reaches its neighbours in the circle, as far to each side as it needs to see a majority (itself
    counted), so that every node sees a majority and, in a circle of five, no two see the same. Empty below four nodes:
    there everybody is a neighbour."""
    count = len(circle)
    reach = -(-(majority(count) - 1) // 2)
    gaps = ((left, right, right - left) for left, right in combinations(range(count), 2))
    far = [(left, right) for left, right, gap in gaps if min(gap, count - gap) > reach]
    return frozenset().union(*(both_ways([circle[left]], [circle[right]]) for left, right in far))
