"""Limits of a container: how much processor time, and how much memory, all that runs in it may use.

The engine sets them; what the node's own control group shows is believed. A quota takes the processor away for the rest
of each tenth of a second once it is used up: the kernel counts how often. It holds for the control line too, which is
slower meanwhile.

Running out of memory is made so: the limit is put a little above what is in use, the server is made the one that the
kernel ends first, and a program (harness.on_nodes.hunger) takes what is left in large steps, until the server is gone.
Where the kernel ends another one too, that is the program: it says so of itself. The limit holds until the fault ends,
and the server is down until then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

import msgspec

from harness.cluster import Evidence, Node, Processes
from harness.cluster.over_ssh.inspect import GONE, process_state
from harness.cluster.over_ssh.program import call
from harness.cluster.over_ssh.shell import Details, Trouble, by_name, on_each, run
from harness.errors import CannotRun
from harness.system import System
from harness.world import World

Update = Callable[..., Awaitable[None]]
"""update(node, **limits): what docker-py's update_container takes. Raises CannotRun."""

PERIOD_US: Final = 100_000
NONE: Final = -1
HEADROOM_BYTES: Final = 8 << 20
"""Between what is in use and the limit: what runs beside the server takes part of it before the limit is there."""
SEEN_S: Final = 3.0
"""Until what was limited must show it."""
LOOK_AGAIN_S: Final = 0.05

_GROUP: Final = """\
c=/sys/fs/cgroup
if [ -e $c/cpu.max ]; then
    read -r quota _ < $c/cpu.max; read -r limit < $c/memory.max; read -r used < $c/memory.current
    cpu=$c/cpu.stat; memory=$c/memory.events
else
    read -r quota < $c/cpu/cpu.cfs_quota_us; read -r limit < $c/memory/memory.limit_in_bytes
    read -r used < $c/memory/memory.usage_in_bytes; cpu=$c/cpu/cpu.stat; memory=$c/memory/memory.oom_control
fi
throttled=0; kills=0
while read -r name value; do [ $name = nr_throttled ] && throttled=$value; done < $cpu
while read -r name value; do [ $name = oom_kill ] && kills=$value; done < $memory
while read -r name value _; do [ $name = MemTotal: ] && break; done < /proc/meminfo
echo "$quota $throttled $limit $used $kills $value"
"""
"""By the shell alone: a program that is started costs a node that has hardly any time more than all this."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's control group says. `quota_us`: of a tenth of a second, None for no limit; `throttled`: in how many
    tenths it was used up; `oom_kills`: processes that were ended because the limit of memory was reached."""

    quota_us: int | None
    throttled: int
    limit_bytes: int
    used_bytes: int
    oom_kills: int
    machine_bytes: int
    """What the machine has: a limit of as much, or more, is none."""

    @property
    def memory_limited(self) -> bool:
        return self.limit_bytes < self.machine_bytes


