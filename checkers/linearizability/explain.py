"""Contradictions in words.

A shrunk contradiction (shrink.py) is looked at as a person would: is a value out of nowhere, or from the future? Did
two compare-and-sets replace one and the same value? Did somebody see an old value after a newer one was there? What
is none of these is told as it is: these operations, at these times, cannot be put in any order. One node alone that
shows what is old is no lost write: it may just not know yet what the others know.

| kind | what happened |
|---|---|
| read-of-never-written-value | nobody ever wrote what was seen |
| read-of-failed-write | only operations that certainly failed would have written what was seen |
| read-from-future | what was seen was sent by its first writer only later |
| cas-conflict | two compare-and-sets replaced one and the same value |
| cas-circle | compare-and-sets each replaced what the next one wrote |
| cas-refused-match | a compare-and-set did not match, but saw the very value that it expected |
| stale-read | an older value was seen after a newer one was there |
| lost-write | the same at several nodes (processes, where no node is told), and what was there never comes back |
| stale-cas | a compare-and-set replaced an older value after a newer one was there |
| not-linearizable | anything else |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from checkers.canonical import canonical
from checkers.contradiction import MOST_TOLD, Case, Story, at_most, listed, together
from checkers.events import EventType
from checkers.history import Operation
from checkers.linearizability import words
from checkers.linearizability.actions import CAS, IMPOSSIBLE, READ, Action, Value, needs
from checkers.linearizability.shrink import Shrunk
from checkers.verdict import Anomaly


def explain(shrunk: Shrunk, operations: Sequence[Operation], everything: Sequence[Action], initial: Any) -> Anomaly:
    """The anomaly of one key; `everything` are all actions of `operations`.

    `operations` of the anomaly are those that contradict each other, each needed; `details` has `minimal` (False if
    time ran out before that was sure), `also_told_of` (operations that the text names beside them) and
    `possible_writes` (writes that could explain what was seen, and do not)."""
    case = _Case(shrunk, operations, everything, initial)
    kind, text, also = case.tell()
    return Anomaly(
        kind=kind,
        text=text,
        operations=[action.invoked for action in shrunk.core],
        key=operations[0].key,
        details={
            "minimal": shrunk.minimal,
            "also_told_of": [op.invoked for op in also],
            "possible_writes": [action.invoked for action in shrunk.context[:MOST_TOLD]],
        },
    )


@dataclass(frozen=True)
class _Case(Case[Action]):
    shrunk: Shrunk
    everything: Sequence[Action]
    initial: Any

    def tell(self) -> Story:
        if len(self.core) == 1:
            return self._alone(self.core[0])
        if all(action.kind == CAS for action in self.core):
            return self._compare_and_sets()
        return self._going_back() or self._anything()

    def _alone(self, action: Action) -> Story:
        op = self.op(action)
        if action.kind == IMPOSSIBLE:
            text = f"{words.deed(op)} answered {_known(op)} that it did not match, but saw {words.value(op.value[0])}"
            return "cas-refused-match", text, ()
        if not needs(action):
            return self._anything()
        writers = self._writers(needs(action)[0])
        if not writers:
            return self._never_written(op, needs(action)[0])
        if writers[0].invoked > action.returned:
            text = f"{words.did(op)}, before {words.deed(writers[0])} {words.sent(writers[0])}, the first of that value"
            return "read-from-future", text, writers[:1]
        return self._anything()

    def _never_written(self, op: Operation, value: Value) -> Story:
        failed = [each for each in self.operations if each.outcome is EventType.FAIL and _would_write(each, value)]
        if failed:
            text = f"{words.did(op)}, but {words.deed(failed[0])}, which {words.sent(failed[0])}, certainly failed"
            return "read-of-failed-write", text, failed[:1]
        return "read-of-never-written-value", f"{words.did(op)}, a value that nobody ever wrote", ()

    def _writers(self, value: Value) -> list[Operation]:
        """Who may have written the value, by invocation."""
        return [self.op(a) for a in self.everything if a.kind not in (READ, IMPOSSIBLE) and a.value == value]

    def _compare_and_sets(self) -> Story:
        told = [words.between(self.op(action)) for action in self.core]
        expected = {action.expected for action in self.core}
        if len(expected) == 1:
            shown = words.value(self.op(self.core[0]).value[0])
            times = len(self._writers(self.core[0].expected)) + (canonical(self.initial) in expected)
            text = f"{together(told)} all succeeded, though {shown} was there {at_most(times)}"
            return "cas-conflict", text.replace(" all ", " both ") if len(told) == 2 else text, ()
        if expected == {action.value for action in self.core}:
            return "cas-circle", f"{together(told)} all succeeded, each replacing what another one of them wrote", ()
        return self._anything()

    def _going_back(self) -> Story | None:
        """An old value was seen by the last of the core, after all the rest."""
        last = max(self.core, key=lambda action: action.invoked)
        rest = sorted((a for a in self.core if a is not last), key=lambda action: -action.returned)
        old = needs(last)
        if not old or not rest or rest[0].returned > last.invoked or rest[0].value == old[0]:
            return None
        if any(one.invoked < other.returned for one, other in pairwise(rest)):
            return None
        text = f"{words.did(self.op(last))}{self._if_initial(old[0])}, after {words.had_done(self.op(rest[0]))}"
        for newer, older in pairwise(rest[:MOST_TOLD]):
            begun = words.at(self.op(newer).invoke.time)
            text += f"; that was begun {begun}, after {words.had_done(self.op(older))}"
        text += f"; and {len(rest) - MOST_TOLD} more before that" if len(rest) > MOST_TOLD else ""
        return self._kind_of_going_back(last, old[0]), text, ()

    def _if_initial(self, value: Value) -> str:
        return " (the initial value)" if value == canonical(self.initial) else ""

    def _kind_of_going_back(self, last: Action, old: Value) -> str:
        if last.kind == CAS:
            return "stale-cas"
        since = [a for a in self.everything if a.certain and a.returned >= last.returned]
        showed_old = [a for a in since if old in needs(a)]
        in_place = {a.value for a in self.everything if a.kind != READ and a.returned < showed_old[-1].invoked} - {old}
        came_back = any(in_place & set(needs(a)) for a in since if a.returned > showed_old[-1].returned)
        gone = len({self._place(a) for a in showed_old}) > 1 and not came_back
        return "lost-write" if gone else "stale-read"

    def _place(self, action: Action) -> object:
        """The node that answered, or the process where nodes are not told."""
        op = self.op(action)
        return op.process if op.completion is None or op.completion.node is None else op.completion.node

    def _anything(self) -> Story:
        told = [words.between(self.op(action)) for action in self.core]
        return "not-linearizable", f"no order explains these together: {listed(told)}", ()


def _known(op: Operation) -> str:
    return words.at((op.completion or op.invoke).time)


def _would_write(op: Operation, value: Value) -> bool:
    if op.f in ("write", "put", "append"):
        return canonical(op.value) == value
    return op.f == "cas" and canonical(op.value[1]) == value
