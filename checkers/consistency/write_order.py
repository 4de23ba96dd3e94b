"""The order of one key's writes: whether there is a linearization of them in which certain writes precede others.

A compare-and-set that matched stands right after its source, and one that did not match between its source and the
next write. So the writes of a key fall into blocks that nothing else can interrupt: a plain write (or the initial
value), the compare-and-set that replaced it, the one that replaced that, and so on; compare-and-sets that did not
match belong to the block whose value they saw. An order of the writes is an order of whole blocks
(checkers/linearizability/zones.py, steps 2 to 4, whose words these are):

    A precedes B in time     if the earliest return in A comes before the latest invocation in B,
    A is wanted before B     if a write in A is wanted before one in B,

and an order exists exactly if the two relations together have no cycle. Keys need not be looked at together: orders
that keep to time key by key can always be merged into one that does (Herlihy and Wing 1990, theorem 1).

Blocks are taken one after another, each time one that no block left precedes. By time that is asked of the block with
the earliest return alone (and for that block itself, of the second earliest), so it costs O(n log n). Where no block
can be taken, each of those left has another one before it, and following these back comes round in a circle.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checkers.consistency.record import INITIAL, Record, is_write
from checkers.history import PENDING

_BEFORE_ALL = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """`first` stands before `then` (INITIAL: it cannot, so this is a contradiction), because `read`, whose source
    `then` is, must have seen `first`."""

    first: int
    then: int
    read: int


@dataclass(frozen=True, slots=True)
class Circle:
    """Writes that cannot be ordered: `members` are those that make time say what it says, `wanted` what was asked."""

    members: Sequence[int]
    wanted: Sequence[Wanted]


@dataclass(slots=True)
class Block:
    """`earliest` return and `latest` invocation of its members, and which members these are."""

    writes: list[int]
    earliest: int = PENDING
    latest: int = _BEFORE_ALL
    returns: int = INITIAL
    invokes: int = INITIAL

    def add(self, number: int, invoked: int, returned: int) -> None:
        if returned < self.earliest:
            self.earliest, self.returns = returned, number
        if invoked > self.latest:
            self.latest, self.invokes = invoked, number


class KeyOrder:
    """The blocks of one key. Its writes must be linearizable by themselves."""

    def __init__(self, record: Record, numbers: Iterable[int]) -> None:
        """`numbers`: the steps of the key."""
        self._record = record
        self._replaced_by: dict[int, int] = {}
        self._block: dict[int, int] = {INITIAL: 0}
        self._rank: dict[int, int] = {INITIAL: -1}
        own = [number for number in numbers if is_write(record.steps[number])]
        for number in own:
            if self._is_replacement(number):
                self._replaced_by.setdefault(record.source[number], number)
        self.blocks = [self._build(0, INITIAL)]
        self.blocks[0].earliest = _BEFORE_ALL
        for number in own:
            follows = self._replaced_by.get(record.source.get(number, number)) == number
            if record.steps[number].writes is not None and not follows and number not in self._block:
                self.blocks.append(self._build(len(self.blocks), number))
        for number in own:
            self._see(number)

    def _is_replacement(self, number: int) -> bool:
        return self._record.steps[number].writes is not None and number in self._record.source

    def _build(self, place: int, start: int) -> Block:
        chain: list[int] = []
        number: int | None = start
        while number is not None:
            self._block[number], self._rank[number] = place, len(chain) - (start == INITIAL)
            chain.append(number)
            number = self._replaced_by.get(number)
        return Block([number for number in chain if number != INITIAL])

    def _see(self, number: int) -> None:
        step = self._record.steps[number]
        place = number if step.writes is not None else self._record.source.get(number)
        if place is not None and place in self._block:
            self.blocks[self._block[place]].add(number, step.operation.invoked, step.operation.returned)

    def circle(self, wanted: Iterable[Wanted]) -> Circle | None:
        """None: an order exists."""
        between: dict[tuple[int, int], Wanted] = {}
        for each in wanted:
            first, then = self._block[each.first], self._block[each.then]
            if first == then and self._rank[each.first] > self._rank[each.then]:
                return Circle(self._links(each.first, each.then), [each])
            if first != then:
                between.setdefault((first, then), each)
        left = _Taking(self.blocks, between).run()
        return self._circle_among(left, between) if left else None

    def _links(self, one: int, other: int) -> list[int]:
        """The writes between two members of a block, both included."""
        low, high = sorted((self._rank.get(one, 0), self._rank.get(other, 0)))
        return [each for each in self.blocks[self._block[one]].writes if low <= self._rank[each] <= high]

    def _circle_among(self, left: set[int], between: Mapping[tuple[int, int], Wanted]) -> Circle:
        before = _predecessors(self.blocks, left, between)
        seen: dict[int, int] = {}
        path: list[int] = []
        block = min(left)
        while block not in seen:
            seen[block] = len(path)
            path.append(block)
            block = before[block]
        around = [*path[seen[block] :], block]
        return Circle(*self._told(list(zip(around[1:], around, strict=False)), between))

    def _told(
        self, pairs: Sequence[tuple[int, int]], between: Mapping[tuple[int, int], Wanted]
    ) -> tuple[list[int], list[Wanted]]:
        """Members and wishes for a circle of (earlier, later) blocks."""
        wishes = [between[pair] for pair in pairs if pair in between]
        touched: dict[int, list[int]] = {}
        for earlier, later in pairs:
            wish = between.get((earlier, later))
            ends = (wish.first, wish.then) if wish else (self.blocks[earlier].returns, self.blocks[later].invokes)
            touched.setdefault(earlier, []).append(ends[0])
            touched.setdefault(later, []).append(ends[1])
        return [number for block, ends in touched.items() for number in self._joined(block, ends)], wishes

    def _joined(self, block: int, ends: Sequence[int]) -> Iterator[int]:
        """What ties these members of a block together."""
        yield from (number for number in ends if number != INITIAL)
        ranks = [self._rank[end] if end in self._rank else self._rank[self._record.source[end]] for end in ends]
        yield from (each for each in self.blocks[block].writes if min(ranks) <= self._rank[each] <= max(ranks))


class _Taking:
    """Takes blocks away, each time one that none of those left precedes."""

    def __init__(self, blocks: Sequence[Block], between: Mapping[tuple[int, int], Wanted]) -> None:
        self._blocks = blocks
        self._missing = [0] * len(blocks)
        self._wanted_after: list[list[int]] = [[] for _ in blocks]
        for first, then in between:
            self._wanted_after[first].append(then)
            self._missing[then] += 1
        self._ready = [(blocks[b].latest, b) for b, missing in enumerate(self._missing) if not missing]
        heapq.heapify(self._ready)
        self._left = set(range(len(blocks)))
        self._by_return = sorted(self._left, key=lambda b: blocks[b].earliest)
        self._first = 0
        """Where in `_by_return` the earliest block that is left stands."""

    def run(self) -> set[int]:
        """The blocks that are left when none can be taken."""
        while (block := self._next()) is not None:
            self._left.discard(block)
            for then in self._wanted_after[block]:
                self._missing[then] -= 1
                if not self._missing[then]:
                    heapq.heappush(self._ready, (self._blocks[then].latest, then))
        return self._left

    def _next(self) -> int | None:
        while self._ready and self._ready[0][1] not in self._left:
            heapq.heappop(self._ready)
        if not self._ready:
            return None
        block = self._ready[0][1]
        if self._by_time(block):
            return heapq.heappop(self._ready)[1]
        earliest = self._earliest()
        if not self._missing[earliest] and self._by_time(earliest):
            return earliest
        return None

    def _earliest(self) -> int:
        while self._by_return[self._first] not in self._left:
            self._first += 1
        return self._by_return[self._first]

    def _by_time(self, block: int) -> bool:
        own = self._earliest() == block
        at = self._first + own
        while at < len(self._by_return) and self._by_return[at] not in self._left:
            at += 1
        return at == len(self._by_return) or self._blocks[self._by_return[at]].earliest >= self._blocks[block].latest


def _predecessors(blocks: Sequence[Block], left: set[int], between: Mapping[tuple[int, int], Wanted]) -> dict[int, int]:
    """For each block that is left one that is left and precedes it."""
    before = {then: first for first, then in between if first in left and then in left}
    in_turn = sorted(left, key=lambda b: blocks[b].earliest)
    for block in left:
        other = in_turn[0] if in_turn[0] != block else in_turn[1]
        if blocks[other].earliest < blocks[block].latest:
            before[block] = other
    return before
