"""Bank: money moves between accounts, and every read of all of them is a snapshot.

Every read must have every account with a number, the same total, and no account below zero (unless `negative_allowed`).
The total is given, or is that of the initial balances, or else that of the first read.

Where the initial balances are known and reads are linearizable, more can be said: a read's balances are the initial
ones, changed by every transfer that was acknowledged before the read began, and by some of those that overlap it or
whose answers never came. Whether some choice of these makes the balances is searched for: an account that does not fit
yet needs one more of the transfers that touch it. What explained one read is tried first for the next, since an unknown
transfer that happened stays. The question is NP-complete (subset sum), so the search of one read is bounded; a read for
which it gives up makes the answer unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import MOST_LISTED, Findings, Told, answered_ns, by_key, listing
from checkers.invariants.subset import Change, Chosen, Undecided, choose
from checkers.linearizability.words import at, value
from checkers.verdict import Result

PROMISE: Final = "Money is neither made nor lost: every read is a snapshot of all accounts."
MOST_UNDECIDED: Final = 20
"""Reads of one bank for which a search gave up, before no more are searched."""

Balances = Mapping[str, int]


@dataclass(frozen=True)
class Bank:
    """`total`: of all accounts. `initial`: their balances at the beginning. `linearizable`: reads promise to see what
    was acknowledged before they began."""

    total: int | None = None
    initial: Balances | None = None
    negative_allowed: bool = False
    linearizable: bool = True
    name: str = "bank"

    def check(self, recording: Recording, budget: Budget) -> Result:
        findings = Findings()
        tally = Counter[str]()
        for key, operations in by_key(recording.history.operations).items():
            _Judge(self, key, findings, tally).judge(operations, budget)
        return findings.result(
            self.name,
            PROMISE,
            operations=tally["reads"],
            unknown=_unknown(tally),
            **{name: tally[name] for name in ("reads", "transfers", "snapshots_explained", "snapshots_undecided")},
        )


def _unknown(tally: Counter[str]) -> str | None:
    if not tally["reads"]:
        return "no bank was read"
    if count := tally["snapshots_undecided"]:
        return f"of {count:,} reads it could not be decided whether transfers explain their balances"
    return None


class _Begun(NamedTuple):
    """What was known when a read began: the sum of the settled transfers, the others, and how many were invoked."""

    settled: dict[str, int]
    open: list[Operation]
    invoked: int


class _Judge:
    """Judges one bank."""

    def __init__(self, rules: Bank, key: str | None, findings: Findings, tally: Counter[str]) -> None:
        self._rules = rules
        self._key = key
        self._findings = findings
        self._tally = tally
        self._first: Operation | None = None
        """The read whose accounts and total the others must have, where neither is given."""
        self._assumed: frozenset[int] = frozenset()
        """The unknown transfers that explained the last read."""
        self._explaining = rules.initial is not None and rules.linearizable
        self._undecided = 0

    def judge(self, operations: Sequence[Operation], budget: Budget) -> None:
        for number, (read, begun, transfers) in enumerate(_reads(operations)):
            if number % 256 == 0:
                budget.spend()
            self._tally["reads"] += 1
            if self._is_whole(read) and self._explaining:
                candidates = [*begun.open, *transfers[begun.invoked :]]
                self._explain(read, begun.settled, candidates)
        self._tally["transfers"] += sum(op.f == "transfer" and op.outcome is EventType.OK for op in operations)

    # Each read by itself.

    def _is_whole(self, read: Operation) -> bool:
        """Whether nothing is wrong with this read alone; says so otherwise."""
        wrong = self._wrong(read)
        if wrong is None:
            self._first = self._first or read
            return True
        kind, words, others = wrong
        text = f"process {read.process} read {value(read.value)} {at(answered_ns(read))}: {words}"
        self._findings.add(kind, lambda: (text, (*others, read)), key=self._key)
        return False

    def _wrong(self, read: Operation) -> tuple[str, str, list[Operation]] | None:
        balances, first, rules = read.value, self._first, self._rules
        if not isinstance(balances, dict) or not all(type(one) in (int, float) for one in balances.values()):
            return "not-balances", "not a number for every account", []
        others = [first] if first is not None else []
        expected = rules.initial if rules.initial is not None else first.value if first is not None else balances
        if balances.keys() != expected.keys():
            odd = sorted(balances.keys() ^ expected.keys())
            return "other-accounts", f"missing or unheard of: {listing(odd)}", others if rules.initial is None else []
        given = sum(rules.initial.values()) if rules.total is None and rules.initial is not None else rules.total
        total = given if given is not None else sum(expected.values())
        if sum(balances.values()) != total:
            words = f"{sum(balances.values()):,} in all instead of {total:,}"
            return "wrong-total", words, others if given is None else []
        below = [account for account, balance in balances.items() if balance < 0]
        if below and not rules.negative_allowed:
            return "negative-balance", f"below zero: {listing(below)}", []
        return None

    # What explains it.

    def _explain(self, read: Operation, settled: Balances, candidates: list[Operation]) -> None:
        assert self._rules.initial is not None
        left = {
            account: rest
            for account, initial in self._rules.initial.items()
            if (rest := read.value[account] - initial - settled.get(account, 0))
        }
        try:
            chosen = self._choose(left, candidates)
        except Undecided:
            self._undecided += 1
            self._tally["snapshots_undecided"] += 1
            self._explaining = self._undecided < MOST_UNDECIDED
            return
        if chosen is None:
            self._no_snapshot(read, left, candidates)
            self._explaining = False  # money that is lost stays lost: later reads say the same
            return
        self._tally["snapshots_explained"] += 1
        unknown = {op.invoked for op in candidates if op.outcome is EventType.INFO}
        self._assumed = frozenset(chosen & unknown)

    def _choose(self, left: dict[str, int], candidates: list[Operation]) -> Chosen | None:
        """The transfers that make up what is left; first those that the last read needed, with some others."""
        changes = [change for op in candidates if (change := _change(op)) is not None]
        assumed = [change for change in changes if change.name in self._assumed]
        if assumed:
            rest = dict(left)
            for change in assumed:
                change.take_from(rest)
            others = [change for change in changes if change.name not in self._assumed]
            try:
                chosen = choose(rest, others)
            except Undecided:
                chosen = None
            if chosen is not None:
                return chosen | {change.name for change in assumed}
        return choose(left, changes)

    def _no_snapshot(self, read: Operation, left: Balances, candidates: Sequence[Operation]) -> None:
        def tell() -> Told:
            text = (
                f"process {read.process} read {value(read.value)} {at(answered_ns(read))}: with all transfers "
                f"acknowledged before it began, that leaves {value(dict(left))} to explain, and none of the ways to "
                f"choose among the {len(candidates):,} that may have counted does"
            )
            return text, [read, *(candidates if len(candidates) < MOST_LISTED else ())]

        self._findings.add("no-snapshot", tell, key=self._key)


def _reads(operations: Sequence[Operation]) -> Iterator[tuple[Operation, _Begun, list[Operation]]]:
    """Each read that was answered, in the order of answers, with what was known when it began, and all transfers
    invoked by now that did not certainly fail."""
    moments = [(op.invoked, False, op) for op in operations if op.outcome is not EventType.FAIL]
    moments += [(op.returned, True, op) for op in operations if op.outcome is EventType.OK]
    moments.sort(key=lambda moment: moment[0])
    settled: dict[str, int] = {}
    transfers: list[Operation] = []
    unsettled: dict[int, Operation] = {}
    begun: dict[int, _Begun] = {}
    for _, answered, op in moments:
        if op.f == "transfer" and not answered:
            transfers.append(op)
            unsettled[op.invoked] = op
        elif op.f == "transfer":
            del unsettled[op.invoked]
            if (change := _change(op)) is not None:
                change.add_to(settled)
        elif op.f == "read" and answered:
            yield op, begun.pop(op.invoked), transfers
        elif op.f == "read" and op.outcome is EventType.OK:
            begun[op.invoked] = _Begun(dict(settled), list(unsettled.values()), len(transfers))


def _change(op: Operation) -> Change | None:
    """What a transfer does; None for one that does nothing."""
    what: Mapping[str, Any] = op.invoke.value
    if what["from"] == what["to"] or not what["amount"]:
        return None
    return Change(op.invoked, str(what["from"]), str(what["to"]), what["amount"])
