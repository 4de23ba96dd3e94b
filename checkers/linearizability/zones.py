"""The fast algorithm: O(n log n), exact, for registers in which every value that was seen has one writer.

Gibbons and Korach ("Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section 4) decide atomicity of a register
whose reads are known to come from certain writes by looking at clusters (a write with its reads) and their zones.
Here the same is done for blocks, which are chains of clusters joined by compare-and-sets, after unknown outcomes have
been settled. Why it is right, step by step:

1. Unknown outcomes. Call a value seen if a certain action needs it (a read, or the expected value of a matched
   compare-and-set) or, transitively, if an unknown compare-and-set whose new value was seen expects it. An unknown
   action whose value was not seen can be left out: in any linearization, take out all of them together. While one of
   their values was the state, no action that remains needed the state, for it would have needed an unseen value; so
   nobody notices that the state is an older one. An unknown action whose value was seen and that is the only writer
   of it certainly happened, some time after its invocation: it is certain, with no end. A seen value with two possible
   writers is where this algorithm stops (`Ambiguous`); the initial value counts as written before all events.
   Writers of values that nobody saw may share a value.

2. Blocks. Now every action is certain. In a linearization, what reads v stands between v's writer and the next action
   that writes. A compare-and-set from v is itself that next action. So the actions fall into blocks: a plain write
   (or the initial value), its reads, the compare-and-set from its value if there is one, the reads of that, and so on.
   A block's order is forced but for reads of one value among themselves, and no other block can begin inside it. So
   a linearization is an order of whole blocks. Two compare-and-sets from one value, a chain of them that runs in a
   circle, and a value without a writer are contradictions.

3. Inside a block, the forced order agrees with time iff no action returned before one of an earlier group was invoked:
   each is compared with the latest invocation before its group. Reads of one value can stand in order of invocation.

4. Between blocks. Let f(B) be the earliest return in B and s(B) the latest invocation in B. Some action of A
   precedes some action of B in time iff f(A) < s(B); write A -> B. An order of the blocks exists iff -> has no cycle.
   A shortest cycle has two blocks: a shortest cycle A1..Ak with k >= 3 has no chord, so f(Ai) >= s(Ai+2) > f(Ai+1) for
   every i, and f(A1) > f(A2) > ... > f(Ak) > f(A1).

5. One pass finds two-cycles. Sort the blocks by p(B) = min(f(B), s(B)) and compare each f(B) with the largest s(A)
   among the blocks A before it. If f(B) < s(A), then B -> A. And then A -> B: otherwise f(A) >= s(B) >= p(B) >= p(A),
   where p(A) is not s(A), which is greater than f(B) >= p(B); so p(A) = f(A), all four are equal and f(A) = s(B), but
   no event is both a return and an invocation. If no block is found so, the sorted order itself respects every A -> B.
   (Gibbons and Korach say the same as: no two forward zones overlap, no backward zone lies inside a forward one.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from checkers.linearizability.actions import Action, Value
from checkers.linearizability.clusters import Cluster, Clusters
from checkers.linearizability.outcome import Contradiction, Linearizable, Outcome

BEFORE_ALL: Final = -1
"""The event index at which the initial value was written."""


def decide(actions: Sequence[Action], initial: Value) -> Outcome:
    """Raises Ambiguous if a value that was seen may have more than one writer."""
    clusters = Clusters(actions, initial)
    if clusters.contradictions:
        return clusters.contradictions[0]
    chains = list(clusters.chains())
    wrong = next((each for chain in chains if (each := _inside(chain))), None) or clusters.cycle(chains)
    if wrong is not None:
        return wrong
    blocks = sorted(map(Block, chains), key=lambda block: block.place)
    wrong = _between(blocks, clusters)
    return wrong or Linearizable([action for block in blocks for action in block.in_order()])


class Block:
    """Clusters that must follow each other directly, with f, s and p of the theory."""

    __slots__ = ("chain", "f", "place", "s")

    def __init__(self, chain: Sequence[Cluster]) -> None:
        self.chain = chain
        members = [action for cluster in chain for action in cluster.members()]
        first = chain[0].writer is None
        self.f = BEFORE_ALL if first else min([action.returned for action in members])
        self.s = max([action.invoked for action in members], default=BEFORE_ALL)
        self.place = min(self.f, self.s)

    def in_order(self) -> Iterator[Action]:
        for cluster in self.chain:
            if cluster.writer is not None:
                yield cluster.writer
            yield from sorted(cluster.reads, key=lambda read: read.invoked)

    def witnesses(self, clusters: Clusters) -> Iterator[Action]:
        """The actions that make f and s what they are, and what ties them together."""
        f_at = next((i for i, cluster in enumerate(self.chain) if _has(cluster, "returned", self.f)), 0)
        s_at = next((i for i, cluster in enumerate(self.chain) if _has(cluster, "invoked", self.s)), 0)
        for cluster in self.chain[f_at], self.chain[s_at]:
            yield from (a for a in cluster.members() if self.f == a.returned or self.s == a.invoked)
        yield from _links(self.chain, min(f_at, s_at), max(f_at, s_at))
        yield from clusters.proof(self.chain[s_at])


def _has(cluster: Cluster, moment: str, index: int) -> bool:
    return any(getattr(action, moment) == index for action in cluster.members())


def _links(chain: Sequence[Cluster], first: int, last: int) -> Iterator[Action]:
    """The compare-and-sets that join clusters `first` to `last`."""
    for cluster in chain[first:last]:
        if cluster.successor is not None:
            yield cluster.successor


def _inside(chain: Sequence[Cluster]) -> Contradiction | None:
    """Step 3: an action that returned before one was invoked that must come before it."""
    latest, latest_at, latest_action = BEFORE_ALL, 0, None
    for at, cluster in enumerate(chain):
        for group in ((cluster.writer,) if cluster.writer is not None else ()), cluster.reads:
            for action in group:
                if action.returned < latest and latest_action is not None:
                    return Contradiction(_once([latest_action, *_links(chain, latest_at, at), action]))
            for action in group:
                if action.invoked > latest:
                    latest, latest_at, latest_action = action.invoked, at, action
    return None


def _between(blocks: Sequence[Block], clusters: Clusters) -> Contradiction | None:
    """Step 5: two blocks of which each must come before the other."""
    latest: Block | None = None
    for block in blocks:
        if latest is not None and block.f < latest.s:
            return Contradiction(_once([*latest.witnesses(clusters), *block.witnesses(clusters)]))
        if latest is None or block.s > latest.s:
            latest = block
    return None


def _once(actions: Sequence[Action]) -> list[Action]:
    return list({action.invoked: action for action in actions}.values())
