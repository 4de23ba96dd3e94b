"""The actions that are open at one moment of the general search (search.py), and sets of them as bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checkers.models import Action, Call, Model


class Open:
    """Actions that are invoked and have not returned, each in a slot. Slots of certain actions are used again; others
    stay open for good."""

    def __init__(self, model: Model) -> None:
        self.slot: dict[int, int] = {}
        """`invoked` of an action -> its slot, as a bit."""
        self.twins: dict[Call, list[Action]] = {}
        """Actions that change something, those that do the same together, the first to return first."""
        self.observers: dict[int, Action] = {}
        """Slot -> certain action that changes nothing."""
        self.all_observers = 0
        self._model = model
        self._unused: list[int] = []
        self._next = 1

    def add(self, action: Action) -> int:
        bit = self._unused.pop() if self._unused else self._new_bit()
        self.slot[action.invoked] = bit
        if self._model.observes(action.call):
            self.observers[bit] = action
            self.all_observers |= bit
        else:
            twins = self.twins.setdefault(action.call, [])
            twins.append(action)
            twins.sort(key=lambda twin: (twin.returned, twin.invoked))
        return bit

    def remove(self, action: Action) -> None:
        bit = self.slot.pop(action.invoked)
        self._unused.append(bit)
        if bit in self.observers:
            del self.observers[bit]
            self.all_observers &= ~bit
            return
        twins = self.twins[action.call]
        twins.remove(action)
        if not twins:
            del self.twins[action.call]

    def first(self, twins: Sequence[Action], taken: int) -> Action | None:
        for twin in twins:
            if not taken & self.slot[twin.invoked]:
                return twin
        return None

    def waiting(self, done: int) -> Iterator[tuple[int, Action]]:
        """Observers that are not done, with their slots."""
        for bit, action in self.observers.items():
            if not done & bit:
                yield bit, action

    def _new_bit(self) -> int:
        bit = self._next
        self._next <<= 1
        return bit
