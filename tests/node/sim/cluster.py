"""Nodes in virtual time: every effect of every node carried out on a simulated disk and network, one seed for all.

A `Machine` is what survives a crash (a disk and a clock) and, while it runs, a `Node`. Effects are carried out one
by one; a crash can come between any two.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks, Effect, Remove, Replace, Reply, Send, Sync, Trace, Truncate, Write
from node_image.driver.node import Node
from node_image.driver.wire import PeerMessage
from node_image.raft import Role
from tests.node.sim.disk import Disk
from tests.node.sim.network import Network
from tests.node.sim.safety import ObservedRaft, Safety
from tests.node.sim.scheduler import Scheduler

Input = Callable[[Node, Clocks], list[Effect]]
Answer = Callable[[dict[str, object]], None]

CLOCK_DRIFT = 0.03
"""Machines' clocks run at rates in [1 - d, 1 + d]; leases allow 0.1 between two of them."""


@dataclass
class DiskSpeed:
    sync_s: float = 0.002
    replace_s: float = 0.004


class Machine:
    def __init__(self, cluster: Cluster, config: NodeConfig, rng: random.Random) -> None:
        self.name = config.node
        self.config = config
        self.node: Node | None = None
        self.disk = Disk(rng)
        self.speed = DiskSpeed()
        self.crash_in: int | None = None
        """Lose power before so many more effects are carried out."""
        self.starts = 0
        self.wall_offset = 1.7e9
        self._cluster = cluster
        self._rng = rng
        self._clock_rate = 1 + CLOCK_DRIFT * (2 * rng.random() - 1)
        self._clock_offset = rng.random() * 1000
        self._paused_until = 0.0
        self._wake_at = float("inf")

    # A process's life

    def start(self) -> None:
        assert self.node is None
        self.starts += 1
        self.crash_in = None
        self.node = Node(self.config, self.disk.read(), random.Random(self._rng.random()), self.clocks())
        self._cluster.safety.saw_start(self.node.raft)
        self.node.raft = ObservedRaft(self.node.raft, self._cluster.safety)  # type: ignore[assignment]
        self._wake_at = float("inf")
        self.give(Node.start)

    def kill(self) -> None:
        self.node = None
        self.disk.kill()

    def lose_power(self) -> None:
        self.node = None
        self.disk.lose_power()

    def pause(self, seconds: float) -> None:
        self._paused_until = self._cluster.scheduler.now + seconds

    def clocks(self) -> Clocks:
        time = self._clock_offset + self._cluster.scheduler.now * self._clock_rate
        return Clocks(time, self.wall_offset + time)

    # Inputs

    def give(self, feed: Input) -> None:
        """An input for the process as it is now; lost if there is none."""
        node = self.node
        if node is None:
            return
        if self._cluster.scheduler.now < self._paused_until:
            self._later(self._paused_until, node, feed)
            return
        effects = feed(node, self.clocks())
        self._cluster.safety.saw_step(node)
        self._carry_out(node, effects)
        self._wake_later()

    def _later(self, time: float, node: Node, feed: Input) -> None:
        self._cluster.scheduler.at(time, lambda: self.give(feed) if self.node is node else None)

    def _wake_later(self) -> None:
        if self.node is None:
            return
        local = self.node.deadline() - self._clock_offset
        due = max(local / self._clock_rate, self._cluster.scheduler.now + 1e-6)
        if due < self._wake_at:
            self._wake_at = due
            node = self.node
            self._cluster.scheduler.at(due, lambda: self._wake(node, due))

    def _wake(self, node: Node, due: float) -> None:
        if self.node is node and self._wake_at == due:
            self._wake_at = float("inf")
            if node.deadline() <= self.clocks().monotonic:
                self.give(Node.tick)
            else:
                self._wake_later()

    # Effects

    def _carry_out(self, node: Node, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if self.crash_in is not None:
                if self.crash_in == 0:
                    self.lose_power()
                    return
                self.crash_in -= 1
            self._carry_out_one(node, effect)

    def _carry_out_one(self, node: Node, effect: Effect) -> None:
        match effect:
            case Send(peer, message):
                self._cluster.safety.saw_send(self.name, peer, message)
                self._cluster.network.send(self.name, peer, message)
            case Reply(connection, response):
                self._cluster.reply(connection, response)
            case Write(file, data):
                self.disk.write(file, data)
            case Sync(file, token):
                size = self.disk.size(file)
                self._when_done(node, self.speed.sync_s, token, lambda: self.disk.synced(file, size))
            case Replace(file, data, token):
                self.disk.begin_replace(file, data)
                self._when_done(node, self.speed.replace_s, token, lambda: self.disk.replaced(file, data))
            case Truncate(file, size):
                self.disk.truncate(file, size)
                self._cluster.cut_tails += 1
            case Remove(file):
                self.disk.remove(file)
                self._cluster.removed_segments += 1
            case Trace(record):
                self._cluster.trace(record)

    def _when_done(self, node: Node, typical_s: float, token: int, done: Callable[[], None]) -> None:
        def finish() -> None:
            if self.node is node:
                done()
                self.give(lambda node, clocks: node.synced(token, clocks))

        self._cluster.scheduler.after(typical_s * (0.5 + self._rng.random()), finish)


class Cluster:
    """`size` nodes, started. Everything that happens follows from `seed` and from what is asked of it."""

    def __init__(self, seed: int, size: int, template: NodeConfig) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.scheduler = Scheduler()
        self.safety = Safety(lambda: self.scheduler.now)
        self.network = Network(self.scheduler, random.Random(self.rng.random()), self._deliver)
        self.cut_tails = 0
        self.removed_segments = 0
        self._connections: dict[int, Answer] = {}
        self._connection = 0
        names = [f"n{number}" for number in range(1, size + 1)]
        configs = [replace(template, node=name, peers=frozenset(names)) for name in names]
        self.machines = {c.node: Machine(self, c, random.Random(self.rng.random())) for c in configs}
        for machine in self.machines.values():
            machine.start()

    @property
    def names(self) -> list[str]:
        return list(self.machines)

    @property
    def running(self) -> list[Machine]:
        return [machine for machine in self.machines.values() if machine.node is not None]

    @property
    def leader(self) -> Machine | None:
        """Of the highest term that has one running."""
        leaders = [m for m in self.running if m.node is not None and m.node.raft.role is Role.LEADER]
        return max(leaders, key=lambda m: m.node.raft.term if m.node else 0, default=None)

    def _deliver(self, sender: str, to: str, message: PeerMessage) -> None:
        self.machines[to].give(lambda node, clocks: node.peer_message(sender, message, clocks))

    def ask(self, name: str, request: dict[str, object], answer: Answer) -> int:
        """Send a client's request to a node on a connection of its own; the answer may never come. Returns the
        connection."""
        self._connection += 1
        connection = self._connection
        self._connections[connection] = answer
        if self.network.rng.random() >= self.network.weather.loss:
            feed: Input = lambda node, clocks: node.client_line(connection, request, clocks)  # noqa: E731
            self.scheduler.after(self.network.delay(), lambda: self.machines[name].give(feed))
        return connection

    def reply(self, connection: int, response: dict[str, object]) -> None:
        if self.network.rng.random() >= self.network.weather.loss:
            self.scheduler.after(self.network.delay(), lambda: self._answered(connection, response))

    def _answered(self, connection: int, response: dict[str, object]) -> None:
        answer = self._connections.pop(connection, None)
        if answer is not None:
            answer(response)

    def hang_up(self, connection: int) -> None:
        self._connections.pop(connection, None)

    def trace(self, record: dict[str, object]) -> None:
        """Nothing to do: what the records say is checked by `safety` at every step."""
