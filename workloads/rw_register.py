"""rw-register: transactions that write and read registers.

A register shows less than a list, since a write hides what was there before: the order of writes is known only as far
as reads, processes and real time tell it. It is judged like the workload append.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.transactions import RwRegister
from harness.workload import WorkloadOptions
from workloads.transactions import ENOUGH, TransactionsOver


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (RwRegister(promised="strict-serializable"),)


WORKLOAD: Final = TransactionsOver(
    name="rw-register",
    prefix="rw",
    write="w",
    promises=promises,
    minimum={"txn": ENOUGH},
)
