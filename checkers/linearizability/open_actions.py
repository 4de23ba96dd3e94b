"""The actions that are open at one moment of the general search (frontier.py), and sets of them as bits."""

from __future__ import annotations

from collections.abc import Iterator

from checkers.linearizability.actions import CAS, IMPOSSIBLE, READ, WRITE, Action, Value


class Open:
    """The actions that are invoked and have not returned, each in a slot; slots are used again."""

    def __init__(self) -> None:
        self.slot: dict[int, int] = {}
        """`invoked` of an action -> its slot, as a bit."""
        self._action: dict[int, Action] = {}
        self.reads: dict[Value, int] = {}
        """Value -> slots."""
        self.all_reads = 0
        self.blind = 0
        """Slots of certain WRITEs and APPENDs."""
        self.cas: dict[Value, dict[Value, list[Action]]] = {}
        """expected -> new -> twins, the first to return first."""
        self.writes: dict[Value, list[Action]] = {}
        self.appends: dict[Value, list[Action]] = {}
        self._unused: list[int] = []
        self._next = 1

    def add(self, action: Action) -> int:
        bit = self._unused.pop() if self._unused else self._new_bit()
        self.slot[action.invoked] = bit
        self._action[bit] = action
        if action.kind == READ:
            self.reads[action.value] = self.reads.get(action.value, 0) | bit
            self.all_reads |= bit
        elif action.kind != IMPOSSIBLE:
            twins = self._twins(action)
            twins.append(action)
            twins.sort(key=lambda twin: (twin.returned, twin.invoked))
            if action.certain and action.kind != CAS:
                self.blind |= bit
        return bit

    def remove(self, action: Action) -> None:
        bit = self.slot.pop(action.invoked)
        self._unused.append(bit)
        self.blind &= ~bit
        if action.kind == READ:
            self.all_reads &= ~bit
            self.reads[action.value] &= ~bit
            if not self.reads[action.value]:
                del self.reads[action.value]
        elif action.kind != IMPOSSIBLE:
            self._remove_twin(action)

    def members(self, slots: int) -> Iterator[Action]:
        while slots:
            bit = slots & -slots
            yield self._action[bit]
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

    def _new_bit(self) -> int:
        bit = self._next
        self._next <<= 1
        return bit
