"""register: reads, writes and compare-and-sets over many keys, each process through a node of its own.

Half of the operations are reads, about a third writes, the others compare-and-sets. Reads are linearizable unless the
experiment asks for another mode. Processes keep to their nodes, also to those that do not lead or are cut off: a
client that followed every hint would never meet a deposed leader.
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
from workloads.promises import LINEARIZABLE, checkers_of
from workloads.registers import Shares, final_reads, is_key, registers

PREFIX: Final = "r"
SHARES: Final = Shares(write=0.35, cas=0.15)
MINIMUM: Final = {"read": 10, "write": 10, "cas": 3}
"""With fewer ok operations than these, a run says nothing."""


@dataclass(frozen=True)
class RegisterWorkload:
    name: str = "register"

    def client(self, system: System, nodes: Sequence[Node], options: WorkloadOptions) -> ClientFactory:
        return client_factory(system, nodes, timeout_s=options.call_timeout_s)

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
        """Each process reads the newest keys, through its own node."""
        return final_reads(PREFIX, _mode(options), keys, in_use=options.keys)

    def owns(self, operation: Operation) -> bool:
        return is_key(PREFIX, operation.key)

    def checkers(self, options: WorkloadOptions) -> Sequence[Checker]:
        return (*checkers_of(_mode(options), options.judge_reads), Statistics(MINIMUM))


def _mode(options: WorkloadOptions) -> str:
    return options.read_mode or LINEARIZABLE


WORKLOAD: Final = RegisterWorkload()
