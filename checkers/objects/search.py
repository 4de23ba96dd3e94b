"""The general search: exact for every model, in time and memory that grow with concurrency and not with length.

As for registers (../linearizability/frontier.py, where the theory is told): Wing and Gong's search, in Lowe's
just-in-time form, remembering only the configurations after each event. A configuration is a state and one bit for each
action that is open. When no configuration is left after a return, the events so far are not linearizable. What is said
there about widths, twins and dominance holds for every model. In a model's own words (checkers/models/model.py):

- Observations. An open action that changes no state is linearized as soon as its call is possible. It cannot harm.
- Dominance. Of two configurations with equal certain actions done, one whose state covers the other's, with more
  observations done and no other unknown actions spent, can do all that the other can.
- Independence. Of neighbours that could as well stand the other way round, one order is enough: an action is not taken
  directly after one that returns later and that it is independent of, unless somebody observed the state in between.
  (Swapping such neighbours makes every sequence one that is not skipped: each swap leaves fewer pairs in the wrong
  order.) The action that has to happen now returns first of all that are open; so it goes first, and the others wait
  until somebody needs them. Nobody has to guess which unknown additions to a counter happened, before it is read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple, TypeAlias

from checkers.checker import Budget
from checkers.models import Action, Call, Model, State
from checkers.objects.open_actions import Open
from checkers.objects.outcome import Contradiction, Linearizable, Outcome

WIDTHS: Final = (24, 96, 512, 1 << 62)
STEPS_FOR_EACH: Final = 32
"""Nodes explored at one event for each configuration that the width allows."""
STEPS_BETWEEN_LOOKS: Final = 512
"""At the time budget."""
MOST_COMPARED: Final = 64
"""Configurations of one bucket that a new one is compared with: dominance is an economy, not a duty."""

Path: TypeAlias = "tuple[Path, Action] | None"
"""How a configuration came about, last step first."""


class Configuration(NamedTuple):
    """`done`: open certain actions that are linearized; `spent`: unknown actions that happened; sets of slots."""

    state: State
    done: int
    spent: int
    path: Path


Node: TypeAlias = tuple[Configuration, Action | None]
"""A configuration between two events, and the action that led there if nobody has observed the state since."""


def search(model: Model, actions: Sequence[Action], budget: Budget, starts: Sequence[State] = ()) -> Outcome:
    """Raises OutOfTime when the budget is used up. A contradiction is what had returned in the shortest beginning that
    nothing explains.

    `starts`: states in which the object may begin, if not as a new one."""
    for width in WIDTHS:
        run = _Run(model, width, budget, starts or (model.start,))
        blocked = run.through(actions)
        if blocked is None:
            return Linearizable(unfold(run.best_path()))
        if not run.cut:
            return Contradiction([a for a in actions if a.certain and a.returned <= blocked.returned])
    raise AssertionError("the last width cuts nothing")


class _Run:
    """One pass through the events with one width."""

    def __init__(self, model: Model, width: int, budget: Budget, starts: Sequence[State]) -> None:
        self.cut = False
        self._model = model
        self._open = Open(model)
        self._width = width
        self._budget = budget
        self._steps = 0
        self._frontier = [Configuration(state, 0, 0, None) for state in starts]

    def through(self, actions: Sequence[Action]) -> Action | None:
        """The action whose return nothing explains, or None."""
        for _, is_return, action in _events(actions):
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
        self._open.add(action)
        if self._model.observes(action.call):
            self._frontier = [self._observed(each) for each in self._frontier]

    def _return(self, action: Action) -> None:
        bit = self._open.slot[action.invoked]
        after: dict[tuple[State, int, int], Configuration] = {}
        todo: list[Node] = []
        for each in self._frontier:
            if each.done & bit:
                _keep(after, each._replace(done=each.done & ~bit))
            else:
                todo.append((each, None))
        for each in self._explore(todo, bit):
            _keep(after, each._replace(done=each.done & ~bit))
        self._open.remove(action)
        self._frontier = self._narrow(list(after.values()))

    def _explore(self, todo: list[Node], goal_bit: int) -> Iterator[Configuration]:
        """All configurations in which the goal has just been linearized, but for those that spent more than others.

        Shortest ways first: a detour over unknown actions is then known to be one."""
        seen: dict[tuple[State, int, Call | None], list[int]] = {}
        queue = deque(todo)
        end = self._steps + self._width * STEPS_FOR_EACH
        while queue:
            if self._steps >= end:
                self.cut = True
                return
            self._count()
            here, last = queue.popleft()
            for action in self._steps_from(here, last):
                for there, unseen in self._step(here, action):
                    if there.done & goal_bit:
                        yield there
                    elif _is_new(seen, there, unseen):
                        queue.append((there, unseen))

    def _count(self) -> None:
        if self._steps % STEPS_BETWEEN_LOOKS == 0:
            self._budget.spend()
        self._steps += 1

    def _steps_from(self, here: Configuration, last: Action | None) -> Iterator[Action]:
        """One of each set of twins, but for those that the rule of independence skips."""
        taken = here.done | here.spent
        for twins in self._open.twins.values():
            action = self._open.first(twins, taken)
            if action is not None and not (last is not None and self._belongs_before(action, last)):
                yield action

    def _belongs_before(self, action: Action, last: Action) -> bool:
        first = (action.returned, action.invoked) < (last.returned, last.invoked)
        return first and self._model.independent(last.call, action.call)

    def _step(self, here: Configuration, action: Action) -> Iterator[Node]:
        """Linearizes the action, and all open observations that are possible then."""
        bit = self._open.slot[action.invoked]
        done, spent = (here.done | bit, here.spent) if action.certain else (here.done, here.spent | bit)
        for state in self._model.step(here.state, action.call):
            there = Configuration(state, done, spent, (here.path, action))
            observed = self._observed(there)
            yield observed, action if observed is there else None

    def _observed(self, here: Configuration) -> Configuration:
        done, path = here.done, here.path
        for bit, action in self._open.waiting(done):
            if any(True for _ in self._model.step(here.state, action.call)):
                done, path = done | bit, (path, action)
        return here if done == here.done else here._replace(done=done, path=path)

    def _narrow(self, found: list[Configuration]) -> list[Configuration]:
        """Without configurations that others cover; and the best of them if they are too many."""
        if len(found) > 1:
            found.sort(key=self._cost)
            found = self._undominated(found)
        if len(found) > self._width:
            self.cut = True
            del found[self._width :]
        return found

    def _cost(self, each: Configuration) -> int:
        return each.spent.bit_count() - (each.done & self._open.all_observers).bit_count()

    def _undominated(self, found: Sequence[Configuration]) -> list[Configuration]:
        observers, model = self._open.all_observers, self._model
        buckets: dict[object, list[Configuration]] = {}
        for each in found:
            bucket = buckets.setdefault((model.group(each.state), each.done & ~observers), [])
            if not any(self._covers(other, each, observers) for other in bucket[:MOST_COMPARED]):
                bucket.append(each)
        # One of each bucket in turn: what is cut should differ little from what stays.
        rounds = zip_longest(*buckets.values())
        return [each for row in rounds for each in row if each is not None]

    def _covers(self, one: Configuration, other: Configuration, observers: int) -> bool:
        if other.done & ~one.done & observers or one.spent & ~other.spent:
            return False
        return one.state == other.state or self._model.covers(one.state, other.state)


def _events(actions: Sequence[Action]) -> list[tuple[int, bool, Action]]:
    """(event index, is it the return, action) in recorded order."""
    found = [(action.invoked, False, action) for action in actions]
    found += [(action.returned, True, action) for action in actions if action.certain]
    found.sort(key=lambda event: event[:2])
    return found


def _is_new(seen: dict[tuple[State, int, Call | None], list[int]], there: Configuration, unseen: Action | None) -> bool:
    """Whether no configuration that spent no more was here before; it is then remembered."""
    spent = there.spent
    key = (there.state, there.done, unseen.call if unseen is not None else None)
    for known in {key, (there.state, there.done, None)}:
        if any(not cheaper & ~spent for cheaper in seen.get(known, ())):
            return False
    seen.setdefault(key, []).append(spent)
    return True


def _keep(found: dict[tuple[State, int, int], Configuration], each: Configuration) -> None:
    found.setdefault((each.state, each.done, each.spent), each)


def unfold(path: Path) -> list[Action]:
    """The actions in order."""
    order: list[Action] = []
    while path is not None:
        path, action = path
        order.append(action)
    order.reverse()
    return order
