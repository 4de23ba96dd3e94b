"""A machine: what survives a crash (a disk and clocks) and, while its process runs, a node.

The node is the one that the container runs, down to its storage; here every effect is carried out on a simulated disk
and network, one by one, so that a crash can come between any two.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from random import Random
from typing import Any, Final, Protocol

import msgspec

from harness.cluster.simulation.disk import Disk, DiskError
from harness.cluster.simulation.messages import Witness
from harness.cluster.simulation.network import Network
from harness.cluster.simulation.safety import Safety
from harness.world.virtual import NS, VirtualWorld
from node_image.driver.config import NodeConfig
from node_image.driver.effects import Clocks, Effect, Remove, Replace, Reply, Send, Sync, Trace, Truncate, Write
from node_image.driver.node import Node
from node_image.driver.wire import PeerMessage
from node_image.storage import Corrupt

Feed = Callable[[Node, Clocks], list[Effect]]

PERIOD_NS: Final = 1_000
"""A node that wants to be woken at once is woken after so long: time must go on."""


@dataclass(frozen=True)
class DiskSpeed:
    """Seconds; half of it at least, one and a half times it at most."""

    sync_s: float = 0.0005
    replace_s: float = 0.002


SOUND: Final = DiskSpeed()


@dataclass(frozen=True)
class Oscillator:
    """The machine's clocks: both run at its own rate, the monotonic one from a time of its own."""

    rate: float = 1.0
    offset_s: float = 0.0
    """The monotonic clock when the world begins."""
    epoch_s: float = 1.7e9
    """The wall clock when the world begins: all machines set out with the true time."""


class Surroundings(Protocol):
    """What a machine stands in."""

    @property
    def world(self) -> VirtualWorld: ...
    @property
    def network(self) -> Network: ...
    @property
    def safety(self) -> Safety: ...
    def reply(self, machine: Machine, connection: int, response: dict[str, Any]) -> None: ...
    @property
    def witness(self) -> Witness | None: ...
    def ended(self, machine: Machine) -> None: ...


