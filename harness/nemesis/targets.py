"""Whom to hit: one, a minority, the leader, all that follow it, a majority, all.

A quorum may be lost on purpose: targeting that always spares a majority hides every bug in recovery. Groups of several
nodes take the leader in half the time, whatever their size, because most bugs are the leader's.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from harness.nemesis.fault import NoTarget, View

ONE: Final = "one"
MINORITY: Final = "minority"
LEADER: Final = "leader"
FOLLOWERS: Final = "followers"
MAJORITY: Final = "majority"
ALL: Final = "all"


def majority(count: int) -> int:
    """The least number of nodes that is more than half of `count`."""
    return count // 2 + 1


def choose(target: str, view: View, rng: Random) -> tuple[str, ...]:
    """The free nodes to hit, in the order of `view.nodes`. Raises NoTarget."""
    total = len(view.nodes)
    if target == LEADER:
        return (known_leader(view),)
    if target == FOLLOWERS:
        return _followers(view)
    if target == ONE:
        return _some(1, view, rng)
    if target == MINORITY:
        return _some(rng.randint(1, max(1, total - majority(total))), view, rng)
    if target == MAJORITY:
        return _some(rng.randint(majority(total), max(majority(total), total - 1)), view, rng)
    return _all(view)


def known_leader(view: View) -> str:
    """Raises NoTarget where nobody is known to lead."""
    if view.leader is None:
        raise NoTarget("nobody is known to lead just now")
    return view.leader


def _followers(view: View) -> tuple[str, ...]:
    """All but the leader that can be hit."""
    leader = known_leader(view)
    if not (followers := tuple(name for name in view.free if name != leader)):
        raise NoTarget("nobody follows the leader")
    return followers


def _all(view: View) -> tuple[str, ...]:
    """All that can be hit: where others are down already, at least enough to take the quorum away."""
    if len(view.free) < majority(len(view.nodes)):
        raise NoTarget(f"only {len(view.free)} of {len(view.nodes)} nodes are up")
    return view.free


def _some(count: int, view: View, rng: Random) -> tuple[str, ...]:
    if len(view.free) < count:
        raise NoTarget(f"only {len(view.free)} of {len(view.nodes)} nodes are up, and {count} are wanted")
    return in_order(pick(view.free, count, view.leader, rng), view)


def pick(names: Sequence[str], count: int, leader: str | None, rng: Random) -> list[str]:
    """`count` of the names, the leader among them in half of all draws (where it can be)."""
    picked = rng.sample(list(names), count)
    wanted = rng.random() < 0.5
    others = [name for name in names if name not in picked]
    if leader not in names or (leader in picked) == wanted or (leader in picked and not others):
        return picked
    if leader in picked:
        return [rng.choice(others) if name == leader else name for name in picked]
    return [str(leader), *picked[1:]]


def in_order(names: Sequence[str], view: View) -> tuple[str, ...]:
    return tuple(name for name in view.nodes if name in names)
