"""Tries every order. Right because there is nothing clever in it, except that it does not try one situation twice."""

from __future__ import annotations

from collections.abc import Sequence

from checkers.linearizability.actions import APPEND, CAS, IMPOSSIBLE, READ, Action, Value


def linearizable(actions: Sequence[Action], initial: Value) -> bool:
    tried: set[tuple[frozenset[int], Value]] = set()

    def possible(left: frozenset[int], state: Value) -> bool:
        if not any(actions[at].certain for at in left):
            return True
        if (left, state) in tried:
            return False
        tried.add((left, state))
        first_return = min(actions[at].returned for at in left)
        return any(
            possible(left - {at}, after)
            for at in left
            if actions[at].invoked < first_return
            for after in next_states(actions[at], state)
        )

    return possible(frozenset(range(len(actions))), initial)


def next_states(action: Action, state: Value) -> list[Value]:
    """The state after the action; none where it cannot happen."""
    if action.kind == IMPOSSIBLE or (action.kind == READ and state != action.value):
        return []
    if action.kind == CAS and state != action.expected:
        return []
    if action.kind == APPEND:
        return [str(state) + str(action.value)]
    return [action.value]
