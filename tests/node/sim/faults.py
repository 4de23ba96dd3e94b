"""What goes wrong, drawn from the seed: one thing after another, overlapping as it comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from harness.cluster import Hindrance, Link
from harness.cluster.simulation.machine import SOUND, DiskSpeed, Machine
from harness.cluster.simulation.network import FREE
from node_image.driver.node import Node
from tests.node.sim.cluster import Cluster
from tests.node.sim.operator import Operator

FOUL: Final = Hindrance(loss=0.1, duplicate=0.1, slow=0.15, slow_s=0.3)


class Faults:
    """From `begin` on, until `stop` mends everything."""

    def __init__(self, cluster: Cluster, operator: Operator | None = None) -> None:
        """With an operator, whatever it does comes in between, most of all when nobody is ready for it."""
        self.cluster = cluster
        self.rng = random.Random(cluster.rng.random())
        self.stopped = False
        self._kinds: list[Callable[[], None]] = [
            self._crash, self._crash, self._crash_all, self._crash_in_the_middle, self._crash_in_the_middle,
            self._cut_off, self._cut_one_way, self._split, self._foul_weather, self._slow_disk, self._pause,
            self._jump_wall_clock,
        ]  # fmt: skip
        if operator is not None:
            self._kinds += [operator.change] * 6 + [operator.transfer] * 3

    def begin(self) -> None:
        self.cluster.scheduler.after(0.1 + self.rng.random() * 0.5, self._next)

    def _next(self) -> None:
        if not self.stopped:
            self.rng.choice(self._kinds)()
            self.begin()

    def stop(self) -> None:
        self.stopped = True
        self.cluster.mend_ways(self.cluster.cut)
        self.cluster.hinder(FREE)
        for machine in self.cluster.machines.values():
            machine.speed = SOUND
            machine.crash_in = None
            if machine.paused:
                machine.resume()
            if machine.node is None:
                machine.start()

    def _target(self) -> Machine:
        """The leader more often than others: there it hurts."""
        leader = self.cluster.leader
        if leader is not None and self.rng.random() < 0.4:
            return leader
        return self.rng.choice(list(self.cluster.machines.values()))

    def _crash(self) -> None:
        self._end(self._target())

    def _crash_all(self) -> None:
        """Only then is what nobody had synced really gone."""
        for machine in self.cluster.machines.values():
            self._end(machine, seconds=0.1)

    def _end(self, machine: Machine, seconds: float = 1.0) -> None:
        if machine.node is None:
            return
        if self.rng.random() < 0.8:
            machine.lose_power()
        else:
            machine.kill()
        self._restart_later(machine, seconds)

    def _crash_in_the_middle(self) -> None:
        machine = self._target()
        if machine.node is not None and machine.crash_in is None:
            machine.crash_in = self.rng.randint(0, 20)
            self._restart_later(machine, 1.0)

    def _restart_later(self, machine: Machine, seconds: float) -> None:
        self.cluster.scheduler.after(self.rng.random() ** 2 * seconds, lambda: self._restart(machine))

    def _restart(self, machine: Machine) -> None:
        if machine.node is None:
            machine.start()
            if self.rng.random() < 0.1:
                machine.crash_in = self.rng.randint(0, 4)
                self._restart_later(machine, 0.5)
        elif machine.crash_in is not None:
            self._restart_later(machine, 0.5)

    def _for_a_while(self, end: Callable[[], None]) -> None:
        self.cluster.scheduler.after(0.2 + self.rng.random() * 1.3, end)

    def _cut_off(self) -> None:
        name = self._target().name
        self._cut([name], [other for other in self.cluster.names if other != name])

    def _cut_one_way(self) -> None:
        name = self._target().name
        others = [other for other in self.cluster.names if other != name and self.rng.random() < 0.8]
        if self.rng.random() < 0.5:
            self._cut_ways({Link(other, name) for other in others})
        else:
            self._cut_ways({Link(name, other) for other in others})

    def _split(self) -> None:
        names = self.rng.sample(self.cluster.names, len(self.cluster.names))
        place = self.rng.randint(1, len(names) - 1)
        self._cut(names[:place], names[place:])

    def _cut(self, left: list[str], right: list[str]) -> None:
        self._cut_ways({Link(a, b) for a in left for b in right} | {Link(b, a) for a in left for b in right})

    def _cut_ways(self, ways: set[Link]) -> None:
        cut = self.cluster.cut_ways(ways)
        self._for_a_while(lambda: self.cluster.mend_ways(cut))

    def _foul_weather(self) -> None:
        self.cluster.hinder(FOUL)
        self._for_a_while(lambda: self.cluster.hinder(FREE))

    def _slow_disk(self) -> None:
        machine = self._target()
        machine.speed = DiskSpeed(sync_s=0.05 + self.rng.random() * 0.3, replace_s=0.1 + self.rng.random())
        self._for_a_while(lambda: setattr(machine, "speed", SOUND))

    def _pause(self) -> None:
        machine = self._target()
        node = machine.node
        if node is not None and not machine.paused:
            machine.pause()
            self.cluster.scheduler.after(self.rng.random(), lambda: self._resume(machine, node))

    def _resume(self, machine: Machine, node: Node) -> None:
        if machine.node is node and machine.paused:
            machine.resume()

    def _jump_wall_clock(self) -> None:
        """Only a node with the bug `wall-clock-lease` can mind."""
        self._target().wall_shift_s += self.rng.uniform(-60, 60)
