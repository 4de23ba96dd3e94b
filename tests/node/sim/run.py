"""One seeded run: faults and clients for a while, then peace; safety at every step, liveness at the end."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final

import msgpack

from harness.cluster.simulation.safety import Violation
from node_image.driver.config import NodeConfig
from node_image.driver.node import Node
from tests.node.sim.clients import Crowd
from tests.node.sim.cluster import Cluster
from tests.node.sim.faults import Faults
from tests.node.sim.operator import Operator

CONFIG: Final = NodeConfig(
    node="n1",
    peers=frozenset({"n1"}),
    election_timeout_s=0.15,
    heartbeat_interval_s=0.03,
    snapshot_every_entries=20,
    trailing_entries=5,
    snapshot_chunk_bytes=700,
    segment_bytes=3000,
)
PEACE_S: Final = 20.0
"""By then all must be well again; a second or two is usual."""


@dataclass(frozen=True)
class Summary:
    """What happened in a run, so that a test can say that enough did."""

    operations: int
    retries: int
    terms: int
    committed: int
    starts: int
    installed: int
    tears: int
    cut_tails: int
    removed_segments: int
    expired: int
    changes: int
    transfers: int
    fingerprint: tuple[object, ...]
    """Equal for two runs of one seed."""


def run(seed: int, *, bug: str | None = None, faults_s: float = 5.0, changes: bool = False) -> Summary:
    """`changes`: the membership changes, and the leadership moves, between the faults and through them. Raises
    Violation for a broken promise, `storage.Corrupt` for a node that refused what a crash left."""
    try:
        return _run(seed, bug, faults_s, changes)
    except Exception as error:
        error.add_note(
            f"again: python -m tests.node.sim {seed}" + (f" --bug {bug}" if bug else "") + " --changes" * changes
        )
        raise


def _run(seed: int, bug: str | None, faults_s: float, changes: bool) -> Summary:
    cluster = _cluster(seed, bug, changes)
    crowd = Crowd(cluster, count=3)
    operator = Operator(cluster) if changes else None
    faults = Faults(cluster, operator)
    faults.begin()
    cluster.scheduler.run_until(faults_s)
    faults.stop()
    if operator is not None:
        _let_all_vote(cluster, operator)
    _make_peace(cluster, crowd)
    _same_states(cluster)
    crowd.check()
    return _summary(cluster, crowd, operator)


def _cluster(seed: int, bug: str | None, changes: bool) -> Cluster:
    rng = random.Random(seed)
    if not changes:
        return Cluster(seed, rng.choice([3, 3, 5]), replace(CONFIG, bug=bug))
    size = rng.choice([4, 5, 6])
    names = [f"n{number}" for number in range(1, size + 1)]
    first = frozenset(names[: rng.randint(1, size)])
    return Cluster(seed, size, replace(CONFIG, bug=bug, peers=frozenset(names), voters=first))


def _let_all_vote(cluster: Cluster, operator: Operator) -> None:
    """Liveness: the changes that were begun come to an end, and another one can be made."""
    operator.let_all_vote()
    cluster.scheduler.run_until(cluster.scheduler.now + PEACE_S, lambda: operator.all_vote)
    if not operator.all_vote:
        members = [(m.name, m.node.raft.role.value, m.node.raft.configuration) for m in cluster.running if m.node]
        raise Violation(f"liveness: the membership cannot be changed, nodes are {members}")


def _make_peace(cluster: Cluster, crowd: Crowd) -> None:
    """Liveness: a leader, every client answered, every node up to the leader's last entry."""
    crowd.stopped = True
    cluster.scheduler.run_until(cluster.scheduler.now + PEACE_S, lambda: not crowd.waiting and _settled(cluster))
    if crowd.waiting or not _settled(cluster):
        states = [
            (m.name, m.node.raft.role.value, m.node.raft.term, m.node.replica.applied)
            for m in cluster.running
            if m.node
        ]
        raise Violation(f"liveness: {sorted(crowd.waiting)} wait, nodes are {states}")


def _settled(cluster: Cluster) -> bool:
    leader = cluster.leader
    if leader is None or leader.node is None:
        return False
    last = leader.node.raft.last_index
    up_to_date = all(m.node is not None and m.node.replica.applied == last for m in cluster.machines.values())
    return up_to_date and not _leases(leader.node)


def _leases(node: Node) -> dict[str, object]:
    """What has a time to live, and so must end by itself."""
    _, _, _, (_, _, leases), _ = msgpack.unpackb(node.replica.snapshot_data())
    return dict(leases)


def _same_states(cluster: Cluster) -> None:
    """Equal logs must have made equal states, to the byte, sessions' results included."""
    states = {m.node.replica.snapshot_data() for m in cluster.machines.values() if m.node}
    if len(states) != 1:
        raise Violation("state machine safety: equal logs have made different states")


def _summary(cluster: Cluster, crowd: Crowd, operator: Operator | None) -> Summary:
    machines = cluster.machines.values()
    hashes = [m.node.replica.applied_hash for m in machines if m.node]
    return Summary(
        operations=len(crowd.outcomes),
        retries=crowd.retries,
        terms=len(cluster.safety.leaders),
        committed=len(cluster.safety.committed),
        starts=sum(machine.pid for machine in machines),
        installed=cluster.safety.installed,
        tears=sum(machine.disk.tears for machine in machines),
        cut_tails=sum(machine.cut_tails for machine in machines),
        removed_segments=sum(machine.removed_segments for machine in machines),
        expired=crowd.expired,
        changes=operator.changes if operator else 0,
        transfers=operator.transfers if operator else 0,
        fingerprint=(*hashes, cluster.network.sent, cluster.scheduler.now),
    )
