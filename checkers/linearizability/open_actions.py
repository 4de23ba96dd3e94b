"""The actions that are open at one moment of the general search (sweep.py), and sets of them as bits."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator

from checkers.linearizability.actions import CAS, IMPOSSIBLE, READ, WRITE, Action, Value

Event = tuple[int, bool, Action]
"""(event index, is it the return, action)"""


def events(actions: Iterable[Action]) -> list[Event]:
    """In recorded order."""
    found = [(action.invoked, False, action) for action in actions]
    found += [(action.returned, True, action) for action in actions if action.certain]
    found.sort(key=lambda event: event[0])
    return found


def slots(events: Iterable[Event]) -> dict[int, int]:
    """`invoked` of an action -> its slot, as a bit. Slots of certain actions are used again when they have returned;
    unknown ones have slots of their own, counted from one again."""
    slot: dict[int, int] = {}
    unused: list[int] = []
    certain, unknown = 1, 1
    for _, is_return, action in events:
        if is_return:
            unused.append(slot[action.invoked])
        elif not action.certain:
            slot[action.invoked] = unknown
            unknown <<= 1
        elif unused:
            slot[action.invoked] = unused.pop()
        else:
            slot[action.invoked] = certain
            certain <<= 1
    return slot


def _order(action: Action) -> tuple[int, int]:
    return action.returned, action.invoked


class Open:
    """The actions that are invoked and have not returned."""

    def __init__(self, slot: dict[int, int]) -> None:
        self.slot = slot
        self._read: dict[int, Action] = {}
        self.reads: dict[Value, int] = {}
        """Value -> slots."""
        self.all_reads = 0
        self.blind = 0
        """Slots of certain WRITEs and APPENDs."""
        self.cas: dict[Value, dict[Value, list[Action]]] = {}
        """expected -> new -> twins, the first to return first."""
        self.writes: dict[Value, list[Action]] = {}
        self.appends: dict[Value, list[Action]] = {}

    def add(self, action: Action) -> None:
        bit = self.slot[action.invoked]
        if action.kind == READ:
            self._read[bit] = action
            self.reads[action.value] = self.reads.get(action.value, 0) | bit
            self.all_reads |= bit
        elif action.kind != IMPOSSIBLE:
            insort(self._twins(action), action, key=_order)
            if action.certain and action.kind != CAS:
                self.blind |= bit

    def remove(self, action: Action) -> None:
        bit = self.slot[action.invoked]
        if action.kind == READ:
            self.all_reads &= ~bit
            self.reads[action.value] &= ~bit
            if not self.reads[action.value]:
                del self.reads[action.value]
        elif action.kind != IMPOSSIBLE:
            if action.certain:
                self.blind &= ~bit
            self._remove_twin(action)

    def reads_in(self, slots: int) -> Iterator[Action]:
        while slots:
            bit = slots & -slots
            yield self._read[bit]
            slots ^= bit

    def _remove_twin(self, action: Action) -> None:
        twins = self._twins(action)
        twins.remove(action)
        if twins:
            return
        if action.kind == CAS:
            del self.cas[action.expected][action.value]
            if not self.cas[action.expected]:
                del self.cas[action.expected]
        else:
            del (self.writes if action.kind == WRITE else self.appends)[action.value]

    def _twins(self, action: Action) -> list[Action]:
        if action.kind == CAS:
            return self.cas.setdefault(action.expected, {}).setdefault(action.value, [])
        table = self.writes if action.kind == WRITE else self.appends
        return table.setdefault(action.value, [])
