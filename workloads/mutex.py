"""mutex: a lock that is taken for mutual exclusion, and trusted to give it.

Holders do something that takes a while, meanwhile the lock is kept alive for them, and they release it. Nobody shows a
fencing token to what the lock guards. So what must hold is that one holds it at a time: from the answer to its acquire
until it asks for the release, or is no more.

No lock that runs out without its holder can promise that: a holder that is cut off, or whose node is paused, does not
learn in time that others hold it by now (Kleppmann, "How to do distributed locking", 2016; Kingsbury, "Jepsen: etcd
3.4.3", 2020). This workload shows it. What such locks can promise, with tokens, the workload leases judges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import FencedLocks
from harness.capabilities import KeptLocks
from harness.client import Invocation
from harness.generator import Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.lock import Turns
from workloads.objects import ENOUGH, Objects

TTL_S: Final = 2.0
BUSY_S: Final = 6.0
"""So holders that are cut off are often still at it when their lock has run out."""


def operations(options: WorkloadOptions, processes: int) -> Source:
    return Turns(after_unknown=None, busy_s=BUSY_S, mortal=True)


async def call(session: KeptLocks, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "acquire":
        return await session.acquire_kept(invocation.key, TTL_S)
    return await session.release(invocation.key, invocation.value)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (FencedLocks(mortal=True),)


WORKLOAD: Final = Objects(
    name="mutex",
    prefix="mutex",
    needs=(KeptLocks,),
    call=call,
    operations=operations,
    promises=promises,
    by_name=True,
    minimum={"acquire": ENOUGH, "release": 5},
)
