"""The loops that cannot be said with whole arrays. They take arrays and numbers alone, so that kernels.py can compile
these very functions for long histories; short ones run them as they stand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from checkers.transactions.table import Integers

Bytes = npt.NDArray[np.uint8]


def common_prefix(elements: Integers, start: Integers, length: Integers, spine: Integers) -> Integers:
    """For each list (where it starts in `elements`, and its length): how many elements at its beginning are the same
    as those from `spine` on. Both must reach as far."""
    common = np.zeros(len(start), np.int64)
    for row in range(len(start)):
        at = 0
        while at < length[row] and elements[start[row] + at] == elements[spine[row] + at]:
            at += 1
        common[row] = at
    return common


def next_versions(
    version: Integers, invoked: Integers, returned: Integers, begin: Integers, end: Integers
) -> tuple[Integers, Integers]:
    """Pairs of versions of one key of which the second was met after the first in real time; those that follow from
    other pairs are left out.

    Rows are meetings of a transaction with a version, sorted by invocation, those of one key together: from begin[v]
    to end[v] those of the key of version v that were invoked after version v had been met."""
    first, second = [0], [0]
    for one in range(len(begin)):
        soonest = np.int64(1) << 62
        for row in range(begin[one], end[one]):
            if invoked[row] > soonest:
                break
            if version[row] != one:
                first.append(one)
                second.append(version[row])
                soonest = min(soonest, returned[row])
    return np.array(first[1:], np.int64), np.array(second[1:], np.int64)


def levels(offsets: Integers, targets: Integers, waiting: Integers) -> Integers:
    """Of a graph without circles: a level for each node, higher than those of all nodes with an edge to it.
    `waiting`: how many edges end at each node; it is used up."""
    level = np.zeros(len(waiting), np.int64)
    ready = np.empty(len(waiting), np.int64)
    begin = end = 0
    for node in range(len(waiting)):
        if waiting[node] == 0:
            ready[end] = node
            end += 1
    while begin < end:
        node = ready[begin]
        begin += 1
        for edge in range(offsets[node], offsets[node + 1]):
            target = targets[edge]
            level[target] = max(level[target], level[node] + 1)
            waiting[target] -= 1
            if waiting[target] == 0:
                ready[end] = target
                end += 1
    return level


def nearest(
    offsets: Integers,
    targets: Integers,
    relations: Bytes,
    txns: int,
    label: Integers,
    level: Integers,
    starts: Integers,
    sources: Integers,
    mask: int,
    rw: int,
    alternate: bool,
    patience: int,
    stamp: int,
    seen: Integers,
    parent: Integers,
    entered: Bytes,
    depth: Integers,
) -> tuple[int, int, int, int]:
    """Which of the start edges lies on the shortest circle, breadth first from each of them in turn.

    Nodes below `txns` are transactions, others stand between transactions: entering one is a step, leaving one is
    none. A state is twice a node, plus one if the last step was an rw; with `alternate`, no rw follows another. From
    transactions only edges of the kinds in `mask` are taken, within states of the start's label and nodes of no higher
    level than the start's. After `patience` edges the search ends with what it has. The last four arrays have a
    place for each state; `seen` holds no number above `stamp`, and `parent` and `entered` lead back along the last
    search.

    Returns the place of the edge in `starts` (-1: there is none), the state before the circle closes, the relation that
    closes it, and what is left of the patience."""
    queue, between = np.zeros(len(seen), np.int64), np.zeros(len(seen), np.int64)
    chosen, closing, relation, best = -1, -1, 0, len(seen) + 1
    for at in range(len(starts)):
        edge, source, origin = starts[at], sources[at], 2 * sources[at]
        state = 2 * targets[edge] + (1 if alternate and relations[edge] & rw else 0)
        if patience <= 0 or best <= 2 or label[state] != label[origin] or level[state >> 1] > level[source]:
            continue
        stamp += 1
        seen[state], parent[state], entered[state], depth[state] = stamp, origin, relations[edge], 1
        begin = end = waiting = 0
        going = True
        while going:
            node, step = state >> 1, 1 if state >> 1 < txns else 0
            reached = depth[state] + step
            for out in range(offsets[node], offsets[node + 1]) if reached < best else range(0, 0):
                patience, kind = patience - 1, relations[out]
                turn = 1 if alternate and kind & rw else 0
                if step == 1 and (kind & mask == 0 or (turn == 1 and state & 1 == 1)):
                    continue
                target = 2 * targets[out] + (turn if step == 1 else state & 1)
                if target == origin or (targets[out] == source and not alternate):
                    chosen, closing, relation, best = at, state, kind, reached
                    break
                if seen[target] == stamp or label[target] != label[origin] or level[target >> 1] > level[source]:
                    continue
                seen[target], parent[target], entered[target], depth[target] = stamp, state, kind, reached
                if target >> 1 < txns:
                    queue[end] = target
                    end += 1
                else:
                    between[waiting] = target
                    waiting += 1
            going = (waiting > 0 or begin < end) and reached < best
            if waiting > 0:
                waiting -= 1
                state = between[waiting]
            elif begin < end:
                state = queue[begin]
                begin += 1
    return chosen, closing, relation, patience
