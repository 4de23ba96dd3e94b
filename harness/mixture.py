"""Several workloads in one run: each has its own keys, its own processes and its own clients.

The processes are dealt out in blocks of equal size, and a process that takes over from another (p + concurrency)
belongs to the same workload. Rate and time limit stand over all of them together.

A script may have any process do any workload's operation. Its processes have a client of every workload, and the key
says which of them is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness import generator as gen
from harness.client import Client, ClientFactory, Completion, Invocation
from harness.cluster import Node
from harness.experiment import Experiment
from harness.generator import Generator
from harness.generator.base import NS
from harness.script import Script
from harness.system import System
from harness.workload import Workload, owner
from harness.world import World

GUESTS_FROM: Final = 1_000_000
"""Clients of workloads that a process does not belong to are numbered from here, times the nodes: the number of a
client names its session, and must be no other process's."""


class Mixture:
    """`concurrency`: the processes of all workloads together. `script`: operations that stand in the place of the
    workloads' own in the main phase, if it has any."""

    def __init__(self, workloads: Sequence[Workload], experiment: Experiment, script: Script | None = None) -> None:
        self._workloads = workloads
        self._experiment = experiment
        self._played = () if script is None else script.operations
        self._each = experiment.processes
        self.concurrency = self._each * len(workloads)

    def client_factory(self, system: System, nodes: Sequence[Node]) -> ClientFactory:
        factories = [workload.client(system, nodes, self._experiment.workload_options) for workload in self._workloads]

        def make(world: World, process: int) -> Client:
            home = process % self.concurrency // self._each
            if not self._played:
                return factories[home](world, process)
            numbers = [process + _away(number, home) * GUESTS_FROM * len(nodes) for number in range(len(factories))]
            return Together(self._workloads, factories, world, numbers, home)

        return make

    def main(self, begins_ns: int = 0) -> Generator:
        """`begins_ns`: the run time now."""
        if self._played:
            ends_ns = begins_ns + round(self._experiment.time_limit * NS)
            return gen.play(self._played, concurrency=self.concurrency, begins_ns=begins_ns, ends_ns=ends_ns)
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


def _away(number: int, home: int) -> int:
    """0 for the process's own workload."""
    return 0 if number == home else number + 1


class Together:
    """A client of every workload, opened when it is first asked. `numbers`: the process that each of them is told to
    be. The process's own workload (`home`) gets what is nobody's."""

    def __init__(
        self,
        workloads: Sequence[Workload],
        factories: Sequence[ClientFactory],
        world: World,
        numbers: Sequence[int],
        home: int,
    ) -> None:
        self._workloads = workloads
        self._factories = factories
        self._world = world
        self._numbers = numbers
        self._home = home
        self._clients: dict[int, Client] = {}

    async def invoke(self, invocation: Invocation) -> Completion:
        number = owner(self._workloads, invocation)
        return await self._client(self._home if number is None else number).invoke(invocation)

    async def close(self) -> None:
        while self._clients:
            await self._clients.popitem()[1].close()

    def _client(self, number: int) -> Client:
        if number not in self._clients:
            self._clients[number] = self._factories[number](self._world, self._numbers[number])
        return self._clients[number]
