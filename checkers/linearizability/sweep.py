"""One sweep through the events of a register: the configurations after each of them, as frontier.py tells.

A sweep can be held to rules that leave things out: a width (how many configurations are kept), how many unknown actions
may have happened, and `many` (an unknown action may happen as often as one likes). What it leaves out for a width or
for unknown actions makes it `cut`; a sweep that is not cut and is blocked has proven that nothing explains the events.
With `many`, too much is allowed: a way through proves nothing then, but to be blocked proves all the more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, TypeAlias

from checkers.checker import Budget
from checkers.linearizability.actions import APPEND, CAS, IMPOSSIBLE, READ, WRITE, Action, Value
from checkers.linearizability.needed import NOBODY_CARES, Needed, append
from checkers.linearizability.open_actions import Open, events, slots

STEPS_FOR_EACH: Final = 32
"""Nodes explored at one event for each configuration that the width allows."""
STEPS_BETWEEN_LOOKS: Final = 2048
"""At the time budget."""
MOST_COMPARED: Final = 64
"""Configurations of one bucket that a new one is compared with: dominance is an economy, not a duty."""
NO_LIMIT: Final = 1 << 62
REMEMBERED: Final = 4096
"""Events that a sweep can go back."""

Path: TypeAlias = "tuple[Path, Action, bool] | None"
"""How a configuration came about, last step first. True: the action is hidden just before the WRITE before it."""


class Configuration(NamedTuple):
    """`done`: open certain actions that are linearized, `free`: open writes that may be left out, `spent`: unknown
    actions that happened; each a set of slots."""

    state: Value
    done: int
    free: int
    spent: int
    path: Path


Node: TypeAlias = tuple[Configuration, bool]
"""A configuration between two events. The flag says: what happened since anybody saw the state could as well be
hidden or not have happened, so a WRITE now would be a waste."""


class Sweep:
    """`at`: how many events it is through. `width` and `most_spent` may be changed at any time."""

    def __init__(
        self,
        actions: Sequence[Action],
        initial: Value,
        budget: Budget,
        *,
        width: int = NO_LIMIT,
        most_spent: int = NO_LIMIT,
        many: bool = False,
    ) -> None:
        self.at = 0
        self.cut = most_spent < NO_LIMIT and not all(action.certain for action in actions)
        self.width = width
        self.most_spent = most_spent
        self._many = many
        self._events = events(actions)
        self._open = Open(slots(self._events))
        self._needed = Needed(actions)
        self._budget = budget
        self._steps = 0
        self.frontier = [Configuration(initial, 0, 0, 0, None)]
        self._before: deque[list[Configuration]] = deque(maxlen=REMEMBERED)
        """The frontiers before the last events."""

    def __len__(self) -> int:
        return len(self._events)

    def go(self, end: int) -> Action | None:
        """Through the events before the one at `end`; or until an action returns that nothing explains: that one."""
        while self.at < end:
            _, is_return, action = self._events[self.at]
            after = self._return(action) if is_return else self._invoke(action)
            if not after:
                return action
            self._before.append(self.frontier)
            self.frontier = after
            self.at += 1
        return None

    def back(self, to: int) -> None:
        """To where it was after `to` events, or as far back as it remembers."""
        while self.at > to and self._before:
            self.at -= 1
            self.frontier = self._before.pop()
            _, is_return, action = self._events[self.at]
            if is_return:
                self._needed.needs_again(action)
                self._open.add(action)
            else:
                self._open.remove(action)

    def _invoke(self, action: Action) -> list[Configuration]:
        self._open.add(action)
        if action.kind != READ:
            return self.frontier
        bit = self._open.slot[action.invoked]
        return [self._read(each, action, bit) if each.state == action.value else each for each in self.frontier]

    @staticmethod
    def _read(here: Configuration, action: Action, bit: int) -> Configuration:
        state, done, free, spent, path = here
        return Configuration(state, done | bit, free, spent, (path, action, False))

    def _return(self, action: Action) -> list[Configuration]:
        bit = self._open.slot[action.invoked]
        after: dict[tuple[Value, int, int, int], Configuration] = {}
        todo: list[Node] = []
        for each in self.frontier:
            state, done, free, spent, path = each
            if done & bit:
                _keep(after, Configuration(state, done & ~bit, free, spent, path))
            else:
                if free & bit:
                    _keep(after, Configuration(state, done, free & ~bit, spent, (path, action, True)))
                todo.append((each, False))
        if todo:
            for each in self._explore(todo, action):
                _keep(after, each._replace(done=each.done & ~bit))
        if after:
            self._open.remove(action)
            self._needed.returned(action)
        return self._narrow(list(after.values()))

    def _explore(self, todo: list[Node], goal: Action) -> Iterator[Configuration]:
        """All configurations in which `goal` has just been linearized, but for those that spent more than others.

        Shortest ways first: a detour over unknown actions is then known to be one."""
        if goal.kind == IMPOSSIBLE:
            return
        goal_bit = self._open.slot[goal.invoked]
        seen: dict[tuple[Value, int, int, bool], list[int]] = {}
        queue = deque(todo)
        end = self._steps + self.width * STEPS_FOR_EACH
        while queue:
            if self._steps >= end:
                self.cut = True
                return
            self._count()
            node = queue.popleft()
            for action in self._steps_from(node, goal):
                there, unseen = self._step(node[0], action)
                if there.done & goal_bit:
                    yield there
                elif action.kind != APPEND or there.state != NOBODY_CARES:
                    cheaper = seen.setdefault((there.state, there.done, there.free, unseen), [])
                    if not any(not spent & ~there.spent for spent in cheaper):
                        cheaper.append(there.spent)
                        queue.append((there, unseen))

    def _count(self) -> None:
        if self._steps % STEPS_BETWEEN_LOOKS == 0:
            self._budget.spend()
        self._steps += 1

    def _steps_from(self, node: Node, goal: Action) -> Iterator[Action]:
        """`goal` if it can happen now, and what is worth doing before it: one of each set of twins."""
        here, unseen = node
        if goal.kind == APPEND or (goal.kind == WRITE and not unseen):
            yield goal
        may_spend = here.spent.bit_count() < self.most_spent
        for twins in self._open.cas.get(here.state, {}).values():
            yield from self._first(twins, here, 0, may_spend)
        for twins in self._open.appends.values():
            # A free one and one that is not are no twins: the second still has to happen.
            found = {a.invoked: a for free in (0, here.free) for a in self._first(twins, here, free, may_spend)}
            yield from (action for action in found.values() if action is not goal)
        if not unseen:
            for writes in self._useful_writes(here):
                yield from (action for action in self._first(writes, here, 0, may_spend) if action is not goal)

    def _useful_writes(self, here: Configuration) -> Iterator[Sequence[Action]]:
        for value, twins in self._open.writes.items():
            waiting = self._open.reads.get(value, 0) & ~here.done
            if waiting or value in self._open.cas or self._open.appends:
                yield twins

    def _first(self, twins: Sequence[Action], here: Configuration, free: int, may_spend: bool) -> Iterator[Action]:
        """The first of them that has not happened; unknown ones come last."""
        slot, done = self._open.slot, here.done | free
        for twin in twins:
            if twin.certain:
                if not done & slot[twin.invoked]:
                    yield twin
                    return
            elif not may_spend:
                return
            elif self._many or not here.spent & slot[twin.invoked]:
                yield twin
                return

    def _step(self, here: Configuration, action: Action) -> Node:
        """Linearizes the action, and all open reads that are satisfied then."""
        state, done, free, spent, path = here
        bit = self._open.slot[action.invoked]
        if action.certain:
            done |= bit
            free &= ~bit
        elif not self._many:
            spent |= bit
        if action.kind == WRITE:
            free |= self._open.blind & ~done
        state = self._needed.settled(append(state, action.value) if action.kind == APPEND else action.value)
        path = (path, action, False)
        waiting = self._open.reads.get(state, 0) & ~done
        for read in self._open.reads_in(waiting):
            path = (path, read, False)
        unseen = not waiting and not (action.kind == CAS and action.certain)
        return Configuration(state, done | waiting, free, spent, path), unseen

    def _narrow(self, found: list[Configuration]) -> list[Configuration]:
        """Without configurations that others cover; and the best of them if they are too many."""
        if len(found) > 1:
            found.sort(key=self._cost)
            found = self._undominated(found)
        if len(found) > self.width:
            self.cut = True
            del found[self.width :]
        return found

    def _cost(self, each: Configuration) -> tuple[int, int]:
        reads = (each.done & self._open.all_reads).bit_count()
        return each.spent.bit_count() - reads, -each.free.bit_count()

    def _undominated(self, found: Sequence[Configuration]) -> list[Configuration]:
        reads, blind = self._open.all_reads, self._open.blind
        buckets: dict[tuple[Value, int], list[Configuration]] = {}
        kept: list[Configuration] = []
        for each in found:
            bucket = buckets.setdefault((each.state, each.done & ~reads & ~blind), [])
            if not any(_covers(other, each, reads, blind) for other in bucket[:MOST_COMPARED]):
                bucket.append(each)
                kept.append(each)
        if len(kept) <= self.width:
            return kept
        # One of each bucket in turn: what is cut should differ little from what stays.
        rounds = zip_longest(*buckets.values())
        return [each for row in rounds for each in row if each is not None]


def _covers(one: Configuration, other: Configuration, reads: int, blind: int) -> bool:
    """Whether `one` can do all that `other` can; state and compare-and-sets done are equal."""
    return not (
        (other.done & ~one.done & reads)
        or (one.spent & ~other.spent)
        or (((one.done ^ other.done) & blind | other.free) & ~one.free)
    )


def _keep(found: dict[tuple[Value, int, int, int], Configuration], each: Configuration) -> None:
    found.setdefault((each.state, each.done, each.free, each.spent), each)


def unfold(path: Path) -> list[Action]:
    """The actions in order, hidden ones just before the WRITE that hides them."""
    steps: list[tuple[Action, bool]] = []
    while path is not None:
        path, action, hidden = path
        steps.append((action, hidden))
    order: list[Action] = []
    last_write = 0
    for action, hidden in reversed(steps):
        if hidden:
            order.insert(last_write, action)
            last_write += 1
        else:
            if action.kind == WRITE:
                last_write = len(order)
            order.append(action)
    return order
