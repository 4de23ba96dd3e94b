"""Power and disk faults by the file system in user space that lies under a node's data folder (node_image/disk).

Commands go to it through `node-disk`, one shell command a node. What a fault did is told by the file system (what was
lost, which bit is another one now), and shown by a probe: a process on the node writes, syncs and reads there, and
meets what the server meets. A file system that does not answer any more is the harness's trouble, never a finding.
"""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from harness.cluster import DiskFailure, Evidence, Harm, Node
from harness.cluster.over_ssh.inspect import GONE, signal
from harness.cluster.over_ssh.processes import ShellProcesses
from harness.cluster.over_ssh.shell import Details, Trouble, by_name, evidence, on_each, reason
from harness.errors import ControlError, ServerEnded
from harness.system import System
from harness.world import World

ANSWER_S: Final = 30.0
"""An answer takes a few hundredths of a second; on a machine that is very busy it has taken ten."""
AT_WORK_S: Final = 3.0
"""So long a server has for doing what the power's failing waits for; then it fails anyhow."""
STATUS: Final = {"do": "status"}
POWER_ON: Final = {"do": "power"}
REPAIR: Final = {"do": "repair"}
PROBE: Final = "probe"
_SOUND: Final = {"do": "set"}
_SETTINGS: Final = {
    DiskFailure.FULL: {"no_space": True},
    DiskFailure.WRITES: {"write_fails": True},
    DiskFailure.SYNCS: {"sync_fails": True},
    DiskFailure.READS: {"read_fails": True},
}
_SHOWN: Final = {
    DiskFailure.FULL: ("write", "ENOSPC"),
    DiskFailure.WRITES: ("write", "EIO"),
    DiskFailure.SYNCS: ("sync", "EIO"),
    DiskFailure.READS: ("read", "EIO"),
}
"""What a probe meets, and where."""
_FAULTS: Final = ("sync_s", *(name for setting in _SETTINGS.values() for name in setting))
_FINE: Final = {"write": "ok", "sync": "ok", "read": "ok"}
_SLOW_SHARE: Final = 0.75
"""The file system makes a slow sync take at least four fifths of the time that was asked for."""
_NO_ANSWER: Final = 2
"""`node-disk`'s exit code."""


async def wait_for_disk(node: Node) -> None:
    """Until the file system under the node's data folder is there. Raises ControlError."""
    finished = await node.control.run("node-disk wait", timeout_s=ANSWER_S)
    if finished.exit_code != 0:
        raise ControlError(f"Node {node.name} has no disk that can fail: {reason(finished)}")


async def ask(node: Node, *words: dict[str, Any] | str) -> list[Details]:
    """One answer a word (see node_image/bin/node-disk). Raises Trouble for what was not done, ControlError."""
    spoken = [word if isinstance(word, str) else msgspec.json.encode(word).decode() for word in words]
    finished = await node.control.run(shlex.join(["node-disk", *spoken]), timeout_s=ANSWER_S)
    if finished.exit_code == _NO_ANSWER:
        raise ControlError(f"The disk of node {node.name} could not be controlled: {reason(finished)}")
    if finished.exit_code != 0:
        raise Trouble(f"{node.name}: {reason(finished)}")
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in finished.stdout.splitlines()]


class OnDisks:
    def __init__(self, world: World, nodes: Sequence[Node], system: System) -> None:
        self._world = world
        self._nodes = by_name(nodes)
        self._system = system
        self._processes = ShellProcesses(world, nodes, system)
        self._rng = world.random("disks")

    async def _each(self, names: Collection[str], act: Callable[[Node], Awaitable[Details]], name: str) -> Evidence:
        return await on_each(self._world, {node: act(self._nodes[node]) for node in names}, name=name)

    async def _then_start(self, before: Evidence, names: Collection[str]) -> Evidence:
        """Starts the servers of these nodes that do not run, if what came before went well."""
        if not before.effective:
            return before
        started = await self._processes.restart(names)
        details = {name: {**before.details[name], **started.details[name]} for name in before.details}
        return evidence(details, [started.trouble] if started.trouble else [])

    async def _pid(self, node: Node) -> int:
        pid = await self._system.pid(node)
        if pid is None:
            raise Trouble(f"{node.name}: no server process runs there")
        return pid

    async def _kill(self, node: Node) -> Details:
        killed = await self._processes.kill([node.name])
        if killed.trouble:
            raise Trouble(killed.trouble)
        return {"killed": killed.details[node.name]["pid"]}

    async def _try_start(self, node: Node) -> Details:
        """Whether the server starts, and what it said where it did not."""
        try:
            return {"starts": True, "pid": await self._system.start(node)}
        except ServerEnded as error:
            return {"starts": False, "refuses": error.last_line}

    def _seed(self) -> int:
        return self._rng.getrandbits(32)


