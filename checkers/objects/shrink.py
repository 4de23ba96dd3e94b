"""From a contradiction to a minimal one: actions that contradict each other, each of them needed.

Shrinking must not invent contradictions. So actions are only ever weakened, such that whatever explains the whole
history explains the weaker one:

- what changes nothing (a read, a dequeue that found nothing) is left out;
- anything else becomes uncertain: it happened some time after its invocation, or never; what it is known to have
  answered stays known, but for a drain, of which only that stays that it may have happened; so of an element that was
  added once and that somebody took, it stays known that no unknown taking took it;
- what is then not relevant (Model.relevant), like elements of which nobody is certain, goes;
- what was invoked after all of the core had returned is too late to matter;
- the beginning of a history may be cut off, for models that can say what anything is (Model.anything): after the cut
  the object may be in any state, actions that returned before it are gone, and those that are open are uncertain.

What the object began with is a fact and stays. The more is weakened, the more is possible, so an action that was needed
once is needed for good, and one pass over the actions ends with a minimal set. It starts with halves, because most
actions of a long history are not needed; a cut is found by halving too, since a later one leaves less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from checkers.checker import Budget, OutOfTime
from checkers.history import PENDING
from checkers.models import UNKNOWN, Action, Model
from checkers.models.containers import ADDS, DRAIN, TAKES
from checkers.objects.decide import decide
from checkers.objects.outcome import Contradiction

MOST_TRIES: Final = 1_000
MOST_LOOKS: Final = 60
"""At the budget, in one try: more steps than that say nothing."""


@dataclass(frozen=True)
class Shrunk:
    """`core` contradict each other, given the weakened `context`. `minimal` is False if that took too long to be sure.
    `cut`: the event before which everything was left out."""

    core: Sequence[Action]
    context: Sequence[Action]
    minimal: bool
    cut: int | None = None


def weakened(model: Model, action: Action) -> Action | None:
    """What is left of an action: None if nothing."""
    if action.invoked < 0 or not action.certain:
        return action
    if model.observes(action.call):
        return None
    call = action.call._replace(output=UNKNOWN) if action.call.f == DRAIN else action.call
    return msgspec.structs.replace(action, call=call, certain=False, returned=PENDING)


def with_context(model: Model, everything: Sequence[Action], core: Sequence[Action]) -> list[Action]:
    """The core as it is and, of everything else, what is left and relevant, by invocation."""
    kept = {action.invoked: action for action in core}
    found = (kept.get(action.invoked) or weakened(model, action) for action in everything)
    return list(model.relevant(_kept_from_others([action for action in found if action is not None])))


def _kept_from_others(actions: Sequence[Action]) -> Sequence[Action]:
    """Tells unknown takings which elements they did not take."""
    unknown = [action for action in actions if action.call.f in TAKES and action.call.output is UNKNOWN]
    if not unknown:
        return actions
    added = Counter(action.call.input for action in actions if action.call.f in ADDS)
    named = [a.call.output for a in actions if a.call.f in TAKES and not a.certain and a.call.output is not UNKNOWN]
    others = frozenset(element for element in named if added[element] == 1)
    told = {a.invoked: msgspec.structs.replace(a, call=a.call._replace(input=others)) for a in unknown}
    return [told.get(action.invoked, action) for action in actions]


def after(model: Model, everything: Sequence[Action], cut: int) -> list[Action]:
    """What is left when everything before event `cut` is cut off."""
    found = (a if a.invoked >= cut else weakened(model, a) for a in everything if a.returned > cut and a.invoked >= 0)
    return [action for action in found if action is not None]


def shrink(model: Model, everything: Sequence[Action], found: Contradiction, budget: Budget) -> Shrunk:
    """`found` is a contradiction among `everything`."""
    whole = _start(model, everything, found, budget)
    if model.anything(()):
        whole.cut_off_beginning()
    whole.run()
    left = {action.invoked for action in whole.core}
    context = [action for action in whole.all if action.invoked not in left and action.invoked >= 0]
    return Shrunk(whole.core, context, whole.sure, whole.cut)


def _start(model: Model, everything: Sequence[Action], found: Contradiction, budget: Budget) -> _Shrinking:
    """With what the algorithm blamed, if that is a contradiction when all else is weakened; for it may have known from
    a drain what did not come out of it. Else with the drains, else with all."""
    certain = [action for action in everything if action.certain and action.invoked >= 0]
    blamed = {action.invoked for action in found.actions}
    core = [action for action in certain if action.invoked in blamed]
    with_drains = [action for action in certain if action.invoked in blamed or action.call.f == DRAIN]
    for some in (core, with_drains):
        end = max(action.returned for action in some)
        start = _Shrinking(model, [action for action in everything if action.invoked <= end], some, budget)
        if start.is_contradiction():
            return start
    return _Shrinking(model, everything, certain, budget)


class _Shrinking:
    def __init__(self, model: Model, everything: Sequence[Action], core: Sequence[Action], budget: Budget) -> None:
        self.core = sorted(core, key=lambda action: action.invoked)
        self.all = with_context(model, everything, self.core)
        self.sure = True
        self.cut: int | None = None
        self._model = model
        self._budget = budget
        self._tries = 0

    def is_contradiction(self) -> bool:
        return self._contradicts(self.all, self.cut)

    def cut_off_beginning(self) -> None:
        """Before the latest event that leaves a contradiction, if there is one."""
        events = [action.invoked for action in self.core if action.invoked >= 0]
        fine, wrong = len(events), -1
        while fine - wrong > 1:
            middle = (fine + wrong) // 2
            if self._contradicts(after(self._model, self.all, events[middle]), events[middle]):
                wrong = middle
            else:
                fine = middle
        if wrong >= 0:
            self.cut = events[wrong]
            self.core = self.core[wrong:]
            self.all = after(self._model, self.all, self.cut)

    def run(self) -> None:
        size = len(self.core)
        while size > 1:
            size = min((size + 1) // 2, len(self.core))
            self._drop_pieces(size)

    def _drop_pieces(self, size: int) -> None:
        """Tries to do without each piece of this size, oldest first."""
        at = 0
        while at < len(self.core) and len(self.core) > 1:
            if self._tries > MOST_TRIES or self._budget.seconds_left() <= 0:
                self.sure = False
                return
            smaller = self.core[:at] + self.core[at + size :]
            if not self._drop(smaller):
                at += size

    def _drop(self, smaller: list[Action]) -> bool:
        rest = with_context(self._model, self.all, smaller)
        if not self._contradicts(rest, self.cut):
            return False
        self.core, self.all = smaller, rest
        return True

    def _contradicts(self, actions: Sequence[Action], cut: int | None) -> bool:
        self._tries += 1
        starts = () if cut is None else self._model.anything(actions)
        try:
            decision = decide(self._model, actions, _limited(self._budget), starts)
        except OutOfTime:
            self.sure = False
            return False
        return isinstance(decision.outcome, Contradiction)


def _limited(budget: Budget) -> Budget:
    looks = 0

    def seconds_left() -> float:
        nonlocal looks
        looks += 1
        return budget.seconds_left() if looks <= MOST_LOOKS else 0.0

    return Budget(seconds_left=seconds_left)
