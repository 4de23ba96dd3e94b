"""A handful of Raft nodes, their disks and the messages between them, moved by hand.

    pump = Pump(3)
    pump.elect("n1")
    pump.propose("n1", b"x")
    pump.settle()

Messages are delivered in the order they were sent, until none is left. Links can be cut, disks held (what is written is
not durable, and what waits for it does not leave), nodes crashed and restarted from what their disks have. The
state machine is the list of commands applied. Nothing happens by itself: time passes only in `wait` and `elect`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from node_image.raft import (
    Configuration,
    Entry,
    EntryKind,
    HardState,
    Notice,
    Raft,
    RaftConfig,
    Ready,
    Role,
    Snapshot,
)
from node_image.raft.messages import Message
from node_image.variants import variant

T = 0.5
"""The election timeout of all tests."""


@dataclass
class Packet:
    sender: str
    to: str
    message: Message
    due: float = 0.0


@dataclass
class Disk:
    """What survives a crash."""

    hard_state: HardState = field(default_factory=HardState)
    snapshot: Snapshot | None = None
    entries: list[Entry] = field(default_factory=list)

    def store(self, ready: Ready) -> None:
        if ready.hard_state is not None:
            self.hard_state = ready.hard_state
        if ready.snapshot is not None:
            self.snapshot, self.entries = ready.snapshot, []
        if ready.entries:
            first = ready.entries[0].index
            self.entries = [entry for entry in self.entries if entry.index < first] + list(ready.entries)

    def compact(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.entries = [entry for entry in self.entries if entry.index > snapshot.index]


@dataclass
class Machine:
    """A node's state machine: the commands applied, and up to which index."""

    index: int = 0
    commands: list[bytes] = field(default_factory=list)

    def apply(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            assert entry.index == self.index + 1, "committed entries come in order, each once"
            self.index = entry.index
            if entry.kind is EntryKind.COMMAND:
                self.commands.append(entry.data)

    def restore(self, snapshot: Snapshot) -> None:
        self.index = snapshot.index
        self.commands = snapshot.data.split(b"\n") if snapshot.data else []


def entries(first: int, *terms: int) -> tuple[Entry, ...]:
    """Commands of these terms (logs are written as their terms, as in the paper's figures)."""
    return tuple(
        Entry(term, index, EntryKind.COMMAND, b"%d-%d" % (index, term)) for index, term in enumerate(terms, first)
    )


def _nodes(digits: str) -> list[str]:
    return [f"n{digit}" for digit in digits]


class Pump:
    def __init__(
        self, size: int = 3, *, voters: int | None = None, seed: int = 0, bugs: Iterable[str] = (), **config: Any
    ) -> None:
        """`voters`: how many of the nodes are in the first configuration (default: all)."""
        self.names = [f"n{number}" for number in range(1, size + 1)]
        self.configuration = Configuration(frozenset(self.names[:voters]))
        self.config = {"election_timeout_s": T, "heartbeat_interval_s": T / 5, **config}
        self.bugs = frozenset(bugs)
        self.rng = random.Random(seed)
        self.now = 0.0
        self.packets: deque[Packet] = deque()
        self.cut: set[tuple[str, str]] = set()
        self.lose: Callable[[Packet], bool] = lambda packet: False
        self.sent: list[Packet] = []
        """All that ever left a node; tests clear it."""
        self.held: set[str] = set()
        """Nodes whose disks do not sync."""
        self.disks = {name: Disk() for name in self.names}
        self.machines: dict[str, Machine] = {}
        self.reads: dict[str, list[tuple[int, int | None]]] = {name: [] for name in self.names}
        self.notices: dict[str, list[Notice]] = {name: [] for name in self.names}
        self.nodes: dict[str, Raft] = {}
        self._unsynced: dict[str, deque[Ready]] = {}
        for name in self.names:
            self.restart(name)

    # Nodes and disks

    def restart(self, name: str) -> None:
        """From what the disk has; also what a crash is (`crash` only leaves a gap between the two)."""
        disk = self.disks[name]
        self.nodes[name] = variant(Raft, self.bugs)(
            RaftConfig(node=name, configuration=self.configuration, **self.config),
            random.Random(self.rng.getrandbits(64)),
            hard_state=disk.hard_state,
            snapshot=disk.snapshot,
            entries=tuple(disk.entries),
            now=self.clock(name),
            bugs=self.bugs,
        )
        self.machines[name] = Machine()
        if disk.snapshot is not None:
            self.machines[name].restore(disk.snapshot)
        self._unsynced[name] = deque()

    def crash(self, name: str) -> None:
        """What was not synced is gone; packets to it fall on the floor."""
        del self.nodes[name]

    def boot(self, name: str, term: int, *terms: int) -> None:
        """Restart in `term`, with a log of entries of these terms."""
        self.disks[name] = Disk(HardState(term), None, list(entries(1, *terms)))
        self.restart(name)

    def sync(self, name: str, count: int | None = None) -> None:
        """All, or the oldest `count`, of what waits becomes durable."""
        waiting = self._unsynced[name]
        for _ in range(len(waiting) if count is None else min(count, len(waiting))):
            ready = waiting.popleft()
            self.disks[name].store(ready)
            self.nodes[name].persisted(ready.number)
            self._send(name, ready.messages_after_sync)

    def compact(self, name: str) -> Snapshot:
        """A snapshot of all that is applied."""
        node, machine = self.nodes[name], self.machines[name]
        term = node.term_at(machine.index)
        assert term is not None
        configuration = node.configuration_at(machine.index)
        snapshot = Snapshot(machine.index, term, configuration, b"\n".join(machine.commands))
        self.sync(name)
        self.disks[name].compact(snapshot)
        node.compact(snapshot)
        return snapshot

    def collect(self, name: str) -> None:
        """Carry out what is ready at a node."""
        while (ready := self.nodes[name].ready()) is not None:
            self.carry_out(name, ready)

    def carry_out(self, name: str, ready: Ready) -> None:
        self._send(name, ready.messages)
        if ready.snapshot is not None:
            self.machines[name].restore(ready.snapshot)
        self.machines[name].apply(ready.committed)
        if ready.committed:
            self.nodes[name].applied(ready.committed[-1].index)
        self.reads[name] += [(read.context, read.index) for read in ready.reads]
        if ready.notices:
            self.notices[name] += ready.notices
        self._unsynced[name].append(ready)
        if name not in self.held:
            self.sync(name)

    # Network

    def _send(self, sender: str, messages: Iterable[tuple[str, Message]]) -> None:
        for to, message in messages:
            packet = Packet(sender, to, message)
            self.sent.append(packet)
            self.post(packet)

    def post(self, packet: Packet) -> None:
        if (packet.sender, packet.to) not in self.cut and not self.lose(packet):
            self.packets.append(packet)

    def deliver(self, packet: Packet) -> None:
        if packet.to in self.nodes:
            self.nodes[packet.to].receive(packet.sender, packet.message, self.clock(packet.to), self.wall(packet.to))

    def partition(self, *groups: str) -> None:
        """Groups of nodes, each a string of numbers: partition("12", "345"). A node in no group is alone."""
        side = {f"n{digit}": group for group in groups for digit in group}
        self.cut = {(a, b) for a, b in permutations(self.names, 2) if a not in side or side[a] != side.get(b)}

    def heal(self) -> None:
        self.cut = set()

    def settle(self) -> None:
        """Deliver until nothing is left to do."""
        while True:
            for name in list(self.nodes):
                self.collect(name)
            if not self.packets:
                return
            while self.packets:
                self.deliver(self.packets.popleft())

    # Time

    def clock(self, name: str) -> float:
        return self.now

    def wall(self, name: str) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass, every node ticking when it wants to, messages taking no time."""
        end = self.now + seconds
        while (due := min(node.deadline() for node in self.nodes.values())) <= end:
            self.now = max(self.now, due)
            for name in list(self.nodes):
                self.nodes[name].tick(self.now, self.wall(name))
            self.settle()
        self.now = end

    # Clients

    def elect(self, name: str) -> Raft:
        """Make this node the first whose election timer runs out."""
        self.now += 2 * T
        self.nodes[name].tick(self.now)
        self.settle()
        assert self.nodes[name].role is Role.LEADER, f"{name} was not elected"
        return self.nodes[name]

    def propose(self, name: str, *commands: bytes) -> list[tuple[int, int]]:
        return self.nodes[name].propose(commands, self.clock(name))

    def reconfigure(self, name: str, voters: str, learners: str = "") -> None:
        """Sets of nodes as strings of numbers."""
        self.nodes[name].reconfigure(_nodes(voters), _nodes(learners), self.clock(name))

    def transfer(self, name: str, to: str) -> None:
        self.nodes[name].transfer_leadership(to, self.clock(name))

    def members(self, name: str) -> tuple[str, str, str]:
        """The configuration in force at a node: voters, outgoing, learners, as strings of numbers."""
        configuration = self.nodes[name].configuration
        sets = (configuration.voters, configuration.outgoing, configuration.learners)
        voters, outgoing, learners = ("".join(sorted(node[1:] for node in nodes)) for nodes in sets)
        return voters, outgoing, learners

    def leaders(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.role is Role.LEADER]

    def terms(self, name: str) -> list[int]:
        """The terms of a node's log, one an entry, as the paper draws them."""
        node = self.nodes[name]
        return [node.term_at(index) or 0 for index in range(node.first_index, node.last_index + 1)]

    def sent_of(self, kind: type, sender: str | None = None, to: str | None = None) -> list[Any]:
        return [
            packet.message
            for packet in self.sent
            if type(packet.message) is kind and sender in (None, packet.sender) and to in (None, packet.to)
        ]
