"""The general search: exact for every history, in time that grows with concurrency and not with length.

Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) try every order; Lowe ("Testing for Linearizability",
2017) remembers configurations that were reached before and linearizes an action only just in time, when one returns.
Here the configurations after each event, the frontier, are all that is remembered. A configuration is the state
and, for actions that are still open, one bit each, so memory grows with what is open at once. Who goes through the
events and finds the frontier empty after a return has a proof that the events so far are not linearizable.

On top of that, what a register allows. Each rule leaves out only what another configuration covers:

- Greedy reads: an open read that the state satisfies is linearized at once. It changes nothing, so it cannot harm.
- Hidden writes: an open write that needs no state (WRITE, APPEND) could have happened just before any WRITE that was
  linearized since its invocation, unnoticed. It then becomes `free`: it may still happen, but need not. So nobody
  has to guess which writes were overwritten unseen.
- Useful steps: a WRITE that is not the action that has to happen now must be seen by somebody (an open read, or a
  compare-and-set) before the next WRITE; otherwise it is better hidden.
- Twins: of open actions that do the same, the one that returns first is taken first, unknown ones last, so identical
  unknown actions count as one with a number. (Exchange the two in any linearization.)
- Dominance: with equal states and equal sets of compare-and-sets done, a configuration with more reads done, fewer
  unknown actions spent and more writes free can do all that the other can, so the other is dropped.
- States that nobody will see any more are one state (needed.py), and an append that leads there can wait.
- Unknown actions whose value nobody ever needs are left out beforehand (zones.py, step 1).

Frontiers are first cut to a small width, and searched again with a larger one if that failed: a valid history is
nearly always found valid at the first try. A failure counts only where nothing was cut. What is kept is the cheapest
configuration of each state and set of compare-and-sets done, then the second of each, and so on: keeping the
cheapest of all fails far more often, because they are all alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, TypeAlias

from checkers.checker import Budget
from checkers.linearizability.actions import APPEND, CAS, IMPOSSIBLE, READ, WRITE, Action, Value, without_unseen
from checkers.linearizability.earliest import beginning
from checkers.linearizability.needed import NOBODY_CARES, Needed, append
from checkers.linearizability.open_actions import Open
from checkers.linearizability.outcome import Contradiction, Linearizable, Outcome

WIDTHS: Final = (24, 96, 512, 1 << 62)
STEPS_FOR_EACH: Final = 32
"""Nodes explored at one event for each configuration that the width allows."""
STEPS_BETWEEN_LOOKS: Final = 2048
"""At the time budget."""
MOST_COMPARED: Final = 64
"""Configurations of one bucket that a new one is compared with: dominance is an economy, not a duty."""

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


def search(actions: Sequence[Action], initial: Value, budget: Budget) -> Outcome:
    """Raises OutOfTime when the budget is used up. A contradiction is the shortest beginning that nothing explains."""
    relevant = without_unseen(actions)
    for width in WIDTHS:
        run = _Run(relevant, initial, width, budget)
        blocked = run.through(relevant)
        if blocked is None:
            return Linearizable(unfold(run.best_path()))
        if not run.cut:
            return Contradiction(beginning(relevant, blocked.returned))
    raise AssertionError("the last width cuts nothing")


def events(actions: Iterable[Action]) -> list[tuple[int, bool, Action]]:
    """(event index, is it the return, action) in recorded order."""
    found = [(action.invoked, False, action) for action in actions]
    found += [(action.returned, True, action) for action in actions if action.certain]
    found.sort(key=lambda event: event[0])
    return found


class _Run:
    """One pass through the events with one width."""

    def __init__(self, actions: Sequence[Action], initial: Value, width: int, budget: Budget) -> None:
        self.cut = False
        self._open = Open()
        self._needed = Needed(actions)
        self._width = width
        self._budget = budget
        self._steps = 0
        self._frontier = [Configuration(initial, 0, 0, 0, None)]

    def through(self, actions: Sequence[Action]) -> Action | None:
        """The action whose return nothing explains, or None."""
        for _, is_return, action in events(actions):
            if not is_return:
                self._invoke(action)
            else:
                self._return(action)
                if not self._frontier:
                    return action
        return None

    def best_path(self) -> Path:
        return self._frontier[0].path

    def _invoke(self, action: Action) -> None:
        bit = self._open.add(action)
        if action.kind == READ:
            self._frontier = [
                c._replace(done=c.done | bit, path=(c.path, action, False)) if c.state == action.value else c
                for c in self._frontier
            ]

    def _return(self, action: Action) -> None:
        bit = self._open.slot[action.invoked]
        after: dict[tuple[Value, int, int, int], Configuration] = {}
        todo: list[Node] = []
        for each in self._frontier:
            if each.done & bit:
                _keep(after, each._replace(done=each.done & ~bit))
            else:
                if each.free & bit:
                    _keep(after, each._replace(free=each.free & ~bit, path=(each.path, action, True)))
                todo.append((each, False))
        for each in self._explore(todo, action):
            _keep(after, each._replace(done=each.done & ~bit))
        self._open.remove(action)
        self._needed.returned(action)
        self._frontier = self._narrow(list(after.values()))

    def _explore(self, todo: list[Node], goal: Action) -> Iterator[Configuration]:
        """All configurations in which `goal` has just been linearized, but for those that spent more than others.

        Shortest ways first: a detour over unknown actions is then known to be one."""
        if goal.kind == IMPOSSIBLE:
            return
        goal_bit = self._open.slot[goal.invoked]
        seen: dict[tuple[Value, int, int, bool], list[int]] = {}
        queue = deque(todo)
        end = self._steps + self._width * STEPS_FOR_EACH
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
        taken = here.done | here.spent
        if goal.kind == APPEND or (goal.kind == WRITE and not unseen):
            yield goal
        for twins in self._open.cas.get(here.state, {}).values():
            yield from self._first(twins, taken)
        for twins in self._open.appends.values():
            # A free one and one that is not are no twins: the second still has to happen.
            found = {a.invoked: a for mask in (0, here.free) for a in self._first(twins, taken | mask)}
            yield from (action for action in found.values() if action is not goal)
        if not unseen:
            yield from self._writes(here, taken, goal)

    def _writes(self, here: Configuration, taken: int, goal: Action) -> Iterator[Action]:
        for value, twins in self._open.writes.items():
            waiting = self._open.reads.get(value, 0) & ~here.done
            if waiting or value in self._open.cas or self._open.appends:
                yield from (action for action in self._first(twins, taken) if action is not goal)

    def _first(self, twins: Sequence[Action], taken: int) -> Iterator[Action]:
        slot = self._open.slot
        for twin in twins:
            if not taken & slot[twin.invoked]:
                yield twin
                return

    def _step(self, here: Configuration, action: Action) -> Node:
        """Linearizes the action, and all open reads that are satisfied then."""
        bit = self._open.slot[action.invoked]
        done, free, spent = here.done, here.free & ~bit, here.spent
        if action.certain:
            done |= bit
        else:
            spent |= bit
        if action.kind == WRITE:
            free |= self._open.blind & ~done
        after = append(here.state, action.value) if action.kind == APPEND else action.value
        state = self._needed.settled(after)
        path: Path = (here.path, action, False)
        waiting = self._open.reads.get(state, 0) & ~done
        for read in self._open.members(waiting):
            path = (path, read, False)
        unseen = not waiting and not (action.kind == CAS and action.certain)
        return Configuration(state, done | waiting, free, spent, path), unseen

    def _narrow(self, found: list[Configuration]) -> list[Configuration]:
        """Without configurations that others cover; and the best of them if they are too many."""
        if len(found) > 1:
            found.sort(key=self._cost)
            found = self._undominated(found)
        if len(found) > self._width:
            self.cut = True
            del found[self._width :]
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
        if len(kept) <= self._width:
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
