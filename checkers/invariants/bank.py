"""Bank: money moves between accounts, and every read of all of them is a snapshot.

Every read must have every account with a number, the same total, and no account below zero (unless `negative_allowed`).
The total is given, or is that of the initial balances, or else that of the first read.

Where the initial balances are known and reads are linearizable, more can be said: a read's balances are the initial
ones, changed by every transfer that was acknowledged before the read began, and by some of those that overlap it or
whose answers never came. Whether some choice of these makes the balances is searched for (subset.py). The question is
NP-complete, so the search of one read is bounded; a read for which it gives up makes the answer unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from checkers.checker import Budget, Recording
from checkers.events import EventType
from checkers.history import Operation
from checkers.invariants.findings import MOST_LISTED, Findings, Told, answered_ns, listing
from checkers.invariants.subset import Balances, Change, Undecided, Unknowns
from checkers.linearizability.words import at, value
from checkers.per_key import by_key
from checkers.verdict import Result

PROMISE: Final = "Money is neither made nor lost: every read is a snapshot of all accounts."
MOST_UNDECIDED: Final = 20
"""Reads of one bank for which a search gave up, before no more are searched."""


@dataclass(frozen=True)
class Bank:
    """`total`: of all accounts. `initial`: their balances at the beginning. `linearizable`: reads promise to see what
    was acknowledged before they began."""

    total: int | None = None
    initial: Mapping[str, int] | None = None
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
    """What was known when a read began: the sum of the settled transfers, those in flight, and how many of those that
    were ever acknowledged had been invoked."""

    settled: Balances
    flying: list[Operation]
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
        self._unknowns = Unknowns()
        self._explaining = rules.initial is not None and rules.linearizable
        self._undecided = 0

    def judge(self, operations: Sequence[Operation], budget: Budget) -> None:
        for number, (read, begun, acknowledged) in enumerate(_reads(operations, self._unknowns)):
            if number % 256 == 0:
                budget.spend()
            self._tally["reads"] += 1
            if self._is_whole(read) and self._explaining:
                self._explain(read, begun.settled, [*begun.flying, *acknowledged[begun.invoked :]])
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

    def _explain(self, read: Operation, settled: Balances, flying: Sequence[Operation]) -> None:
        assert self._rules.initial is not None
        taken = self._unknowns.sum
        left = {
            account: rest
            for account, initial in self._rules.initial.items()
            if (rest := read.value[account] - initial - settled.get(account, 0) - taken.get(account, 0))
        }
        try:
            explained = self._unknowns.explain(left, [change for op in flying if (change := change_of(op)) is not None])
        except Undecided:
            self._undecided += 1
            self._tally["snapshots_undecided"] += 1
            self._explaining = self._undecided < MOST_UNDECIDED
            return
        self._tally["snapshots_explained"] += explained
        if not explained:
            self._explaining = False  # money that is lost stays lost: later reads say the same
            self._no_snapshot(read, flying)

    def _no_snapshot(self, read: Operation, flying: Sequence[Operation]) -> None:
        def tell() -> Told:
            text = (
                f"process {read.process} read {value(read.value)} {at(answered_ns(read))}: beside all transfers "
                f"acknowledged before it began, no choice among the {len(flying):,} in flight and the "
                f"{len(self._unknowns):,} whose answers never came makes these balances"
            )
            return text, [read, *(flying if len(flying) < MOST_LISTED else ())]

        self._findings.add("no-snapshot", tell, key=self._key)


def _reads(operations: Sequence[Operation], unknowns: Unknowns) -> Iterator[tuple[Operation, _Begun, list[Operation]]]:
    """Each read that was answered, in the order of answers, with what was known when it began, and the transfers
    invoked by now that were ever acknowledged. `unknowns` is given the others, as they are invoked."""
    moments = [(op.invoked, False, op) for op in operations if op.outcome is not EventType.FAIL]
    moments += [(op.returned, True, op) for op in operations if op.outcome is EventType.OK]
    moments.sort(key=lambda moment: moment[0])
    settled: Balances = {}
    acknowledged: list[Operation] = []
    flying: dict[int, Operation] = {}
    begun: dict[int, _Begun] = {}
    for _, answered, op in moments:
        if op.f == "transfer":
            change = change_of(op)
            if change is None:
                continue
            if op.outcome is EventType.INFO:
                unknowns.add(change)
            elif answered:
                del flying[op.invoked]
                change.add_to(settled)
            else:
                flying[op.invoked] = op
                acknowledged.append(op)
        elif op.f == "read" and answered:
            yield op, begun.pop(op.invoked), acknowledged
        elif op.f == "read" and op.outcome is EventType.OK:
            begun[op.invoked] = _Begun(dict(settled), list(flying.values()), len(acknowledged))


def change_of(op: Operation) -> Change | None:
    """What a transfer does; None for one that does nothing."""
    what: Mapping[str, Any] = op.invoke.value
    source, target, amount = str(what["from"]), str(what["to"]), what["amount"]
    if source == target or not amount:
        return None
    return Change(op.invoked, source, target, amount) if amount > 0 else Change(op.invoked, target, source, -amount)