class Machine:
    def __init__(self, around: Surroundings, config: NodeConfig, rng: Random, oscillator: Oscillator) -> None:
        self.name = config.node
        self.config = config
        self.node: Node | None = None
        self.pid = 0
        """Of the process that runs, or ran last. Each start has a new one."""
        self.disk = Disk(around.world.adopt(f"machine-{self.name}", Random(rng.getrandbits(64))))
        self.speed = self.usual_speed = SOUND
        self.crash_in: int | None = None
        """Lose power before so many more effects are carried out."""
        self.crash_torn = False
        """Lose power while a sync is under way, of which a part stays."""
        self.paused = False
        self.damaged = False
        """Whether somebody harmed what its disk has: then it is right to refuse it."""
        self.wall_shift_s = 0.0
        self.traces: list[bytes] = []
        """Lines of trace.jsonl."""
        self.log: list[str] = []
        """Lines of node.log."""
        self.cut_tails = 0
        self.removed_segments = 0
        self._around = around
        self._world = around.world
        self._rng = rng
        self._oscillator = oscillator
        self._inbox: list[Callable[[], None]] = []
        """What came while the process was paused."""
        self._wake_at = inf
        self._told = (0, "", 0)
        """Term, role and commit index as the witness knows them."""

    # A process's life

    @property
    def runs(self) -> bool:
        return self.node is not None

    def start(self) -> bool:
        """False: it refuses to start from what the disk has."""
        assert self.node is None, f"{self.name} runs"
        self.pid += 1
        self.crash_in = None
        self.crash_torn = False
        self.paused = False
        self._wake_at = inf
        try:
            rng = self._world.adopt(f"machine-{self.name}", Random(self._rng.getrandbits(64)))
            node = Node(self.config, self.disk.read(), rng, self.clocks())
        except DiskError as error:
            self.say(f"ERROR   files: the process ends: {error}")
            return False
        except Corrupt as error:
            level = "ERROR   " if self.damaged else "CRITICAL"
            self.say(f"{level} storage: the node must not start: {error}")
            return False
        except Exception as error:
            self._say_failed(error)
            return False
        self._around.safety.watch(node.raft)
        self.node = node
        self.say(f"INFO    raft: start: term {node.raft.term}, applied {node.replica.applied}")
        self._tell("start", term=node.raft.term)
        self._take(node, Node.start)
        return True

    def kill(self) -> None:
        """SIGKILL."""
        self._end()
        self.disk.kill()

    def lose_power(self, tear: str | None = None) -> None:
        """`tear`: the file that is being synced, where a part of that is to stay."""
        self._end()
        self.disk.lose_power(tear)

    def wipe(self, voters: frozenset[str]) -> int:
        """It is another machine under the same name, whose disk is empty, and which takes these for the voters. How
        many files the lost one had."""
        assert self.node is None, f"{self.name} runs"
        files = len(self.disk.read())
        self.disk.wipe()
        self.config = replace(self.config, voters=voters)
        self._around.safety.rules.replaced(self.name)
        return files

    def _end(self) -> None:
        self.node = None
        self.paused = False
        self._inbox.clear()
        self._around.ended(self)
        self._tell("crash")

    def pause(self) -> None:
        """SIGSTOP."""
        self.paused = True
        self._tell("pause")

    def resume(self) -> None:
        """SIGCONT: what has come meanwhile is taken in its order; timers are found to be late."""
        self.paused = False
        self._tell("resume")
        inbox, self._inbox = self._inbox, []
        for waiting in inbox:
            waiting()

    def _tell(self, event: str, **facts: Any) -> None:
        if self._around.witness is not None:
            self._around.witness.happened(self.name, event, **facts)

    def clocks(self) -> Clocks:
        oscillator = self._oscillator
        passed = self._world.now() * oscillator.rate / NS
        return Clocks(oscillator.offset_s + passed, oscillator.epoch_s + passed + self.wall_shift_s)

    def say(self, line: str) -> None:
        """A line of its log."""
        self.log.append(f"{self._world.now() / NS:.6f} {self.name} {line}")

    # Inputs

    def give(self, feed: Feed) -> None:
        """An input for the process as it is now; lost if there is none."""
        node = self.node
        if node is None:
            return
        if self.paused:
            self._inbox.append(partial(self._give_to, node, feed))
        else:
            self._take(node, feed)

    def _give_to(self, node: Node, feed: Feed) -> None:
        if self.node is node:
            self.give(feed)

    def _take(self, node: Node, feed: Feed) -> None:
        try:
            effects = feed(node, self.clocks())
            self._around.safety.saw_step(node)
            if self._around.witness is not None:
                self._tell_state(node)
            self._carry_out(node, effects)
        except DiskError as error:
            self.say(f"ERROR   files: the process ends: {error}")
            self.kill()
        except Exception as error:
            if not self._is_own(error):
                raise
            self._say_failed(error)
            self.kill()
        self._wake_later()

    def _say_failed(self, error: Exception) -> None:
        self.say("CRITICAL the node failed\n" + "".join(traceback.format_exception(error)).rstrip())

    def _tell_state(self, node: Node) -> None:
        state = (node.raft.term, node.raft.role.value, node.raft.commit)
        if state != self._told:
            self._told = state
            term, role, commit = state
            self._tell("role", term=term, role=role, commit=commit)

    def _is_own(self, error: Exception) -> bool:
        """Whether the node made it: whoever looks at nodes raises Violation, which ends the run."""
        return not self._around.safety.is_finding(error)

    def _wake_later(self) -> None:
        node = self.node
        if node is None:
            return
        deadline = node.deadline()
        if deadline >= self._wake_at:
            return
        self._wake_at = deadline
        due = int((deadline - self._oscillator.offset_s) / self._oscillator.rate * NS)
        self._world.call_at(max(due, self._world.now()) + PERIOD_NS, partial(self._wake, node, deadline))

    def _wake(self, node: Node, deadline: float) -> None:
        if self.node is not node or self._wake_at != deadline:
            return
        if self.paused:
            self._inbox.append(partial(self._wake, node, deadline))
            return
        self._wake_at = inf
        if node.deadline() <= self.clocks().monotonic:
            self._take(node, Node.tick)
        else:
            self._wake_later()

    # Effects

    def _carry_out(self, node: Node, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if self.crash_in is not None:
                if self.crash_in == 0:
                    self._fail_power()
                    return
                self.crash_in -= 1
            _CARRY_OUT[type(effect)](self, node, effect)
            if self.node is not node:
                return

    def _fail_power(self, tear: str | None = None) -> None:
        self.say("INFO    machine: the power fails")
        self.lose_power(tear)

    def _send(self, node: Node, effect: Send) -> None:
        self._around.safety.saw_send(self.name, effect.peer, effect.message)
        self._around.network.send(self.name, effect.peer, effect.message)

    def _reply(self, node: Node, effect: Reply) -> None:
        self._around.reply(self, effect.connection, effect.response)

    def _write(self, node: Node, effect: Write) -> None:
        self.disk.write(effect.file, effect.data)

    def _sync(self, node: Node, effect: Sync) -> None:
        size = self.disk.begin_sync(effect.file)
        if self.crash_torn and self.disk.can_tear(effect.file):
            self._fail_power(tear=effect.file)
            return
        self._when_done(node, self.speed.sync_s, effect.token, partial(self.disk.synced, effect.file, size))

    def _replace(self, node: Node, effect: Replace) -> None:
        self.disk.begin_replace(effect.file, effect.data)
        done = partial(self.disk.replaced, effect.file, effect.data)
        self._when_done(node, self.speed.replace_s, effect.token, done)

    def _truncate(self, node: Node, effect: Truncate) -> None:
        self.disk.truncate(effect.file, effect.size)
        self.cut_tails += 1

    def _remove(self, node: Node, effect: Remove) -> None:
        self.disk.remove(effect.file)
        self.removed_segments += 1

    def _trace(self, node: Node, effect: Trace) -> None:
        clocks = {"mono": self._world.now(), "wall": int(self.clocks().wall * NS)}
        self.traces.append(msgspec.json.encode({**clocks, **effect.record, "pid": self.pid}))

    def _when_done(self, node: Node, typical_s: float, token: int, done: Callable[[], None]) -> None:
        delay = int(typical_s * NS * (0.5 + self._rng.random()))
        self._world.call_at(self._world.now() + delay, partial(self._finish, node, token, done))

    def _finish(self, node: Node, token: int, done: Callable[[], None]) -> None:
        """The disk's part is done also while the process is paused; the process learns of it later."""
        if self.node is not node:
            return
        try:
            done()
        except DiskError as error:
            self.say(f"ERROR   files: the process ends: {error}")
            self.kill()
            return
        self.give(lambda node, clocks: node.synced(token, clocks))


_CARRY_OUT: Final[dict[type, Callable[[Machine, Node, Any], None]]] = {
    Send: Machine._send,
    Reply: Machine._reply,
    Write: Machine._write,
    Sync: Machine._sync,
    Replace: Machine._replace,
    Truncate: Machine._truncate,
    Remove: Machine._remove,
    Trace: Machine._trace,
}


def deliver(machine: Machine, sender: str, message: PeerMessage) -> None:
    """A peer's message."""
    machine.give(lambda node, clocks: node.peer_message(sender, message, clocks))
