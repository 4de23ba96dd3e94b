"""The bounded search for a sequential order, over frontiers: how far each process has come, and each key's value.

Reads that fit are taken at once (a read that can be done now never has to wait: it changes nothing). Among writes the
search tries every one that the saturated order allows next, those first whose key has no read left to do of its
present value. States that led nowhere are remembered.
"""

from __future__ import annotations

from checkers.checker import Budget, OutOfTime
from checkers.sequential.order import Order
from checkers.sequential.steps import INITIAL

_SPEND_EVERY = 1024


def search(order: Order, budget: Budget, most_states: int) -> list[int] | None:
    """An order of all steps that is sequentially consistent, or None where there is none.

    Raises OutOfTime after `most_states` states, or when the budget is used up."""
    return _Search(order, budget, most_states).run()


class _Search:
    """A stack of choices instead of recursion: histories are longer than Python's stack is deep."""

    def __init__(self, order: Order, budget: Budget, most_states: int) -> None:
        self._order = order
        self._budget = budget
        self._left = most_states
        self._missing = list(order.sources_count)
        self._ready = {number for number, count in enumerate(self._missing) if not count}
        self._values: dict[str | None, bytes] = {}
        self._trail: list[tuple[int, bytes | None]] = []
        """Steps done, each with the value that its key held before (None: it does not write)."""
        self._dead: set[tuple[frozenset[int], frozenset[tuple[str | None, bytes]]]] = set()

    def run(self) -> list[int] | None:
        choices: list[tuple[int, list[int]]] = []
        while True:
            self._do_reads()
            if len(self._trail) == len(self._missing):
                return [number for number, _ in self._trail]
            options = [] if self._is_dead() else self._writes()
            choices.append((len(self._trail), options))
            while choices and not choices[-1][1]:
                mark, _ = choices.pop()
                self._undo_to(mark)
                self._dead.add(self._state())
            if not choices:
                return None
            mark, options = choices[-1]
            self._undo_to(mark)
            self._do(options.pop())

    def _is_dead(self) -> bool:
        self._left -= 1
        if self._left < 0:
            raise OutOfTime
        if self._left % _SPEND_EVERY == 0:
            self._budget.spend()
        return self._state() in self._dead

    def _state(self) -> tuple[frozenset[int], frozenset[tuple[str | None, bytes]]]:
        """What is ready tells what is done: the done steps are those that no ready step precedes or equals."""
        return frozenset(self._ready), frozenset(self._values.items())

    def _fits(self, number: int) -> bool:
        step = self._order.steps[number]
        return step.reads is None or self._values.get(step.key, INITIAL) == step.reads

    def _do_reads(self) -> None:
        found = True
        while found:
            fitting = [n for n in self._ready if self._order.steps[n].writes is None and self._fits(n)]
            found = bool(fitting)
            for number in sorted(fitting):
                self._do(number)

    def _writes(self) -> list[int]:
        """The writes that may come next, the most promising last."""
        wanted = {
            (step.key, step.reads)
            for number in self._ready
            if (step := self._order.steps[number]).reads is not None and not self._fits(number)
        }
        options = [n for n in self._ready if self._order.steps[n].writes is not None and self._fits(n)]
        steps = self._order.steps
        return sorted(options, key=lambda n: ((steps[n].key, steps[n].writes) in wanted, -n))

    def _do(self, number: int) -> None:
        step = self._order.steps[number]
        before = None
        if step.writes is not None:
            before = self._values.get(step.key, INITIAL)
            self._values[step.key] = step.writes
        self._trail.append((number, before))
        self._ready.discard(number)
        for target in self._order.targets[number]:
            self._missing[target] -= 1
            if not self._missing[target]:
                self._ready.add(target)

    def _undo_to(self, mark: int) -> None:
        while len(self._trail) > mark:
            number, before = self._trail.pop()
            for target in self._order.targets[number]:
                if not self._missing[target]:
                    self._ready.discard(target)
                self._missing[target] += 1
            self._ready.add(number)
            if before is not None:
                self._values[self._order.steps[number].key] = before