class ShellPower(OnDisks):
    async def cut(self, names: Collection[str], *, after_effects: int | None = None, torn: bool = False) -> Evidence:
        return await self._each(names, lambda node: self._cut(node, after_effects, torn), "cut")

    async def restore(self, names: Collection[str]) -> Evidence:
        return await self._then_start(await self._each(names, self._switch_on, "restore"), names)

    async def verify_healed(self) -> Evidence:
        return await self._each(self._nodes, self._verify, "verify")

    async def _cut(self, node: Node, after_effects: int | None, torn: bool) -> Details:
        pid = await self._pid(node)
        command = {"do": "cut", "pid": pid, "seed": self._seed(), "after": after_effects, "tear": torn}
        [outage] = await ask(node, {**command, "within_s": AT_WORK_S})
        state = await signal(node, pid, "KILL", "''|Z|X")
        if state != GONE:
            raise Trouble(f"{node.name}: process {pid} runs without power, in state {state}")
        if torn and not outage["at_work"]:
            raise Trouble(f"{node.name}: the server has synced nothing that could be torn for {AT_WORK_S:g} s")
        return {"pid": pid, "state": state, **outage}

    async def _switch_on(self, node: Node) -> Details:
        await ask(node, POWER_ON)
        return {}

    async def _verify(self, node: Node) -> Details:
        [status] = await ask(node, STATUS)
        if status["off"]:
            raise Trouble(f"{node.name} has no power")
        return {"off": False}


class ShellDisks(OnDisks):
    async def slow(self, names: Collection[str], sync_s: float) -> Evidence:
        return await self._each(names, lambda node: self._slow(node, sync_s), "slow")

    async def fail(self, names: Collection[str], failure: DiskFailure) -> Evidence:
        return await self._each(names, lambda node: self._fail(node, failure), failure)

    async def harm(self, names: Collection[str], harm: Harm) -> Evidence:
        return await self._each(names, lambda node: self._harm(node, harm), harm)

    async def mend(self, names: Collection[str]) -> Evidence:
        return await self._then_start(await self._each(names, self._mend, "mend"), names)

    async def verify_healed(self) -> Evidence:
        return await self._each(self._nodes, self._verify, "verify")

    async def _slow(self, node: Node, sync_s: float) -> Details:
        _, probe = await ask(node, {"do": "set", "sync_s": sync_s}, PROBE)
        if probe["sync"] != "ok" or probe["sync_s"] < _SLOW_SHARE * sync_s:
            raise Trouble(f"{node.name}: a sync took {probe['sync_s']:g} s, and not {sync_s:g} s")
        return {"probe": probe}

    async def _fail(self, node: Node, failure: DiskFailure) -> Details:
        reads = failure is DiskFailure.READS
        killed = await self._kill(node) if reads else {}
        _, probe = await ask(node, {"do": "set", **_SETTINGS[failure]}, PROBE)
        step, error = _SHOWN[failure]
        if probe[step] != error:
            raise Trouble(f"{node.name}: a process met {probe[step]} at a {step}, and not {error}")
        return {**killed, "probe": probe, **(await self._try_start(node) if reads else {})}

    async def _harm(self, node: Node, harm: Harm) -> Details:
        killed = await self._kill(node)
        [damage] = await ask(node, {"do": "damage", "how": harm, "seed": self._seed()})
        return {**killed, **damage, **await self._try_start(node)}

    async def _mend(self, node: Node) -> Details:
        repaired, before, probe = await ask(node, REPAIR, _SOUND, PROBE)
        self._check_sound(node, probe)
        told = {name: before[name] for name in ("syncs", "syncs_failed", "slowest_sync_s")}
        return {**repaired, **told, "probe": probe}

    async def _verify(self, node: Node) -> Details:
        status, probe = await ask(node, STATUS, PROBE)
        if status["damaged"]:
            raise Trouble(f"{node.name}: {', '.join(status['damaged'])} is damaged")
        if in_force := [name for name in _FAULTS if status[name]]:
            raise Trouble(f"{node.name}: the disk is not mended: {', '.join(in_force)}")
        self._check_sound(node, probe)
        return {"probe": probe}

    def _check_sound(self, node: Node, probe: Details) -> None:
        wrong = {step: probe[step] for step in _FINE if probe[step] != _FINE[step]}
        if wrong:
            raise Trouble(f"{node.name}: the disk is not mended: {wrong}")
