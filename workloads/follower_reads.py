"""follower-reads: writes through one node, reads spread over all of them.

Each process writes through its own node, which forwards to the leader, and reads from every node in turn, at the
sequential level unless the experiment asks for another: it sends the highest log index that it has seen, and must
read its own writes and never go back. All keys together have one order, so this is judged over all keys at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from checkers.checker import Checker
from checkers.history import Operation
from checkers.stats import Statistics
from harness.client import ClientFactory
from harness.cluster import Node
from harness.generator import Generator
from harness.system import System
from harness.workload import WorkloadOptions
from workloads.client import client_factory
from workloads.promises import SEQUENTIAL, checkers_of
from workloads.registers import Shares, final_reads, is_key, registers

PREFIX: Final = "f"
SHARES: Final = Shares(write=0.3)
MINIMUM: Final = {"read": 10, "write": 5}
"""With fewer ok operations than these, a run says nothing."""


@dataclass(frozen=True)
class FollowerReadsWorkload:
    name: str = "follower-reads"
    reads: str = SEQUENTIAL

    def client(self, system: System, nodes: Sequence[Node], options: WorkloadOptions) -> ClientFactory:
        return client_factory(system, nodes, timeout_s=options.call_timeout_s, spread_reads=True)

    def generator(self, options: WorkloadOptions, processes: int) -> Generator:
        return registers(
            PREFIX,
            _mode(options),
            SHARES,
            keys=options.keys,
            ops_per_key=options.ops_per_key,
            processes=processes,
        )

    def final_generator(self, options: WorkloadOptions, processes: int, keys: Sequence[str]) -> Generator | None:
        """Each process reads the newest keys, going round all nodes."""
        return final_reads(PREFIX, _mode(options), keys, in_use=options.keys)

    def owns(self, operation: Operation) -> bool:
        return is_key(PREFIX, operation.key)

    def checkers(self, options: WorkloadOptions) -> Sequence[Checker]:
        return (*checkers_of(_mode(options), options.judge_reads), Statistics(MINIMUM))


def _mode(options: WorkloadOptions) -> str:
    return options.read_mode or SEQUENTIAL


WORKLOAD: Final = FollowerReadsWorkload()
