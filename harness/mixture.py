"""Several workloads in one run: each has its own keys, its own processes and its own clients.

The processes are dealt out in blocks of equal size, and a process that takes over from another (p + concurrency)
belongs to the same workload. Rate and time limit stand over all of them together.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness import generator as gen
from harness.client import Client, ClientFactory
from harness.cluster import Node
from harness.experiment import Experiment
from harness.generator import Generator
from harness.system import System
from harness.workload import Workload
from harness.world import World


class Mixture:
    """`concurrency`: the processes of all workloads together."""

    def __init__(self, workloads: Sequence[Workload], experiment: Experiment) -> None:
        self._workloads = workloads
        self._experiment = experiment
        self._each = experiment.processes
        self.concurrency = self._each * len(workloads)

    def client_factory(self, system: System, nodes: Sequence[Node]) -> ClientFactory:
        factories = [workload.client(system, nodes, self._experiment.workload_options) for workload in self._workloads]

        def make(world: World, process: int) -> Client:
            return factories[process % self.concurrency // self._each](world, process)

        return make

    def main(self) -> Generator:
        options = self._experiment.workload_options
        together = self._reserve([workload.generator(options, self._each) for workload in self._workloads])
        limited = together if not self._experiment.rate else gen.rate(self._experiment.rate, together)
        return gen.time_limit(self._experiment.time_limit, gen.clients(limited))

    def final(self, seconds: float, keys: Sequence[str]) -> Generator:
        """`keys`: all keys of the run so far, oldest first."""
        options = self._experiment.workload_options
        together = self._reserve([workload.final_generator(options, self._each, keys) for workload in self._workloads])
        return gen.time_limit(seconds, gen.clients(together))

    def _reserve(self, generators: Sequence[Generator | None]) -> Generator:
        return gen.reserve(*((self._each, generator) for generator in generators[:-1]), generators[-1])
