"""A cluster that is told what to do, line by line, and says what happens.

    add-nodes COUNT [voters=COUNT] [setting=NUMBER ...]   the nodes n1, n2, ...; settings are RaftConfig's
    boot NODE TERM [TERM ...]      restart it in the first term, with a log of entries of the other terms
    elect NODE                     without a word about how
    timeout NODE ...               time passes, and the election timers of these nodes run out
    tick TIMEOUTS                  so many election timeouts pass, all timers running, all messages delivered
    deliver [NODE ...] [from=NODE]   the messages that are on their way (to these nodes), not what comes of them
    drop [NODE ...] [from=NODE]      lose the messages that are on their way (to these nodes)
    stabilise                      deliver until nothing is on its way
    partition NODE,NODE ...        groups that hear each other; who is in no group is alone
    heal
    crash NODE                     what is not on its disk is gone
    restart NODE
    hold NODE, sync NODE           its disk makes nothing durable; does again
    propose NODE COMMAND ...
    read NODE                      a linearizable read
    lease NODE                     what it says to a read by its lease
    compact NODE                   it makes a snapshot of all that it has applied
    reconfigure NODE voters=NODE,... [learners=NODE,...]
    transfer NODE TO               the first hands its leadership over to the other
    log NODE ..., status [NODE ...]
    hide heartbeats                from here on, where nothing depends on them

Under a message stands, indented, what it made its receiver do. Places in logs are written index/term.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from node_image.raft import ChangeRefused, Configuration, NotLeader, Ready, Role
from node_image.raft.messages import Heartbeat, HeartbeatResponse
from tests.interaction import words
from tests.node.raft.pump import Packet, Pump, T

Arguments = list[str]


class Told(Pump):
    """A pump that says what it does; `say` takes a line."""

    def __init__(self, say: Callable[[str], None], size: int, *, voters: int | None, **config: Any) -> None:
        self._say = say
        self._known: dict[str, Configuration] = {}
        self.hides_heartbeats = False
        super().__init__(size, voters=voters, **config)
        self._known = {name: node.configuration for name, node in self.nodes.items()}

    def restart(self, name: str) -> None:
        super().restart(name)
        self._known[name] = self.nodes[name].configuration

    def deliver(self, packet: Packet) -> None:
        if packet.to not in self.nodes:
            return
        if not (self.hides_heartbeats and isinstance(packet.message, Heartbeat | HeartbeatResponse)):
            self._say(f"{packet.sender} -> {packet.to}  {words.message(packet.message)}")
        super().deliver(packet)
        self.collect(packet.to)

    def carry_out(self, name: str, ready: Ready) -> None:
        node = self.nodes[name]
        if node.configuration != self._known[name]:
            self._known[name] = node.configuration
            self._say(f"  {name} goes by {words.configuration(node.configuration)}")
        if ready.changed:
            follows = "" if node.role is not Role.FOLLOWER else f" of {node.leader or 'nobody'}"
            self._say(f"  {name} is {node.role.value}{follows} in term {node.term}")
        if ready.snapshot is not None:
            self._say(f"  {name} takes a snapshot up to {ready.snapshot.index}/{ready.snapshot.term} for its log")
        if ready.committed:
            self._say(f"  {name} applies {words.entries(ready.committed)}")
        for read in ready.reads:
            at = "is not confirmed" if read.index is None else f"is good at {read.index}"
            self._say(f"  {name}: read {read.context} {at}")
        for notice in ready.notices:
            self._say(f"  {name} gives up: {notice.value}")
        super().carry_out(name, ready)


class Conversation:
    def __init__(self) -> None:
        self._lines: list[str] = []
        self._pump: Told | None = None
        self._reads = 0

    @property
    def pump(self) -> Told:
        assert self._pump is not None, "add-nodes comes first"
        return self._pump

    def run(self, line: str) -> str:
        """Carry out one command; what happened, a line each."""
        self._lines = []
        name, *arguments = line.split()
        try:
            COMMANDS[name](self, arguments)
        except NotLeader as error:
            self._lines.append(f"refused: {error}")
        except (ChangeRefused, ValueError) as error:
            self._lines.append(f"refused: {error}")
        if self._pump is not None:
            for node in list(self._pump.nodes):
                self._pump.collect(node)
        return "".join(f"{said}\n" for said in self._lines or ["ok"])

    # Commands

    def add_nodes(self, arguments: Arguments) -> None:
        count, *settings = arguments
        config: dict[str, int] = {key: int(value) for key, value in (setting.split("=") for setting in settings)}
        voters = config.pop("voters", None)
        self._pump = Told(self._lines_append, int(count), voters=voters, **config)

    def _lines_append(self, line: str) -> None:
        self._lines.append(line)

    def boot(self, arguments: Arguments) -> None:
        name, *terms = arguments
        self.pump.boot(name, *map(int, terms))

    def elect(self, arguments: Arguments) -> None:
        [name] = arguments
        self.pump.elect(name)
        self._lines = [f"{name} leads term {self.pump.nodes[name].term}"]

    def timeout(self, arguments: Arguments) -> None:
        self.pump.now += 2 * T
        for name in arguments:
            self.pump.nodes[name].tick(self.pump.now)
            self.pump.collect(name)

    def tick(self, arguments: Arguments) -> None:
        self.pump.wait(float(arguments[0]) * T)

    def deliver(self, arguments: Arguments) -> None:
        for packet in self._take(arguments):
            self.pump.deliver(packet)

    def drop(self, arguments: Arguments) -> None:
        for packet in self._take(arguments):
            self._lines.append(f"{packet.sender} -x {packet.to}  {words.message(packet.message)}")

    def _take(self, arguments: Arguments) -> list[Packet]:
        """What is on its way to these nodes, or to any; from one, or from any."""
        senders = {name.removeprefix("from=") for name in arguments if name.startswith("from=")}
        receivers = {name for name in arguments if not name.startswith("from=")}
        taken, left = [], []
        for packet in self.pump.packets:
            wanted = (not senders or packet.sender in senders) and (not receivers or packet.to in receivers)
            (taken if wanted else left).append(packet)
        self.pump.packets = deque(left)
        return taken

    def stabilise(self, arguments: Arguments) -> None:
        self.pump.settle()

    def partition(self, arguments: Arguments) -> None:
        self.pump.partition(*("".join(name[1:] for name in group.split(",")) for group in arguments))

    def heal(self, arguments: Arguments) -> None:
        self.pump.heal()

    def crash(self, arguments: Arguments) -> None:
        for name in arguments:
            self.pump.crash(name)

    def restart(self, arguments: Arguments) -> None:
        for name in arguments:
            self.pump.restart(name)

    def hold(self, arguments: Arguments) -> None:
        self.pump.held |= set(arguments)

    def sync(self, arguments: Arguments) -> None:
        self.pump.held -= set(arguments)
        for name in arguments:
            self.pump.sync(name)

    def propose(self, arguments: Arguments) -> None:
        name, *commands = arguments
        places = self.pump.propose(name, *(command.encode() for command in commands))
        self._lines.append("at " + ", ".join(f"{index}/{term}" for term, index in places))

    def read(self, arguments: Arguments) -> None:
        self._reads += 1
        self._lines.append(f"read {self._reads}")
        [name] = arguments
        self.pump.nodes[name].read_index(self._reads, self.pump.clock(name))
        self.pump.collect(name)

    def lease(self, arguments: Arguments) -> None:
        for name in arguments:
            index = self.pump.nodes[name].lease_read(self.pump.clock(name))
            self._lines.append(f"{name} has no lease" if index is None else f"{name} answers at {index}")

    def compact(self, arguments: Arguments) -> None:
        for name in arguments:
            snapshot = self.pump.compact(name)
            members = words.configuration(snapshot.configuration)
            self._lines.append(f"{name} has a snapshot up to {snapshot.index}/{snapshot.term}, {members}")

    def reconfigure(self, arguments: Arguments) -> None:
        name, *sets = arguments
        given = {key: value.split(",") for key, value in (one.split("=") for one in sets)}
        node = self.pump.nodes[name]
        node.reconfigure(given["voters"], given.get("learners", []), self.pump.clock(name))
        self.pump.collect(name)

    def transfer(self, arguments: Arguments) -> None:
        name, to = arguments
        self.pump.transfer(name, to)

    def log(self, arguments: Arguments) -> None:
        for name in arguments:
            node, disk = self.pump.nodes[name], self.pump.disks[name]
            known = {entry.index: entry for entry in disk.entries}
            held = [
                words.entry(known[index]) if index in known else f"{index}/{node.term_at(index)}"
                for index in range(node.first_index, node.last_index + 1)
            ]
            before = f"after {node.first_index - 1}: " if node.first_index > 1 else ""
            self._lines.append(f"{name}: {before}{', '.join(held) or 'empty'}; commit {node.commit}")

    def status(self, arguments: Arguments) -> None:
        for name in arguments or self.pump.names:
            node = self.pump.nodes.get(name)
            if node is None:
                self._lines.append(f"{name}: down")
                continue
            place = f"term {node.term}, vote {node.vote}, leader {node.leader}"
            log = f"last {node.last_index}, commit {node.commit}"
            self._lines.append(f"{name}: {node.role.value}, {place}, {log}, {words.configuration(node.configuration)}")

    def hide(self, arguments: Arguments) -> None:
        assert arguments == ["heartbeats"]
        self.pump.hides_heartbeats = True


COMMANDS: Final[dict[str, Callable[[Conversation, Arguments], None]]] = {
    "add-nodes": Conversation.add_nodes,
    "boot": Conversation.boot,
    "elect": Conversation.elect,
    "timeout": Conversation.timeout,
    "tick": Conversation.tick,
    "deliver": Conversation.deliver,
    "drop": Conversation.drop,
    "stabilise": Conversation.stabilise,
    "partition": Conversation.partition,
    "heal": Conversation.heal,
    "crash": Conversation.crash,
    "restart": Conversation.restart,
    "hold": Conversation.hold,
    "sync": Conversation.sync,
    "propose": Conversation.propose,
    "read": Conversation.read,
    "lease": Conversation.lease,
    "compact": Conversation.compact,
    "reconfigure": Conversation.reconfigure,
    "transfer": Conversation.transfer,
    "log": Conversation.log,
    "status": Conversation.status,
    "hide": Conversation.hide,
}
