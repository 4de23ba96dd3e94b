"""set: elements are added, removed and looked for, and all of them are read.

Every add brings an element of its own, so that a reader of the history knows which add it was that a read missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import SetFull
from checkers.objects import ObjectLinearizability
from harness import generator as gen
from harness.capabilities import Sets
from harness.client import Invocation
from harness.generator import Context, Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects, half_read, read_by_all
from workloads.promises import StrongReads

REMOVED: Final = 0.15
"""Share of the updates that take an element out again."""


def updates(number: int, context: Context) -> Invocation:
    if context.dice.random() < REMOVED:
        return Invocation(f="remove", value=context.dice.below(number + 1))
    return Invocation(f="add", value=number)


def operations(options: WorkloadOptions, processes: int) -> Source:
    return half_read(gen.numbered(updates), options, processes)


async def call(session: Sets, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "add":
        return await session.set_add(invocation.key, invocation.value)
    if invocation.f == "remove":
        return await session.set_remove(invocation.key, invocation.value)
    assert invocation.read is not None
    return await session.set_read(invocation.key, mode=invocation.read, min_index=min_index)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (StrongReads(ObjectLinearizability("set")), StrongReads(SetFull()))


WORKLOAD: Final = Objects(
    name="set",
    prefix="set",
    needs=(Sets,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"add": ENOUGH, "read": ENOUGH},
    last=read_by_all,
)
