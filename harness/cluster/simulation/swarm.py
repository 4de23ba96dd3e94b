"""Swarms: each simulated run draws what it is made of, and which faults are possible and how strong.

Runs that have a little of everything meet the same middling situations again and again. Runs that leave things out meet
what those would have covered up (Groce et al., "Swarm Testing", ISSTA 2012). So a run draws a part of the kinds of
fault, of each a part of its variants, how often they come, some of the workloads where many were asked for, and how its
nodes, disks and clocks are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from harness.cluster.simulation.machine import DiskSpeed, Oscillator
from harness.nemesis.fault import FaultKind
from harness.nemesis.some_variants import SomeVariants
from harness.workload import Workload
from node_image.driver.config import NodeConfig

KIND_SHARE: Final = 0.55
VARIANT_SHARE: Final = 0.6
INTERVAL_FACTORS: Final = (0.1, 0.2, 0.4)
CONCURRENCIES: Final = ("2n", "6n")
"""Of runs that were not asked for one. Many processes wait at a leader that was cut off: what it appends for them is a
long tail that is in no other log."""
MOST_WORKLOADS: Final = 3
SHORT_SHARE: Final = 0.7
READ_MODES: Final = (None, None, "lease")
"""Of runs that were not asked for one."""
DRIFTS: Final = (0.0, 0.05, 0.05)
"""Of monotonic clocks, either way. A lease is shorter by a tenth than what it rests on: 1.05 / 0.95 is just within."""


def simulated(kinds: Mapping[str, FaultKind]) -> dict[str, FaultKind]:
    """The same kinds, without variants that are for real clusters alone."""
    names = {
        name: tuple(each for each, variant in kind.variants.items() if variant.simulated)
        for name, kind in kinds.items()
    }
    return {
        name: kind if len(names[name]) == len(kind.variants) else SomeVariants(kind, names[name])
        for name, kind in kinds.items()
    }


def some_kinds(rng: Random, kinds: Mapping[str, FaultKind]) -> dict[str, FaultKind]:
    """At least one of them, where there is any; of each at least one variant."""
    names = sorted(kinds)
    drawn = [name for name in names if rng.random() < KIND_SHARE]
    if not drawn and names:
        drawn = [rng.choice(names)]
    return {name: SomeVariants(kinds[name], _some_variants(rng, kinds[name])) for name in drawn}


def _some_variants(rng: Random, kind: FaultKind) -> tuple[str, ...]:
    names = list(kind.variants)
    drawn = [name for name in names if rng.random() < VARIANT_SHARE]
    return tuple(drawn or [rng.choice(names)])


def some_workloads(rng: Random, workloads: Sequence[Workload]) -> list[Workload]:
    """One to three of them; two are few enough to stay."""
    if len(workloads) < MOST_WORKLOADS:
        return list(workloads)
    drawn = rng.sample(range(len(workloads)), rng.randint(1, MOST_WORKLOADS))
    return [workloads[number] for number in sorted(drawn)]


def read_mode(rng: Random) -> str | None:
    return rng.choice(READ_MODES)


def interval_factor(rng: Random) -> float:
    """Of the mean time between two faults of a kind."""
    return rng.choice(INTERVAL_FACTORS)


def concurrency(rng: Random) -> str:
    return rng.choice(CONCURRENCIES)


def configurations(rng: Random, names: Sequence[str], bug: str | None) -> dict[str, NodeConfig]:
    """Of all nodes the same but for the name. Snapshots, segments and pieces are small more often than not: what is
    rare in a large log comes at every turn in a small one. How much of the log stays behind a snapshot goes by how many
    entries lie between two: mostly little, so that who comes back gets a snapshot."""
    election_timeout_s = rng.choice((0.15, 0.3, 0.5))
    every = rng.choice((4, 4, 20, 60, 10_000))
    shared = NodeConfig(
        node=names[0],
        peers=frozenset(names),
        bug=bug,
        election_timeout_s=election_timeout_s,
        heartbeat_interval_s=election_timeout_s / rng.choice((3, 5)),
        snapshot_every_entries=every,
        trailing_entries=max(every // rng.choice((10, 4)), 1) if rng.random() < SHORT_SHARE else 2 * every,
        snapshot_chunk_bytes=rng.choice((300, 4_000, 256 * 1024)),
        segment_bytes=rng.choice((1_500, 10_000, 8 << 20)),
        session_ttl_entries=rng.choice((600, 3_000, 100_000)),
    )
    return {name: replace(shared, node=name) for name in names}


def oscillators(rng: Random, names: Sequence[str]) -> dict[str, Oscillator]:
    """Clocks run as fast or as slow as this run's may: what lies between shows less."""
    drift = rng.choice(DRIFTS)
    return {name: Oscillator(1 + drift * rng.choice((-1, 1)), rng.uniform(0, 1e5)) for name in names}


def disk_speed(rng: Random) -> DiskSpeed:
    sync_s = rng.choice((0.0003, 0.001, 0.01))
    return DiskSpeed(sync_s, 4 * sync_s)
