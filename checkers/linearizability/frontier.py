"""The general search: exact for every history, in time that grows with concurrency and not with length.

Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) try every order; Lowe ("Testing for Linearizability",
2017) remembers configurations that were reached before and linearizes an action only just in time, when one returns.
Here the configurations after each event, the frontier, are all that is remembered. A configuration is the state
and, for actions that are still open, one bit each, so memory grows with what is open at once. Who goes through the
events and finds the frontier empty after a return has a proof that the events so far are not linearizable.

On top of that, what a register allows. Each rule leaves out only what another configuration covers:

- Greedy reads: an open read that the state satisfies is linearized at once. It changes nothing, so it cannot harm.
- Hidden writes: an open write that needs no state (WRITE, APPEND) could have happened just before any WRITE that was
  linearized since its invocation, unnoticed. It then becomes `free`: it may still happen, but need not. So nobody
  has to guess which writes were overwritten unseen.
- Useful steps: a WRITE that is not the action that has to happen now must be seen by somebody (an open read, or a
  compare-and-set) before the next WRITE; otherwise it is better hidden.
- Twins: of open actions that do the same, the one that returns first is taken first, unknown ones last, so identical
  unknown actions count as one with a number. (Exchange the two in any linearization.)
- Dominance: with equal states and equal sets of compare-and-sets done, a configuration with more reads done, fewer
  unknown actions spent and more writes free can do all that the other can, so the other is dropped.
- States that nobody will see any more are one state (needed.py), and an append that leads there can wait.
- Unknown actions whose value nobody ever needs are left out beforehand (zones.py, step 1).

Unknown actions can happen at any time, so after a hundred of them there are millions of ways to be somewhere, and
nearly none matters. So a sweep (sweep.py) goes from event to event without any of them until it is blocked. Then it
goes back a few events, allows one more to happen and takes up where it was blocked; if that does not help it goes back
further and allows more (DETOURS). A way through that is found like this is a way through.

If none is found so, a sweep in which unknown actions may happen as often as one likes is tried: it has few
configurations, and if it is blocked there is no way through at all. What neither settles is searched with frontiers of
growing width, up to one that leaves nothing out (WIDTHS); short histories are searched in that way at once. Of a
frontier that is too wide the cheapest configuration of each state and set of compare-and-sets done is kept, then the
second of each, and so on: keeping the cheapest of all fails far more often, because they are all alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from checkers.checker import Budget
from checkers.linearizability.actions import Action, Value, without_unseen
from checkers.linearizability.earliest import beginning
from checkers.linearizability.outcome import Contradiction, Linearizable, Outcome
from checkers.linearizability.sweep import NO_LIMIT, Sweep, unfold

WIDTH: Final = 24
SHORT: Final = 200
"""Actions up to which a sweep with everything allowed is tried at once."""
WIDTHS: Final = (96, 512, NO_LIMIT)


class Detour(NamedTuple):
    back: int
    """Events."""
    more: int
    """Unknown actions that may happen, beside those that had."""
    width: int


DETOURS: Final = (
    Detour(16, 1, WIDTH),
    Detour(64, 1, WIDTH),
    Detour(64, 2, 2 * WIDTH),
    Detour(256, 1, 2 * WIDTH),
    Detour(256, 2, 4 * WIDTH),
    Detour(1024, 2, 8 * WIDTH),
    Detour(4096, 4, 16 * WIDTH),
)


def search(actions: Sequence[Action], initial: Value, budget: Budget) -> Outcome:
    """Raises OutOfTime when the budget is used up. A contradiction is a beginning that nothing explains."""
    relevant = without_unseen(actions)
    if len(relevant) <= SHORT:
        return _ever_wider(relevant, initial, budget, (WIDTH, *WIDTHS))
    return search_long(relevant, initial, budget)


def search_long(relevant: Sequence[Action], initial: Value, budget: Budget) -> Outcome:
    """What `search` does with a long history; `relevant` holds no unknown action whose value nobody ever needs."""
    lean = Sweep(relevant, initial, budget, width=WIDTH, most_spent=0)
    blocked = _with_detours(lean)
    if blocked is None:
        return _explained(lean)
    if not lean.cut:
        return Contradiction(beginning(relevant, blocked.returned))
    many = Sweep(relevant, initial, budget, many=True)
    if (blocked := many.go(len(many))) is not None and not many.cut:
        return Contradiction(beginning(relevant, blocked.returned))
    return _ever_wider(relevant, initial, budget, WIDTHS)


def _ever_wider(actions: Sequence[Action], initial: Value, budget: Budget, widths: Sequence[int]) -> Outcome:
    for width in widths:
        sweep = Sweep(actions, initial, budget, width=width)
        if (blocked := sweep.go(len(sweep))) is None:
            return _explained(sweep)
        if not sweep.cut:
            return Contradiction(beginning(actions, blocked.returned))
    raise AssertionError("the last width cuts nothing")


def _explained(sweep: Sweep) -> Linearizable:
    return Linearizable(unfold(sweep.frontier[0].path))


def _with_detours(sweep: Sweep) -> Action | None:
    """To the end; or the action whose return no detour explains."""
    while (blocked := sweep.go(len(sweep))) is not None:
        at, spent = sweep.at, min(each.spent.bit_count() for each in sweep.frontier)
        if not sweep.cut or not any(_detour(sweep, detour, at, spent) for detour in DETOURS):
            return blocked
        sweep.width, sweep.most_spent = WIDTH, 0
    return None


def _detour(sweep: Sweep, detour: Detour, at: int, spent: int) -> bool:
    sweep.back(at - detour.back)
    sweep.width, sweep.most_spent = detour.width, spent + detour.more
    return sweep.go(at + 1) is None
