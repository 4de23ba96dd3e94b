"""queue: half of the processes put elements in, the others take them out; at the end every queue is drained.

No element is put in twice, so what comes out twice, or never, is known by its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import TotalQueue
from checkers.objects import ObjectLinearizability
from harness import generator as gen
from harness.capabilities import Queues
from harness.client import Invocation
from harness.generator import Context, Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.objects import ENOUGH, Objects

DRAINS: Final = 5
"""At most, of one queue."""


def enqueues(number: int, context: Context) -> Invocation:
    return Invocation(f="enqueue", value=number)


def operations(options: WorkloadOptions, processes: int) -> Source:
    put, take = gen.numbered(enqueues), gen.repeat(Invocation(f="dequeue"))
    return gen.reserve((processes // 2, put), take) if processes > 1 else gen.mix([put, take])


def drain_all(options: WorkloadOptions, keys: Sequence[str]) -> Source:
    """Each queue until one drain has been answered, and nothing beside it: what is in no answer by then is lost, and a
    drain that nothing overlaps leaves no question of order open."""
    return [gen.until_ok(gen.phases(*[Invocation(f="drain", key=key)] * DRAINS)) for key in keys]


async def call(session: Queues, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "enqueue":
        return await session.enqueue(invocation.key, invocation.value)
    if invocation.f == "dequeue":
        return await session.dequeue(invocation.key)
    return await session.drain(invocation.key)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (ObjectLinearizability("fifo-queue"), TotalQueue())


WORKLOAD: Final = Objects(
    name="queue",
    prefix="queue",
    needs=(Queues,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"enqueue": ENOUGH, "dequeue": ENOUGH, "drain": 1},
    last=drain_all,
)
