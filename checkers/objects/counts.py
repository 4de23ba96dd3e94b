"""Numbers in a row: more or less to a stretch of them, and their smallest, each in logarithmic time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

NONE: Final = 1 << 100
"""Larger than any number that means something."""


class Counts:
    """A tree over the row. A node's least is that of its stretch, but for what was added to whole stretches above."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.size = max(1, 1 << (len(numbers) - 1).bit_length()) if numbers else 1
        self._least = [NONE] * self.size + [*numbers] + [NONE] * (self.size - len(numbers))
        self._more = [0] * (2 * self.size)
        for node in range(self.size - 1, 0, -1):
            self._least[node] = min(self._least[2 * node], self._least[2 * node + 1])

    def add(self, begin: int, end: int, more: int) -> None:
        """To the numbers at `begin` <= at < `end`."""
        if begin >= end:
            return
        low, high = begin + self.size, end + self.size
        first, last = low, high - 1
        least, pending = self._least, self._more
        while low < high:
            if low & 1:
                least[low] += more
                pending[low] += more
                low += 1
            if high & 1:
                high -= 1
                least[high] += more
                pending[high] += more
            low >>= 1
            high >>= 1
        self._renew(first)
        self._renew(last)

    def _renew(self, node: int) -> None:
        least, pending = self._least, self._more
        node >>= 1
        while node:
            left, right = least[2 * node], least[2 * node + 1]
            least[node] = (left if left < right else right) + pending[node]
            node >>= 1

    def least(self, begin: int, end: int) -> int:
        """The smallest at `begin` <= at < `end`; NONE where there is none."""
        return self._least_in(1, 0, self.size, begin, end)

    def _least_in(self, node: int, low: int, high: int, begin: int, end: int) -> int:
        if end <= low or high <= begin:
            return NONE
        if begin <= low and high <= end:
            return self._least[node]
        middle = (low + high) // 2
        left = self._least_in(2 * node, low, middle, begin, end)
        return self._more[node] + min(left, self._least_in(2 * node + 1, middle, high, begin, end))

    def below(self, begin: int, end: int, bound: int) -> Iterator[int]:
        """The places at `begin` <= at < `end` with numbers below `bound`, in order. They must not change meanwhile."""
        stack = [(1, 0, self.size, 0)]
        while stack:
            node, low, high, above = stack.pop()
            if end <= low or high <= begin or self._least[node] + above >= bound:
                continue
            if high - low == 1:
                yield low
                continue
            middle = (low + high) // 2
            above += self._more[node]
            stack.append((2 * node + 1, middle, high, above))
            stack.append((2 * node, low, middle, above))
