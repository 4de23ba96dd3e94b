"""What of this node's state its disk has: Readys are handed out, and come back as durable, in order."""

from __future__ import annotations

from collections import deque


class Durability:
    """Two answers depend on it: whether the current term and vote are durable (before they are answered with), and up
    to which index the log is (a leader counts its own entries only then; paper, figure 2)."""

    __slots__ = ("_hard_state_is_handed_out", "_outstanding", "hard_state_is_durable", "index")

    def __init__(self, index: int) -> None:
        self.index = index
        self.hard_state_is_durable = True
        self._hard_state_is_handed_out = True
        self._outstanding: deque[tuple[int, int, bool]] = deque()

    def hard_state_changed(self) -> None:
        self.hard_state_is_durable = self._hard_state_is_handed_out = False

    def handed_out(self, number: int, last_index: int, has_hard_state: bool) -> None:
        self._outstanding.append((number, last_index, has_hard_state))
        self._hard_state_is_handed_out |= has_hard_state

    def persisted(self, number: int) -> None:
        """Everything up to and with Ready `number` is durable."""
        while self._outstanding and self._outstanding[0][0] <= number:
            self.index = self._outstanding.popleft()[1]
        if self._hard_state_is_handed_out and not self.hard_state_is_durable:
            self.hard_state_is_durable = not any(has_hard_state for _, _, has_hard_state in self._outstanding)

    def cut(self, index: int) -> None:
        """Entries from `index` on were replaced: what is stored of them, or on its way, does not count for those that
        take their places."""
        last = index - 1
        self.index = min(self.index, last)
        self._outstanding = deque(
            (number, min(stored, last), hard_state) for number, stored, hard_state in self._outstanding
        )
