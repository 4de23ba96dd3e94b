"""bank: money is moved between the accounts of a bank, and all accounts are read at once.

A transfer is one transaction: a condition, that there is enough, and two additions. An account begins with 100, and the
counter behind it at 0: it counts what has come in and gone out since, so nobody has to open accounts first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from checkers.checker import Checker
from checkers.invariants import Bank
from harness import generator as gen
from harness.capabilities import Transactions
from harness.client import Invocation
from harness.generator import Context, Source
from harness.system import Answer, Refused
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects, half_read, mode_of, read_by_all
from workloads.promises import is_strong

ACCOUNTS: Final = ("a", "b", "c", "d", "e", "f", "g", "h")
BEGINS_WITH: Final = 100
MOST_MOVED: Final = 60


def transfers(number: int, context: Context) -> Invocation:
    paying = context.dice.below(len(ACCOUNTS))
    paid = (paying + 1 + context.dice.below(len(ACCOUNTS) - 1)) % len(ACCOUNTS)
    moved: dict[str, Any] = {"from": ACCOUNTS[paying], "to": ACCOUNTS[paid]}
    return Invocation(f="transfer", value={**moved, "amount": 1 + context.dice.below(MOST_MOVED)})


def operations(options: WorkloadOptions, processes: int) -> Source:
    return half_read(gen.numbered(transfers), options, processes)


async def call(session: Transactions, invocation: Invocation, min_index: int) -> Answer:
    bank = invocation.key
    if invocation.f == "transfer":
        return await transfer(session, f"{bank}/", **{f"{name}_": part for name, part in invocation.value.items()})
    assert invocation.read is not None
    keys = [f"{bank}/{account}" for account in ACCOUNTS]
    answer = await session.read_together(keys, mode=invocation.read, min_index=min_index)
    balances = {account: BEGINS_WITH + (moved or 0) for account, moved in zip(ACCOUNTS, answer.value, strict=True)}
    return Answer(value=balances, log_index=answer.log_index)


async def transfer(session: Transactions, bank: str, from_: str, to_: str, amount_: int) -> Answer:
    enough = ["at-least", bank + from_, amount_ - BEGINS_WITH]
    try:
        answer = await session.transact([enough, ["add", bank + from_, -amount_], ["add", bank + to_, amount_]])
    except Refused as refused:
        raise Refused("insufficient" if str(refused) == "condition-failed" else str(refused)) from refused
    return Answer(log_index=answer.log_index)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (Bank(initial=dict.fromkeys(ACCOUNTS, BEGINS_WITH), linearizable=is_strong(mode_of(options))),)


WORKLOAD: Final = Objects(
    name="bank",
    prefix="bank",
    needs=(Transactions,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"transfer": ENOUGH, "read": ENOUGH},
    last=read_by_all,
)
