"""append: transactions that append to lists and read them.

A list that is read shows the whole order of what was appended to it, so most of what transactions saw of each other can
be told for certain (Kingsbury and Alvaro, "Elle", VLDB 2020). All of it must look as if transactions had happened one
after the other, in an order that keeps real time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.transactions import ListAppend
from harness.workload import WorkloadOptions
from workloads.transactions import ENOUGH, TransactionsOver


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (ListAppend(promised="strict-serializable"),)


WORKLOAD: Final = TransactionsOver(
    name="append",
    prefix="append",
    write="append",
    promises=promises,
    minimum={"txn": ENOUGH},
)
