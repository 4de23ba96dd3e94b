"""Disks: slow ones, full ones, ones whose writes, syncs or reads fail, and ones that give back something else than was
written: another bit, or less of a file.

A server whose write or sync fails ends, for nobody knows then what is durable; one that finds damage where it recovers,
or cannot read, must not start. Ending the fault mends the disk and starts such a server. Harm is done on one node only:
where more copies are damaged than a quorum can lose, nothing can be promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, DiskFailure, Evidence, Harm
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, positive_seconds, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, LEADER, MINORITY, ONE, choose

SLOW: Final = "slow"
FAILURES: Final = tuple(DiskFailure)
HARMS: Final = tuple(Harm)
SHAPES: Final = (SLOW, *FAILURES, *HARMS)


@dataclass(frozen=True)
class Damage:
    targets: tuple[str, ...]
    shape: str
    sync_s: float = 0.0

    def describe(self) -> Mapping[str, Any]:
        return {"shape": self.shape, **({"sync_s": self.sync_s} if self.shape == SLOW else {})}

    async def begin(self, fault: str, capabilities: Capabilities) -> Evidence:
        disks = offered(capabilities.disks)
        if self.shape == SLOW:
            return await disks.slow(self.targets, self.sync_s)
        if self.shape in HARMS:
            return await disks.harm(self.targets, Harm(self.shape))
        return await disks.fail(self.targets, DiskFailure(self.shape))

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.disks).mend(self.targets)


_WEIGHTS: Final = {
    f"{SLOW}-{ONE}": 1,
    f"{SLOW}-{LEADER}": 2,
    f"{SLOW}-{ALL}": 1,
    f"{DiskFailure.FULL}-{ONE}": 1,
    f"{DiskFailure.FULL}-{LEADER}": 2,
    f"{DiskFailure.FULL}-{MINORITY}": 1,
    f"{DiskFailure.WRITES}-{ONE}": 1,
    f"{DiskFailure.WRITES}-{LEADER}": 1,
    f"{DiskFailure.SYNCS}-{ONE}": 1,
    f"{DiskFailure.SYNCS}-{LEADER}": 2,
    f"{DiskFailure.READS}-{ONE}": 1,
    f"{Harm.BIT_FLIP}-{ONE}": 1,
    f"{Harm.TRUNCATION}-{ONE}": 1,
}


@dataclass(frozen=True)
class DiskFault:
    name: str = "disk"
    needs: str = "disks"
    exclusive: bool = True

    @property
    def variants(self) -> Mapping[str, Variant]:
        return {name: Variant(weight) for name, weight in _WEIGHTS.items()}

    def plan(self, variant: str, view: View, rng: Random) -> Damage:
        shape, _, target = variant.rpartition("-")
        sync_s = round(rng.uniform(0.02, 0.8), 3)
        return Damage(choose(target, view, rng), shape, sync_s if shape == SLOW else 0.0)

    def exact(self, details: Mapping[str, Any], view: View) -> Damage:
        """`nodes`: whose; `shape`: slow (with `sync_s`, the seconds of a sync), or one of `FAILURES` and `HARMS`."""
        check_names(details, ["nodes", "shape", "sync_s"], "a disk fault")
        shape = details.get("shape")
        if shape not in SHAPES:
            raise BadInput(f"'shape' takes {', '.join(SHAPES)}, not {shape!r}")
        if (shape == SLOW) != ("sync_s" in details):
            raise BadInput("'sync_s' says how slow a slow disk is, and nothing of others")
        nodes = all_free(some_nodes(details, "nodes", view), view)
        if shape in HARMS and len(nodes) > 1:
            raise BadInput(f"{shape} is for one node only: the other copies must be sound")
        return Damage(nodes, shape, positive_seconds(details, "sync_s") if shape == SLOW else 0.0)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in ("shape", "sync_s") if name in value}
        return {"nodes": list(value["targets"]), **shape}


FAULT: Final = DiskFault()
