"""The simulated cluster, with clients that ask by hand and links that can be disturbed all at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import permutations
from typing import Any

from harness.cluster import Hindrance, Link
from harness.cluster.simulation.cluster import SimulatedCluster
from harness.cluster.simulation.machine import Feed, Machine, Oscillator
from harness.cluster.simulation.network import DELAY_S, FREE
from harness.world.virtual import VirtualWorld
from node_image.driver.config import NodeConfig
from tests.node.sim.scheduler import Scheduler

Answer = Callable[[dict[str, Any]], None]

CLOCK_DRIFT = 0.03
"""Machines' clocks run at rates in [1 - d, 1 + d]; leases allow 0.1 between two of them."""


class Cluster(SimulatedCluster):
    """`size` nodes, started. Everything that happens follows from `seed` and from what is asked of it."""

    def __init__(self, seed: int, size: int, template: NodeConfig) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.hindrance = FREE
        self.cut: set[Link] = set()
        self._answers: dict[int, Answer] = {}
        self._connection = 0
        names = [f"n{number}" for number in range(1, size + 1)]
        configs = {name: replace(template, node=name, peers=frozenset(names)) for name in names}
        clocks = {
            name: Oscillator(1 + self.rng.uniform(-CLOCK_DRIFT, CLOCK_DRIFT), self.rng.random()) for name in names
        }
        super().__init__(VirtualWorld(seed), configs, oscillators=clocks)
        self.scheduler = Scheduler(self.world)
        self.start()

    @property
    def links(self) -> list[Link]:
        return [Link(*pair) for pair in permutations(self.names, 2)]

    def hinder(self, hindrance: Hindrance) -> None:
        """All links, and clients."""
        self.hindrance = hindrance
        for link in self.links:
            self.network.hinder(link, hindrance)

    def cut_ways(self, ways: Iterable[Link]) -> set[Link]:
        """Those that were not cut before: what `mend_ways` is to be given."""
        new = set(ways) - self.cut
        self.cut |= new
        self.network.cut(sorted(new))
        return new

    def mend_ways(self, ways: Iterable[Link]) -> None:
        mended = set(ways) & self.cut
        self.cut -= mended
        self.network.mend(sorted(mended))

    def ask(self, name: str, request: dict[str, object], answer: Answer) -> int:
        """Send a client's request to a node on a connection of its own; the answer may never come. Returns the
        connection."""
        self._connection += 1
        connection = self._connection
        self._answers[connection] = answer
        if self.rng.random() >= self.hindrance.loss:
            feed: Feed = lambda node, clocks: node.client_line(connection, request, clocks)  # noqa: E731
            self.scheduler.after(self._delay(), lambda: self.machines[name].give(feed))
        return connection

    def reply(self, machine: Machine, connection: int, response: dict[str, Any]) -> None:
        if self.rng.random() >= self.hindrance.loss:
            self.scheduler.after(self._delay(), lambda: self._answered(connection, response))

    def _delay(self) -> float:
        if self.rng.random() < self.hindrance.slow:
            return self.rng.random() * self.hindrance.slow_s
        return DELAY_S * (0.5 + self.rng.random())

    def _answered(self, connection: int, response: dict[str, Any]) -> None:
        answer = self._answers.pop(connection, None)
        if answer is not None:
            answer(response)

    def hang_up(self, connection: int) -> None:
        self._answers.pop(connection, None)
