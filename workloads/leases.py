"""leases: locks that run out by themselves.

Acquired and released like those of the workload lock, but the lock ends the hold of whoever keeps it for longer than
its time to live. Holders sometimes do: then somebody else gets the lock while the old holder still believes to have it,
which is what fencing tokens are for. So what must hold is about tokens: each is greater than those before it, and an
old one releases nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checkers.checker import Checker
from checkers.invariants import FencedLocks
from harness.capabilities import Leases
from harness.client import Invocation
from harness.generator import Source
from harness.system import Answer
from harness.workload import WorkloadOptions
from workloads.lock import Turns
from workloads.objects import ENOUGH, Objects

TTL_S: Final = 1.0


def operations(options: WorkloadOptions, processes: int) -> Source:
    """A lease of unknown state runs out, so its key need not be given up."""
    return Turns(after_unknown=None, kept=0.4)


async def call(session: Leases, invocation: Invocation, min_index: int) -> Answer:
    assert invocation.key is not None
    if invocation.f == "acquire":
        return await session.acquire_for(invocation.key, TTL_S)
    return await session.release(invocation.key, invocation.value)


def promises(options: WorkloadOptions) -> Sequence[Checker]:
    return (FencedLocks(lease=True),)


WORKLOAD: Final = Objects(
    name="leases",
    prefix="lease",
    needs=(Leases,),
    call=call,
    operations=operations,
    promises=promises,
    minimum={"acquire": ENOUGH, "release": 3},
)
