"""counter: added to and subtracted from, and read.

The amounts are small and of both signs, so that a lost addition, or one that counted twice, shows in every later read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import CounterBounds
from checkers.objects import ObjectLinearizability
from harness import generator as gen
from harness.capabilities import Counters
from harness.client import Invocation
from harness.generator import Context, Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects, half_read, read_by_all
from workloads.promises import StrongReads

AMOUNTS: Final = (1, 2, 3, 5, -1, -2, -3)


def updates(number: int, context: Context) -> Invocation:
    return Invocation(f="add", value=AMOUNTS[context.dice.below(len(AMOUNTS))])


def operations(options: WorkloadOptions, processes: int) -> Source:
    return half_read(gen.numbered(updates), options, processes)


async def call(session: Counters, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "add":
        return await session.counter_add(invocation.key, invocation.value)
    assert invocation.read is not None
    return await session.counter_read(invocation.key, mode=invocation.read, min_index=min_index)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (StrongReads(ObjectLinearizability("counter")), StrongReads(CounterBounds()))


WORKLOAD: Final = Objects(
    name="counter",
    prefix="counter",
    needs=(Counters,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"add": ENOUGH, "read": ENOUGH},
    last=read_by_all,
)
