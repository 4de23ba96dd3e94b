"""Process faults by signal, proven by the process's state; restarts, proven by a new pid that answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from harness.cluster import Evidence, Node
from harness.cluster.over_ssh.inspect import GONE, STOPPED, process_state, signal
from harness.cluster.over_ssh.shell import Details, Trouble, by_name, on_each
from harness.system import System
from harness.world import World

ANSWER_DEADLINE_S: Final = 10.0
"""From the start of a process until it must answer: it has a log to recover."""
ANSWER_TIMEOUT_S: Final = 1.0
ASK_AGAIN_S: Final = 0.1


class ShellProcesses:
    def __init__(self, world: World, nodes: Sequence[Node], system: System) -> None:
        self._world = world
        self._nodes = by_name(nodes)
        self._system = system

    async def kill(self, names: Collection[str]) -> Evidence:
        return await self._each(names, self._kill, "kill")

    async def restart(self, names: Collection[str], *, prove: bool = True) -> Evidence:
        return await self._each(names, self._restart if prove else self._start, "restart")

    async def pause(self, names: Collection[str]) -> Evidence:
        return await self._each(names, self._pause, "pause")

    async def resume(self, names: Collection[str]) -> Evidence:
        return await self._each(names, self._resume, "resume")

    async def verify_healed(self) -> Evidence:
        return await self._each(self._nodes, self._verify, "verify")

    async def _each(self, names: Collection[str], act: Callable[[Node], Awaitable[Details]], name: str) -> Evidence:
        return await on_each(self._world, {node: act(self._nodes[node]) for node in names}, name=name)

    async def _kill(self, node: Node) -> Details:
        pid = await self._pid(node)
        state = await signal(node, pid, "KILL", "''|Z|X")
        if state != GONE:
            raise Trouble(f"{node.name}: process {pid} survived SIGKILL in state {state}")
        return {"pid": pid, "state": state}

    async def _start(self, node: Node) -> Details:
        """Starts the server if it does not run (a restart that is tried again finds it running)."""
        return {"pid": await self._system.pid(node) or await self._system.start(node)}

    async def _restart(self, node: Node) -> Details:
        pid = (await self._start(node))["pid"]
        began = self._world.now()
        await self._wait_answer(node, pid)
        return {"pid": pid, "answered_after_s": round((self._world.now() - began) / 1e9, 3)}

    async def _wait_answer(self, node: Node, pid: int) -> None:
        last_ns = self._world.now() + int(ANSWER_DEADLINE_S * 1e9)
        while await self._system.status(self._world, node, timeout_s=ANSWER_TIMEOUT_S) is None:
            if await process_state(node, pid) == GONE:
                raise Trouble(f"{node.name}: the server process {pid} ended by itself; its log says why")
            if self._world.now() > last_ns:
                raise Trouble(f"{node.name}: process {pid} has not answered for {ANSWER_DEADLINE_S:g} s")
            await self._world.sleep(ASK_AGAIN_S)

    async def _pause(self, node: Node) -> Details:
        pid = await self._pid(node)
        state = await signal(node, pid, "STOP", STOPPED)
        if state != STOPPED:
            raise Trouble(f"{node.name}: process {pid} is in state {state} after SIGSTOP")
        return {"pid": pid, "state": state}

    async def _resume(self, node: Node) -> Details:
        pid = await self._pid(node)
        state = await signal(node, pid, "CONT", "[!T]")
        if state in (STOPPED, GONE):
            raise Trouble(f"{node.name}: process {pid} is in state {state} after SIGCONT")
        return {"pid": pid, "state": state}

    async def _verify(self, node: Node) -> Details:
        pid = await self._pid(node)
        state = await process_state(node, pid)
        if state in (STOPPED, GONE):
            raise Trouble(f"{node.name}: process {pid} is in state {state}")
        if await self._system.status(self._world, node, timeout_s=ANSWER_TIMEOUT_S) is None:
            raise Trouble(f"{node.name}: process {pid} does not answer")
        return {"pid": pid, "state": state}

    async def _pid(self, node: Node) -> int:
        pid = await self._system.pid(node)
        if pid is None:
            raise Trouble(f"{node.name}: no server process runs there")
        return pid
