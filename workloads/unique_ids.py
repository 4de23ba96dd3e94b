"""unique-ids: every process asks for ids, and no two answers may be the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import UniqueIds
from harness import generator as gen
from harness.capabilities import Ids
from harness.client import Invocation
from harness.generator import Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects


def operations(options: WorkloadOptions, processes: int) -> Source:
    return gen.repeat(Invocation(f="generate", key="ids0"))


async def call(session: Ids, invocation: Invocation, min_index: int) -> Answer:
    return await session.generate()


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (UniqueIds(),)


WORKLOAD: Final = Objects(
    name="unique-ids",
    prefix="ids",
    needs=(Ids,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"generate": ENOUGH},
)
