"""Disks: slow ones, full ones, ones whose syncs fail, and ones that give back other bits than were written.

A server whose write or sync fails ends, for nobody knows then what is durable; one that finds damage where it recovers
must not start. Ending the fault mends the disk and starts such a server. Bits are flipped on one node only: where more
copies are damaged than a quorum can lose, nothing can be promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, Evidence
from harness.errors import BadInput
from harness.nemesis.exact import all_free, check_names, positive_seconds, some_nodes
from harness.nemesis.fault import Variant, View, offered
from harness.nemesis.targets import ALL, LEADER, MINORITY, ONE, choose

SLOW: Final = "slow"
FULL: Final = "full"
SYNC_FAILS: Final = "sync-fails"
BIT_FLIP: Final = "bit-flip"
SHAPES: Final = (SLOW, FULL, SYNC_FAILS, BIT_FLIP)


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
        act = {FULL: disks.fill, SYNC_FAILS: disks.fail_syncs, BIT_FLIP: disks.flip_bits}[self.shape]
        return await act(self.targets)

    async def end(self, fault: str, capabilities: Capabilities) -> Evidence:
        return await offered(capabilities.disks).mend(self.targets)


_WEIGHTS: Final = {
    f"{SLOW}-{ONE}": 1,
    f"{SLOW}-{LEADER}": 2,
    f"{SLOW}-{ALL}": 1,
    f"{FULL}-{ONE}": 1,
    f"{FULL}-{LEADER}": 2,
    f"{FULL}-{MINORITY}": 1,
    f"{SYNC_FAILS}-{ONE}": 1,
    f"{SYNC_FAILS}-{LEADER}": 2,
    f"{BIT_FLIP}-{ONE}": 1,
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
        """`nodes`: whose; `shape`: slow (with `sync_s`, the seconds of a sync), full, sync-fails or bit-flip."""
        check_names(details, ["nodes", "shape", "sync_s"], "a disk fault")
        shape = details.get("shape")
        if shape not in SHAPES:
            raise BadInput(f"'shape' takes {', '.join(SHAPES)}, not {shape!r}")
        if (shape == SLOW) != ("sync_s" in details):
            raise BadInput("'sync_s' says how slow a slow disk is, and nothing of others")
        nodes = all_free(some_nodes(details, "nodes", view), view)
        if shape == BIT_FLIP and len(nodes) > 1:
            raise BadInput("bits are flipped on one node only: its other copies must be sound")
        return Damage(nodes, shape, positive_seconds(details, "sync_s") if shape == SLOW else 0.0)

    def details_of(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        shape = {name: value[name] for name in ("shape", "sync_s") if name in value}
        return {"nodes": list(value["targets"]), **shape}


FAULT: Final = DiskFault()
