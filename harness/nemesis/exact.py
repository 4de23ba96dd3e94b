"""Exact faults: what is said of a fault word for word, read for the kinds.

A kind's `exact` (harness.nemesis.fault) is given details as a script holds them: names of nodes, seconds. What is
shared of reading them is here, so that every kind says the same of the same mistake: one sentence without its full
stop, since whoever read the details adds the place where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import inf, isfinite
from typing import Any, Final

from harness.cluster import Link
from harness.errors import BadInput
from harness.nemesis.fault import NoTarget, View

EXACT: Final = "exact"
"""The variant of exact faults, in the history."""
AFTER_EFFECTS: Final = "after_effects"
TORN: Final = "torn"
WAITING: Final = frozenset({AFTER_EFFECTS, TORN})
"""Details of a fault that does not come at once. Played again, it is asked for when it was asked for: it waits
itself."""
LEAST_BYTES_S: Final = 1000
"""A packet that fills a frame takes longer than a second and a half to get over a link that is narrower."""
MOST_S: Final = 1e6
"""Seconds that a clock may be off: eleven days."""


def check_names(details: Mapping[str, Any], allowed: Iterable[str], what: str) -> None:
    """Raises BadInput for a detail that there is not."""
    known = list(allowed)
    for name in details:
        if name not in known:
            nearest = get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(known)}"
            raise BadInput(f"{what} has no {name!r}: {hint}")


def some_nodes(details: Mapping[str, Any], name: str, view: View) -> tuple[str, ...]:
    """A list of at least one node, in the order of `view.nodes`. Raises BadInput."""
    listed = node_list(details.get(name), name, view)
    return tuple(node for node in view.nodes if node in listed)


def node_list(value: Any, name: str, view: View) -> tuple[str, ...]:
    """The nodes of a list as they stand there. Raises BadInput for what is none, and for one that is named twice."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadInput(f'{name!r} takes a list of nodes, like ["{view.nodes[0]}"]')
    for node in value:
        if node not in view.nodes:
            raise BadInput(f"there is no node {node!r}: there are {', '.join(view.nodes)}")
    if len(set(value)) < len(value):
        raise BadInput(f"{name!r} names a node twice")
    return tuple(value)


def seconds(details: Mapping[str, Any], name: str) -> float:
    """Seconds, either way, but not none. Raises BadInput."""
    value = details.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise BadInput(f"{name!r} takes seconds, not {value!r}")
    if not 0 < abs(value) <= MOST_S:
        raise BadInput(f"{name!r} takes seconds up to {MOST_S:.0f}, and not 0")
    return float(value)


def positive_seconds(details: Mapping[str, Any], name: str) -> float:
    """Raises BadInput."""
    if (value := seconds(details, name)) < 0:
        raise BadInput(f"{name!r} takes seconds above 0, not {value:g}")
    return value


def fraction(details: Mapping[str, Any], name: str) -> float:
    """A probability; 0 where it is not there. Raises BadInput."""
    value = details.get(name, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BadInput(f"{name!r} takes a probability from 0 to 1, not {value!r}")
    return float(value)


def bytes_per_s(details: Mapping[str, Any]) -> float:
    """A link's width. Raises BadInput."""
    value = details.get("bytes_per_s")
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_BYTES_S <= value < inf:
        raise BadInput(f"'bytes_per_s' takes bytes a second, {LEAST_BYTES_S} or more, not {value!r}")
    return float(value)


def links(details: Mapping[str, Any], view: View) -> frozenset[Link]:
    """The detail `links`: pairs of nodes, each a sender and one that it sends to. Raises BadInput."""
    value = details.get("links")
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadInput("'links' takes a list of pairs of nodes, each a sender and one that it sends to")
    pairs = [node_list(pair, "links", view) for pair in value]
    if any(len(pair) != 2 for pair in pairs):
        raise BadInput("each of the 'links' takes two nodes, a sender and one that it sends to")
    return frozenset(Link(*pair) for pair in pairs)


def all_free(nodes: tuple[str, ...], view: View) -> tuple[str, ...]:
    """The nodes, if none of them is held by another fault. Raises NoTarget."""
    held = [node for node in nodes if node in view.busy]
    if held:
        raise NoTarget(f"{', '.join(held)} is held by another fault")
    return nodes
