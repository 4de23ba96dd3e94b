"""Contradictions in words.

A shrunk contradiction (shrink.py) is looked at as a person would: was something taken out that nobody had put in? Did
one element overtake another? Was something inside when somebody found nothing? What is none of these is told as it is:
these operations, at these times, cannot be put in any order.

| kind | what happened |
|---|---|
| element-from-nowhere | nobody ever added what was taken or seen |
| element-of-failed-add | only operations that certainly failed would have added it |
| element-from-future | it was taken or seen before its first addition was sent |
| taken-twice | it was taken more often than it was added |
| overtaken | FIFO: an element was dequeued before one that had been enqueued before it |
| lost-element | FIFO: a later element was dequeued, an earlier one never; set: one that had been added was missed |
| taken-from-below | LIFO: an element was popped while another was on top of it |
| not-empty | somebody found nothing, though something was inside all the while |
| held-twice | a lock was acquired while somebody held it |
| foreign-release | a lock was released by another process than the one that had acquired it |
| token-did-not-grow | a lock was acquired with a token that is not above an earlier one |
| not-linearizable | anything else |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from checkers.canonical import canonical
from checkers.contradiction import MOST_TOLD, Case, Story, at_most, listed, together
from checkers.events import EventType
from checkers.history import Operation
from checkers.linearizability.words import value
from checkers.models import Action, Model
from checkers.models.containers import ADDS, asks_for_absence, found_empty, mentioned
from checkers.models.model import Value
from checkers.objects import words
from checkers.objects.shrink import Shrunk
from checkers.verdict import Anomaly


def explain(model: Model, shrunk: Shrunk, operations: Sequence[Operation]) -> Anomaly:
    """The anomaly of one object.

    `operations` of the anomaly are those that contradict each other, each needed; `details` has `minimal` (False if it
    took too long to be sure), `also_told_of` (operations that the text names beside them), `possible` (operations that
    could explain what was seen if they did not have to happen in time, and do not) and `cut` (the event before which
    everything was left out, or null)."""
    case = _Case(shrunk, operations, model)
    kind, text, also = case.tell()
    return Anomaly(
        kind=kind,
        text=text,
        operations=[action.invoked for action in shrunk.core],
        key=operations[0].key,
        details={
            "minimal": shrunk.minimal,
            "also_told_of": [op.invoked for op in also],
            "possible": [action.invoked for action in shrunk.context[:MOST_TOLD]],
            "cut": shrunk.cut,
        },
    )


@dataclass
class _Visit:
    """What is known of one element: who added it and who took it, as far as the story goes."""

    element: Value
    add: Action | None = None
    take: Action | None = None


@dataclass(frozen=True)
class _Case(Case[Action]):
    shrunk: Shrunk
    model: Model

    def tell(self) -> Story:
        stories = self._alone, self._too_often, self._not_empty, self._pair, self._missed, self._held
        return next((told for story in stories if (told := story())), None) or self._anything()

    def _alone(self) -> Story | None:
        """One action that nothing explains: of an element that nobody had added."""
        if len(self.core) > 1:
            return None
        op = self.op(self.core[0])
        for element in _needed(self.core[0]):
            adds = [o for o in self.operations if o.f in (*ADDS, "add") and canonical(words.asked(o)) == element]
            possible = [add for add in adds if add.outcome is not EventType.FAIL]
            if not adds:
                return "element-from-nowhere", f"{words.did(op)}, but nobody ever added {_shown(element)}", ()
            if not possible:
                text = f"{words.did(op)}, but {words.sent(adds[0])} and certainly failed"
                return "element-of-failed-add", text, adds[:1]
            if possible[0].invoked > op.returned:
                return "element-from-future", f"{words.did(op)}, before {words.sent(possible[0])}", possible[:1]
        return None

    def _too_often(self) -> Story | None:
        taken = [element for action in self.core if action.call.f not in ADDS for element in mentioned(action.call)]
        if len(self.core) < 2 or len(taken) < len(self.core) or len(set(taken)) > 1:
            return None
        times = sum(action.call.f in ADDS and action.call.input == taken[0] for action in self.shrunk.context)
        if times >= len(self.core):
            return None
        told = together([words.did(self.op(action)) for action in self.core])
        return "taken-twice", f"{told}, though it was added {at_most(times)}", ()

    def _visits(self) -> list[_Visit]:
        visits: dict[Value, _Visit] = {}
        for action in (*self.core, *self.shrunk.context):
            for element in mentioned(action.call):
                visit = visits.setdefault(element, _Visit(element))
                if action.call.f in ADDS:
                    visit.add = visit.add or action
                else:
                    visit.take = visit.take or action
        return list(visits.values())

    def _not_empty(self) -> Story | None:
        """Somebody found nothing, or drained only some, and there is something else in the core, added and inside."""
        empty = next((action for action in self.core if asks_for_absence(action.call)), None)
        if empty is None:
            return None
        visits = [visit for visit in self._visits() if visit.element not in mentioned(empty.call)]
        if not visits or not all(visit.add and visit.add in self.core for visit in visits):
            return None
        inside = "; ".join(self._inside(visit) for visit in visits[:MOST_TOLD])
        also = self._outside(*(visit.take for visit in visits))
        what = "something" if found_empty(empty.call) else "more"
        return "not-empty", f"{words.between(self.op(empty))}, though there was {what} inside: {inside}", also

    def _inside(self, visit: _Visit) -> str:
        assert visit.add is not None
        text = words.had_been(self.op(visit.add))
        if visit.take is None:
            return f"{text}, and nobody is known to have taken it out"
        return f"{text}, and {words.sent(self.op(visit.take))}"

    def _pair(self) -> Story | None:
        visits = [visit for visit in self._visits() if visit.add is not None]
        if len(visits) != 2 or self.model.name not in ("fifo-queue", "stack"):
            return None
        first, second = sorted(visits, key=lambda visit: cast(Action, visit.add).returned)
        assert first.add is not None
        assert second.add is not None
        if self.model.name == "stack":
            return self._from_below(first, second)
        if second.take is None or first.add.returned > second.add.invoked:
            return None
        order = f"though {words.had_been(self.op(first.add))}, before {words.sent(self.op(second.add))}"
        told = words.did(self.op(second.take))
        if first.take is second.take:
            return "overtaken", f"{told}, {order}", self._outside(second.add)
        if first.take is None:
            text = f"{told}, and nobody is known to have dequeued {_shown(first.element)} before, {order}"
            return "lost-element", text, ()
        text = f"{told}, before {words.sent(self.op(first.take))} (it {_answer(self.op(first.take))}), {order}"
        return "overtaken", text, self._outside(first.take, second.add)

    def _from_below(self, below: _Visit, above: _Visit) -> Story | None:
        if below.take is None or below.add is None or above.add is None or below.add.returned > above.add.invoked:
            return None
        if above.add.returned > below.take.invoked:
            return None
        gone = f"and {words.sent(self.op(above.take))}" if above.take else "and nobody is known to have popped it"
        order = f"{words.had_been(self.op(below.add))}, before {words.sent(self.op(above.add))}"
        text = (
            f"{words.did(self.op(below.take))}, while {_shown(above.element)} was on top of it: {order}; "
            f"that had been acknowledged before the pop was sent, {gone}"
        )
        return "taken-from-below", text, self._outside(above.take, below.add)

    def _outside(self, *actions: Action | None) -> list[Operation]:
        return [self.op(action) for action in actions if action is not None and action not in self.core]

    def _missed(self) -> Story | None:
        """Of a set: an element that had been added, and was not there."""
        adds = [action for action in self.core if action.call.f == "add"]
        if self.model.name != "set" or len(self.core) != 2 or len(adds) != 1:
            return None
        look = next(action for action in self.core if action is not adds[0])
        if adds[0].returned > look.invoked or _saw(look, adds[0].call.input):
            return None
        without = "" if look.call.f == "contains" else f" without {_shown(adds[0].call.input)}"
        return "lost-element", f"{words.did(self.op(look))}{without}, after {words.had_been(self.op(adds[0]))}", ()

    def _held(self) -> Story | None:
        """Of a lock: two that do not go together, whatever was before."""
        if len(self.core) != 2 or self.core[0].call.f != "acquire":
            return None
        first, second = map(self.op, self.core)
        if second.f == "release":
            text = f"{words.did(second)}, though it was held since {words.did(first)}"
            return ("foreign-release", text, ()) if first.returned < second.invoked else None
        if second.f != "acquire":
            return None
        tokens = first.value, second.value
        if self.model.name == "fenced-mutex" and first.returned < second.invoked and tokens[0] >= tokens[1]:
            return "token-did-not-grow", f"{words.did(second)}, after {words.did(first)}", ()
        text = f"{words.between(first)} and {words.between(second)}, and nobody can have released it in between"
        return "held-twice", text, ()

    def _anything(self) -> Story:
        told = [words.between(self.op(action)) for action in self.core]
        if len(told) == 1:
            return "not-linearizable", f"nothing explains that {told[0]}", ()
        return "not-linearizable", f"no order explains these together: {listed(told)}", ()


def _needed(action: Action) -> Sequence[Value]:
    """Elements that the action needs to have been added."""
    call = action.call
    if call.f == "contains" and call.output:
        return (call.input,)
    if call.f == "read" and isinstance(call.output, frozenset):
        return tuple(call.output)
    return () if call.f in ADDS else mentioned(call)


def _saw(look: Action, element: Value) -> bool:
    if look.call.f == "contains":
        return look.call.output is True or look.call.input != element
    return isinstance(look.call.output, frozenset) and element in look.call.output


def _shown(element: Value) -> str:
    return value(element if isinstance(element, int | str | float) else str(element))


def _answer(op: Operation) -> str:
    return f"answered {value(op.value)}" if op.outcome is EventType.OK else "had no answer"
