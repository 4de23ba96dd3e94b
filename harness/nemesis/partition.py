"""Partitions: nodes that do not hear each other.

Clients and the control path are never cut: what a client on the wrong side of a partition is told is the very thing
that is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence, Link
from harness.errors import BadInput
from harness.nemesis import grudges
from harness.nemesis.exact import check_names, node_list
from harness.nemesis.fault import NoTarget, Variant, View, offered
from harness.nemesis.grudges import Links
from harness.nemesis.targets import in_order, known_leader, majority, pick


@dataclass(frozen=True)
class Cut:
    """A planned partition. `groups` are for people: who is on which side."""

    links: Links
    groups: tuple[tuple[str, ...], ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(sorted({name for link in self.links for name in link}))

    def describe(self) -> Mapping[str, Any]:
        return {"groups": self.groups, "cut": [link.words for link in sorted(self.links)]}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.network).cut(fault, self.links)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.network).heal(fault)


def _split(view: View, group: list[str] | tuple[str, ...]) -> Cut:
    """`group` against the rest."""
    left = in_order(group, view)
    right = tuple(name for name in view.nodes if name not in left)
    return Cut(grudges.components(left, right), (left, right))


def halves(view: View, rng: Random) -> Cut:
    """As even as can be: with an even number of nodes neither side has a majority."""
    return _split(view, pick(view.nodes, len(view.nodes) // 2, view.leader, rng))


def majority_minority(view: View, rng: Random) -> Cut:
    """A majority against a minority of any size; the leader is on either side as often as on the other."""
    most = max(1, len(view.nodes) - majority(len(view.nodes)))
    return _split(view, pick(view.nodes, rng.randint(1, most), view.leader, rng))


def isolate_leader(view: View, rng: Random) -> Cut:
    return _split(view, [known_leader(view)])


def isolate_one(view: View, rng: Random) -> Cut:
    return _split(view, [rng.choice(view.nodes)])


def bridge(view: View, rng: Random) -> Cut:
    """Two sides that only one node in the middle reaches both of."""
    if len(view.nodes) < 3:
        raise NoTarget("a bridge takes three nodes")
    middle, *others = rng.sample(view.nodes, len(view.nodes))
    side = len(others) // 2
    left, right = in_order(others[:side], view), in_order(others[side:], view)
    return Cut(grudges.bridge(left, middle, right), (left, (middle,), right))


def majorities_ring(view: View, rng: Random) -> Cut:
    """Every node sees a majority, and no two the same."""
    circle = tuple(rng.sample(view.nodes, len(view.nodes)))
    links = grudges.majorities_ring(circle)
    if not links:
        raise NoTarget("a ring of majorities takes four nodes")
    return Cut(links, (circle,))


def one_way(view: View, rng: Random) -> Cut:
    """One node, the leader in half the time, that is heard but does not hear, or hears but is not heard."""
    (victim,) = pick(view.nodes, 1, view.leader, rng)
    others = tuple(name for name in view.nodes if name != victim)
    groups = ((victim,), others) if rng.random() < 0.5 else (others, (victim,))
    return Cut(grudges.one_way(*groups), groups)


_PLANS: Final[Mapping[str, tuple[Variant, Callable[[View, Random], Cut]]]] = {
    "halves": (Variant(1), halves),
    "majority-minority": (Variant(2), majority_minority),
    "isolate-leader": (Variant(5), isolate_leader),
    "isolate-one": (Variant(1), isolate_one),
    "bridge": (Variant(1), bridge),
    "majorities-ring": (Variant(1), majorities_ring),
    "one-way": (Variant(2), one_way),
}


@dataclass(frozen=True)
class Partition:
    name: str = "partition"
    needs: str = "network"
    exclusive: bool = False

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: variant for name, (variant, _) in _PLANS.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Cut:
        if len(view.nodes) < 2:
            raise NoTarget("a single node cannot be partitioned")
        return _PLANS[variant][1](view, rng)

    def exact(self, details: Mapping[str, Any], view: View) -> Cut:
        """`groups` that do not reach each other (a node in none of them reaches all), or `links` that are cut, each a
        source and a target."""
        check_names(details, ["groups", "links"], "a partition")
        if len(details) != 1:
            raise BadInput("a partition takes either 'groups' or 'links'")
        return _cut_links(details["links"], view) if "links" in details else _cut_groups(details["groups"], view)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """Groups where they say it all, else links."""
        links = frozenset(Link(*link.split("->")) for link in value["cut"])
        groups = [list(group) for group in value["groups"]]
        if len(groups) > 1 and grudges.components(*groups) == links:
            return {"groups": groups}
        return {"links": [list(link) for link in sorted(links)]}


def _cut_groups(value: Any, view: View) -> Cut:
    groups = tuple(node_list(group, "groups", view) for group in _lists(value, "groups"))
    everyone = [name for group in groups for name in group]
    if len(groups) < 2:
        raise BadInput("'groups' takes two groups or more")
    if len(set(everyone)) < len(everyone):
        raise BadInput("a node is in two 'groups'")
    return Cut(grudges.components(*groups), groups)


def _cut_links(value: Any, view: View) -> Cut:
    pairs = [node_list(pair, "links", view) for pair in _lists(value, "links")]
    if any(len(pair) != 2 for pair in pairs):
        raise BadInput("each of the 'links' takes two nodes, the one that sends and the one that does not hear it")
    links = frozenset(Link(*pair) for pair in pairs)
    sources = tuple(name for name in view.nodes if any(link.source == name for link in links))
    targets = tuple(name for name in view.nodes if any(link.target == name for link in links))
    return Cut(
        links, (sources, targets) if not set(sources) & set(targets) else (tuple(dict.fromkeys(sources + targets)),)
    )


def _lists(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list | tuple) or not value:
        raise BadInput(f"{name!r} takes a list of lists of nodes")
    return list(value)


FAULT: Final = Partition()
