"""Random weather over a Pump, decided by a seed: messages are lost, doubled and overtake each other, links are cut,
nodes crash and lose what was not synced, disks are slow, clocks run apart within the drift bound; in some, the
configuration changes and leaders hand over. All the while the
five properties of the paper's figure 3 are checked, and that no read is answered at an index below what had been
applied anywhere when it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import combinations
from typing import Any

from node_image.raft import ChangeRefused, Configuration, Entry, NotLeader, Ready, Role
from tests.node.raft.pump import Disk, Packet, Pump

STEP_S = 0.01
WEATHER = ["cut", "one-way", "heal", "heal", "loss", "clear", "crash", "crash", "disk", "compact", "compact"]
CHANGES = ["reconfigure", "reconfigure", "transfer"]
"""The weather of a storm with `changes`, too."""


class Violation(AssertionError):
    pass


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Violation(what)


class History:
    """What has ever been seen, by all nodes together; figure 3 speaks of it."""

    def __init__(self) -> None:
        self.leaders: dict[int, str] = {}
        self.leader_logs: dict[int, dict[int, int]] = {}
        self.entries: dict[tuple[int, int], Entry] = {}
        self.committed: dict[int, tuple[Entry, int]] = {}
        """By index: the entry, and the lowest term in which somebody knew it to be committed."""
        self.highest_committed = 0

    def stored(self, entries: Iterable[Entry]) -> None:
        """Log matching, first half: one index and term, one command."""
        for entry in entries:
            same = self.entries.setdefault((entry.term, entry.index), entry)
            require(same == entry, f"log matching: {same} and {entry}")

    def applied(self, entries: Iterable[Entry], term: int) -> None:
        for entry in entries:
            same, known_in = self.committed.setdefault(entry.index, (entry, term))
            require(same == entry, f"state machine safety: {same} and {entry}")
            self.committed[entry.index] = (entry, min(known_in, term))
            self.highest_committed = max(self.highest_committed, entry.index)

    def leads(self, name: str, term: int, log: dict[int, int], first_index: int) -> None:
        leader = self.leaders.setdefault(term, name)
        require(leader == name, f"election safety: {leader} and {name} lead term {term}")
        if term not in self.leader_logs:
            self._is_complete(term, log, first_index)
        before = self.leader_logs.get(term, {})
        lost = [index for index in before if index >= first_index and log.get(index) != before[index]]
        require(not lost, f"leader append-only: {name} changed {lost} in term {term}")
        self.leader_logs[term] = log

    def _is_complete(self, term: int, log: dict[int, int], first_index: int) -> None:
        missing = [
            index
            for index, (entry, known_in) in self.committed.items()
            if known_in < term and index >= first_index and log.get(index) != entry.term
        ]
        require(not missing, f"leader completeness: term {term} begins without {missing}")


class Storm(Pump):
    def __init__(
        self, size: int, seed: int, *, lying_disks: bool = False, changes: bool = False, **options: Any
    ) -> None:
        """`lying_disks` report as durable what is not (to see that the checks see it). `changes`: the configuration
        changes, and leaders hand over."""
        self.history = History()
        self.rates: dict[str, float] = {}
        self.asked: dict[int, int] = {}
        """By context of a read: what was committed when it was asked."""
        self.loss = self.doubling = 0.0
        self.clients_are_quiet = False
        self.lying_disks = lying_disks
        self.weather = WEATHER + (CHANGES * 3 if changes else [])
        self.changes_begun = 0
        self.transfers_begun = 0
        self.true_disks: dict[str, Disk] = {}
        super().__init__(size, seed=seed, **options)
        self.rates = {name: self.rng.uniform(0.95, 1.05) for name in self.names}
        self._command = 0

    def clock(self, name: str) -> float:
        return self.now * self.rates.get(name, 1.0)

    def post(self, packet: Packet) -> None:
        if (packet.sender, packet.to) in self.cut or self.rng.random() < self.loss:
            return
        for _ in range(2 if self.rng.random() < self.doubling else 1):
            due = self.now + self.rng.expovariate(1 / 0.004)
            self.packets.append(Packet(packet.sender, packet.to, packet.message, due))

    def deliver(self, packet: Packet) -> None:
        super().deliver(packet)
        if packet.to in self.nodes:
            self._watch(packet.to)

    def carry_out(self, name: str, ready: Ready) -> None:
        self.history.stored(ready.entries)
        self.history.applied(ready.committed, self.nodes[name].term)
        for read in ready.reads:
            floor = self.asked.pop(read.context)
            answered = read.index is None or read.index >= floor
            require(answered, f"{name} answers a read at {read.index}, asked when {floor} was committed")
        super().carry_out(name, ready)

    # One step

    def step(self) -> None:
        self.now += self.rng.uniform(0, 2 * STEP_S)
        due = [packet for packet in self.packets if packet.due <= self.now]
        self.packets = type(self.packets)(packet for packet in self.packets if packet.due > self.now)
        self.rng.shuffle(due)
        for packet in due:
            self.deliver(packet)
        for name, node in self.nodes.items():
            if node.deadline() <= self.clock(name):
                node.tick(self.clock(name), self.wall(name))
                self._watch(name)
        if not self.clients_are_quiet:
            self._clients()
        for name in list(self.nodes):
            self.collect(name)
            if name in self.held and self.rng.random() < 0.3:
                self.sync(name, self.rng.randint(1, 3))
            self._watch(name)

    def _clients(self) -> None:
        for name, node in self.nodes.items():
            if self.rng.random() < 0.2:
                self._propose(name)
            if self.rng.random() < 0.2:
                self._command += 1
                self.asked[self._command] = self.history.highest_committed
                node.read_index(self._command, self.clock(name))
            index = node.lease_read(self.clock(name), self.wall(name))
            require(
                index is None or index >= self.history.highest_committed,
                f"{name} reads at {index} by its lease, but {self.history.highest_committed} is committed",
            )

    def _propose(self, name: str) -> None:
        commands = [b"%s-%d-%d" % (name.encode(), self._command, item) for item in range(self.rng.randint(1, 3))]
        self._command += 1
        try:
            self.propose(name, *commands)
        except (NotLeader, ChangeRefused):
            return

    def blow(self) -> None:
        """One change of the weather."""
        name = self.rng.choice(self.names)
        change = self.rng.choice(self.weather)
        if change == "cut":
            digits = "".join(name[1:] for name in self.rng.sample(self.names, len(self.names)))
            place = self.rng.randint(1, len(digits) - 1)
            self.partition(digits[:place], digits[place:])
        elif change == "one-way":
            self.cut |= {(name, other) for other in self.names if self.rng.random() < 0.5}
        elif change == "heal":
            self.heal()
        elif change == "loss":
            self.loss, self.doubling = self.rng.choice([0.05, 0.3]), 0.1
        elif change == "clear":
            self.loss = self.doubling = 0.0
        elif change == "crash":
            self._crash_or_restart(name)
        elif change == "disk":
            self.held ^= {name}
            self.sync_all(name)
        elif change == "reconfigure":
            self._reconfigure()
        elif change == "transfer":
            self._transfer(name)
        elif name in self.nodes and self.machines[name].index >= self.nodes[name].first_index:
            self.compact(name)

    def _crash_or_restart(self, name: str) -> None:
        down = [other for other in self.names if other not in self.nodes]
        if self.lying_disks:
            self._power_cut()
        elif down:
            self.restart(down[0])
        else:
            self.crash(name)

    def _reconfigure(self) -> None:
        """Any configuration of at least one voter, at whoever leads."""
        names = self.rng.sample(self.names, len(self.names))
        voters = self.rng.randint(1, len(names))
        learners = self.rng.randint(voters, len(names))
        for leader in self.leaders():
            try:
                self.nodes[leader].reconfigure(names[:voters], names[voters:learners], self.clock(leader))
            except ChangeRefused:
                continue
            self.changes_begun += 1

    def _transfer(self, to: str) -> None:
        for leader in self.leaders():
            try:
                self.nodes[leader].transfer_leadership(to, self.clock(leader))
            except (ChangeRefused, ValueError):
                continue
            self.transfers_begun += 1

    def _power_cut(self) -> None:
        """All at once, and what the disks have is what they had the last time they told the truth."""
        for name in self.names:
            self.crash(name)
            self.disks[name] = self.true_disks.get(name, Disk())
            self.restart(name)

    def sync_all(self, name: str) -> None:
        if name in self.nodes and name not in self.held:
            self.sync(name)
        if self.lying_disks:
            disk = self.disks[name]
            self.true_disks[name] = Disk(disk.hard_state, disk.snapshot, list(disk.entries))

    def run(self, steps: int) -> None:
        for number in range(steps):
            if self.rng.random() < 0.02:
                self.blow()
            self.step()
            if number % 50 == 0:
                self._logs_match()

    def calm_down(self) -> None:
        """All faults lifted: a leader is elected, and a new command reaches every node."""
        self.heal()
        self.loss = self.doubling = 0.0
        self.held.clear()
        for name in self.names:
            if name not in self.nodes:
                self.restart(name)
            self.sync_all(name)
        self.clients_are_quiet = True
        self._until(self._all_are_voters, "no leader, or two of them, or a change that does not end", steps=8000)
        self.propose(self.leaders()[0], b"the end")
        self._until(self._all_are_at_the_end, "the last command did not arrive everywhere")
        self._logs_match()

    def _all_are_voters(self) -> bool:
        """One leader, of all nodes; asks for what is missing of that."""
        wanted = Configuration(frozenset(self.names))
        if len(self.leaders()) != 1:
            return False
        leader = self.nodes[self.leaders()[0]]
        if leader.configuration != wanted:
            with suppress(ChangeRefused):
                leader.reconfigure(wanted.voters, (), self.clock(leader.id))
        return leader.configuration == wanted and not leader.is_changing

    def _all_are_at_the_end(self) -> bool:
        return all(machine.commands[-1:] == [b"the end"] for machine in self.machines.values())

    def _until(self, done: Callable[[], bool], otherwise: str, steps: int = 2000) -> None:
        for _ in range(steps):
            if done():
                return
            self.step()
        raise Violation(otherwise)

    # Figure 3

    def _log(self, name: str) -> dict[int, int]:
        node = self.nodes[name]
        return {index: node.term_at(index) or 0 for index in range(node.first_index, node.last_index + 1)}

    def _watch(self, name: str) -> None:
        node = self.nodes[name]
        if node.role is not Role.LEADER:
            return
        known = self.history.leader_logs.get(node.term)
        if known is None or self.history.leaders[node.term] != name or self.rng.random() < 0.02:
            self.history.leads(name, node.term, self._log(name), node.first_index)

    def _logs_match(self) -> None:
        """Log matching, second half: where two logs have an entry of the same term, they are equal up to there."""
        for one, other in combinations(self.nodes, 2):
            ours, theirs = self._log(one), self._log(other)
            shared = sorted(ours.keys() & theirs.keys())
            last = max((index for index in shared if ours[index] == theirs[index]), default=0)
            differ = [index for index in shared if index <= last and ours[index] != theirs[index]]
            require(not differ, f"log matching: {one} and {other} agree at {last} but not at {differ}")