class ContainerLimits:
    def __init__(
        self, world: World, nodes: Sequence[Node], system: System, processes: Processes, update: Update
    ) -> None:
        self._world = world
        self._nodes = by_name(nodes)
        self._system = system
        self._processes = processes
        self._update = update

    async def limit_cpu(self, names: Collection[str], share: float) -> Evidence:
        return await self._each(names, lambda node: self._limit_cpu(node, share), "limit-cpu")

    async def unlimit_cpu(self, names: Collection[str]) -> Evidence:
        return await self._each(names, self._unlimit_cpu, "unlimit-cpu")

    async def limit_memory(self, names: Collection[str]) -> Evidence:
        return await self._each(names, self._limit_memory, "limit-memory")

    async def unlimit_memory(self, names: Collection[str]) -> Evidence:
        lifted = await self._each(names, self._unlimit_memory, "unlimit-memory")
        if not lifted.effective:
            return lifted
        up = await self._processes.restart(names)
        details = {name: {**lifted.details[name], **up.details[name]} for name in lifted.details}
        return Evidence(effective=up.effective, details=details, trouble=up.trouble)

    async def verify_healed(self) -> Evidence:
        return await self._each(self._nodes, self._verify, "verify")

    async def _each(self, names: Collection[str], act: Callable[[Node], Awaitable[Details]], name: str) -> Evidence:
        return await on_each(self._world, {node: act(self._nodes[node]) for node in names}, name=name)

    async def _limit_cpu(self, node: Node, share: float) -> Details:
        before = await group(node)
        await self._set(node, cpu_period=PERIOD_US, cpu_quota=max(int(share * PERIOD_US), 1000))
        now = await self._seen(node, lambda now: now.quota_us is not None and now.throttled > before.throttled)
        if now is None:
            raise Trouble(f"{node.name}: it has not used up its share of {share:g} of a processor for {SEEN_S:g} s")
        return {"quota_us": now.quota_us, "throttled": now.throttled - before.throttled}

    async def _unlimit_cpu(self, node: Node) -> Details:
        await self._set(node, cpu_quota=NONE)
        now = await group(node)
        if now.quota_us is not None:
            raise Trouble(f"{node.name}: it still has only {now.quota_us} us of each {PERIOD_US}")
        return {"quota_us": None, "throttled": now.throttled}

    async def _limit_memory(self, node: Node) -> Details:
        pid = await self._system.pid(node)
        if pid is None:
            raise Trouble(f"{node.name}: no server process runs there")
        before = await group(node)
        limit = before.used_bytes + HEADROOM_BYTES
        await self._set(node, mem_limit=limit, memswap_limit=limit)
        ended = ""
        try:
            await call(node, "hunger", "take", {"pid": pid, "limit_bytes": limit})
        except Trouble as trouble:  # it may be ended as well, after the server
            ended = f" ({trouble})"
        now = await self._seen(node, lambda now: now.oom_kills > before.oom_kills)
        state = await process_state(node, pid)
        if now is None or state != GONE:
            raise Trouble(f"{node.name}: process {pid} is in state {state} though all memory was taken{ended}")
        return {"pid": pid, "state": state, "limit_bytes": now.limit_bytes, "oom_kills": now.oom_kills}

    async def _unlimit_memory(self, node: Node) -> Details:
        # Engines do not take limits away: as much as the machine has is none. Memory and swap together get a number of
        # their own, since with "none" there the kernel is told in an order that it refuses.
        machine_bytes = (await group(node)).machine_bytes
        await self._set(node, mem_limit=machine_bytes, memswap_limit=2 * machine_bytes)
        now = await group(node)
        if now.memory_limited:
            raise Trouble(f"{node.name}: its memory is still limited to {now.limit_bytes} bytes")
        return {"limit_bytes": now.limit_bytes}

    async def _verify(self, node: Node) -> Details:
        now = await group(node)
        if now.quota_us is not None or now.memory_limited:
            raise Trouble(
                f"{node.name}: it is still limited ({now.quota_us} us of {PERIOD_US}, {now.limit_bytes} bytes)"
            )
        return {"quota_us": None, "limit_bytes": now.limit_bytes}

    async def _set(self, node: Node, **limits: int) -> None:
        try:
            await self._update(node, **limits)
        except CannotRun as error:
            raise Trouble(f"{node.name}: {error}") from error

    async def _seen(self, node: Node, shows: Callable[[Group], bool]) -> Group | None:
        """The group once it shows it. None: it has not, in time."""
        last_ns = self._world.now() + int(SEEN_S * 1e9)
        while not shows(now := await group(node)):
            if self._world.now() > last_ns:
                return None
            await self._world.sleep(LOOK_AGAIN_S)
        return now


async def group(node: Node) -> Group:
    """Raises Trouble, ControlError."""
    return parsed(await run(node, _GROUP))


def parsed(printed: str) -> Group:
    """What the script prints: quota, throttled, limit ("max": none), used, kills, and the machine's memory in KiB."""
    quota, throttled, limit, used, kills, machine_kib = printed.split()
    machine_bytes = int(machine_kib) * 1024
    return Group(
        quota_us=None if quota in ("max", "-1") else int(quota),
        throttled=int(throttled),
        limit_bytes=machine_bytes if limit == "max" else int(limit),
        used_bytes=int(used),
        oom_kills=int(kills),
        machine_bytes=machine_bytes,
    )
