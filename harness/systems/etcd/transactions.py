"""Transactions as steps (harness.capabilities.Transactions), worked out from what their keys held.

etcd's own transactions compare, and then do one list of operations or another: what they write cannot depend on what
they read. So a transaction of steps reads its keys at one moment, works out what to write, and writes under the
condition that none of them has changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.system import Refused
from harness.systems.etcd.errors import CONDITION


def keys_needed(steps: Sequence[Sequence[Any]]) -> list[str]:
    """Those whose first step is no blind write."""
    first: dict[str, str] = {}
    for step in steps:
        first.setdefault(step[1], step[0])
    return [key for key, what in first.items() if what != "w"]


def perform(steps: Sequence[Sequence[Any]], held: Mapping[str, Any]) -> tuple[list[list[Any]], dict[str, Any]]:
    """The steps with what was read, and what is to be written. `held`: what the keys that are needed held; None, or
    missing: nothing. Raises Refused for a condition that does not hold."""
    now, written = dict(held), dict[str, Any]()
    done = []
    for what, key, argument in steps:
        if what == "at-least":
            if (now.get(key) or 0) < argument:
                raise Refused(CONDITION)
        elif what != "r":
            now[key] = written[key] = _written(what, now.get(key), argument)
        done.append([what, key, now.get(key) if what == "r" else argument])
    return done, written


def _written(what: str, before: Any, argument: Any) -> Any:
    if what == "w":
        return argument
    if what == "append":
        return [*(before or ()), argument]
    assert what == "add", f"{what!r} is nothing that a transaction does"
    return (before or 0) + argument
