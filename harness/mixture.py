"""Several workloads in one run: each has its own keys, its own processes and its own clients.

The processes are dealt out in blocks, and a process that takes over from another (p + concurrency) belongs to the same
workload. Rate and time limit stand over all of them together.
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
    def __init__(self, workloads: Sequence[Workload], experiment: Experiment) -> None:
        self._workloads = workloads
        self._experiment = experiment
        self.shares = share(experiment.processes, len(workloads))

    def client_factory(self, system: System, nodes: Sequence[Node]) -> ClientFactory:
        factories = [workload.client(system, nodes, self._experiment.workload_options) for workload in self._workloads]

        def make(world: World, process: int) -> Client:
            return factories[self._block(process)](world, process)

        return make

    def _block(self, process: int) -> int:
        """The workload that a process belongs to."""
        thread = process % self._experiment.processes
        block = 0
        while thread >= self.shares[block]:
            thread -= self.shares[block]
            block += 1
        return block

    def main(self) -> Generator:
        generators = [
            workload.generator(self._experiment.workload_options, processes)
            for workload, processes in zip(self._workloads, self.shares, strict=True)
        ]
        together = self._reserve(generators)
        limited = together if not self._experiment.rate else gen.rate(self._experiment.rate, together)
        return gen.time_limit(self._experiment.time_limit, gen.clients(limited))

    def final(self, seconds: float, keys: Sequence[str]) -> Generator:
        """`keys`: all keys of the run so far, oldest first."""
        generators = [
            workload.final_generator(self._experiment.workload_options, processes, keys)
            for workload, processes in zip(self._workloads, self.shares, strict=True)
        ]
        return gen.time_limit(seconds, gen.clients(self._reserve(generators)))

    def _reserve(self, generators: Sequence[Generator | None]) -> Generator:
        blocks = list(zip(self.shares, generators, strict=True))
        return gen.reserve(*blocks[:-1], blocks[-1][1])


def share(processes: int, workloads: int) -> list[int]:
    """Processes dealt out as evenly as can be, the first workloads getting one more."""
    each, over = divmod(processes, workloads)
    return [each + (number < over) for number in range(workloads)]
