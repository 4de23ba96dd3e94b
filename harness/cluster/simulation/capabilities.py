"""What can be done to simulated machines: everything but to limit what they may use. Evidence is read from the machine
or the link that was hit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from harness.cluster import Capabilities, DiskFailure, Evidence, Harm, Hindrance, Link
from harness.cluster.simulation.cluster import SimulatedCluster, SimulatedSystem
from harness.cluster.simulation.disk import Damage
from harness.cluster.simulation.machine import DiskSpeed, Machine
from harness.on_nodes.hindrance import together
from harness.world.virtual import NS

RESTART_S: Final = 0.05
"""From the power's coming back, or a process's start, until it runs."""
LOOK_S: Final = 0.005
ANSWER_S: Final = 10.0
"""Until a process that was started has recovered, and takes part."""


def capabilities(cluster: SimulatedCluster) -> Capabilities:
    system, processes = SimulatedSystem(cluster), SimulatedProcesses(cluster)
    membership = system.membership(cluster.world, cluster.nodes)
    return Capabilities(
        network=SimulatedNetwork(cluster),
        processes=processes,
        clocks=SimulatedClocks(cluster),
        packets=SimulatedPackets(cluster),
        power=SimulatedPower(cluster),
        disks=SimulatedDisks(cluster),
        membership=membership,
        replacements=system.replacements(cluster.world, cluster.nodes, processes, membership),
    )


def _evidence(details: Mapping[str, Any], troubles: Iterable[str] = ()) -> Evidence:
    listed = list(troubles)
    return Evidence(effective=not listed, details=dict(details), trouble="; ".join(listed) or None)


@dataclass
class SimulatedNetwork:
    cluster: SimulatedCluster
    _cuts: dict[str, list[Link]] = field(default_factory=dict)

    async def cut(self, fault: str, links: Collection[Link]) -> Evidence:
        listed = sorted(links)
        self._cuts[fault] = [*self._cuts.get(fault, ()), *listed]
        self.cluster.network.cut(listed)
        heard = [link for link in listed if self.cluster.network.hears(*link)]
        return _evidence(self._words(listed), [f"{link.target} hears {link.source}" for link in heard])

    async def heal(self, fault: str) -> Evidence:
        links = self._cuts.pop(fault, [])
        self.cluster.network.mend(links)
        return _evidence(self._words(links))

    async def verify_healed(self) -> Evidence:
        deaf = [
            f"{target} does not hear {source}"
            for source in self.cluster.names
            for target in self.cluster.names
            if source != target and not self.cluster.network.hears(source, target)
        ]
        return _evidence({"deaf": deaf}, deaf)

    def _words(self, links: Iterable[Link]) -> dict[str, Any]:
        network = self.cluster.network
        return {
            link.words: "open" if network.hears(*link) else f"silent, {dropped} dropped so far"
            for link in links
            for dropped in (network.dropped.get(link, 0),)
        }


class _OnMachines:
    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster

    def _machines(self, names: Collection[str]) -> list[Machine]:
        return [machine for name, machine in self.cluster.machines.items() if name in names]

    async def _start(self, names: Collection[str], *, prove: bool = True) -> Evidence:
        """Those that are down; until they take part (`prove=False`: only until they run)."""
        world = self.cluster.world
        await world.sleep(RESTART_S)
        down = [machine for machine in self._machines(names) if not machine.runs]
        refused = [machine.name for machine in down if not machine.start()]
        if prove:
            await self._until(lambda: all(machine.node is None or machine.node.started for machine in down))
        details = {machine.name: {"pid": machine.pid} for machine in down}
        return _evidence(details, [f"{name} refuses to start from its disk" for name in refused])

    async def _until(self, holds: Callable[[], bool]) -> None:
        deadline = self.cluster.world.now() + int(ANSWER_S * NS)
        while not holds() and self.cluster.world.now() < deadline:
            await self.cluster.world.sleep(LOOK_S)

    async def verify_healed(self) -> Evidence:
        machines = self.cluster.machines.values()
        wrong = [f"{machine.name} is down" for machine in machines if not machine.runs]
        wrong += [f"{machine.name} is paused" for machine in machines if machine.paused]
        return _evidence({machine.name: {"pid": machine.pid} for machine in machines}, wrong)


class SimulatedProcesses(_OnMachines):
    async def kill(self, names: Collection[str]) -> Evidence:
        return await self._each(names, Machine.kill)

    async def restart(self, names: Collection[str], *, prove: bool = True) -> Evidence:
        return await self._start(names, prove=prove)

    async def pause(self, names: Collection[str]) -> Evidence:
        return await self._each(names, Machine.pause)

    async def resume(self, names: Collection[str]) -> Evidence:
        for machine in self._machines(names):
            if machine.paused:
                machine.resume()
        return _evidence({machine.name: {"pid": machine.pid} for machine in self._machines(names)})

    async def _each(self, names: Collection[str], act: Callable[[Machine], None]) -> Evidence:
        down = [machine.name for machine in self._machines(names) if not machine.runs]
        for machine in self._machines(names):
            if machine.runs:
                act(machine)
        details = {
            machine.name: {"pid": machine.pid, "runs": machine.runs, "paused": machine.paused}
            for machine in self._machines(names)
        }
        return _evidence(details, [f"{name}: no server process runs there" for name in down])


class SimulatedClocks(_OnMachines):
    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._shifts: dict[str, dict[str, float]] = {name: {} for name in cluster.names}

    async def shift(self, fault: str, offsets_s: Mapping[str, float], *, prove: bool = True) -> Evidence:
        for name, offset_s in offsets_s.items():
            self._shifts[name][fault] = offset_s
            self.cluster.machines[name].wall_shift_s = sum(self._shifts[name].values())
        return _evidence({name: {"offset_s": self.cluster.machines[name].wall_shift_s} for name in offsets_s})

    async def verify_healed(self) -> Evidence:
        offsets = {name: machine.wall_shift_s for name, machine in self.cluster.machines.items()}
        wrong = {name: shift for name, shift in offsets.items() if abs(shift) > 1e-6}
        return _evidence(offsets, [f"{name}: the clock is off by {shift:+.4f} s" for name, shift in wrong.items()])


@dataclass
class SimulatedPackets:
    cluster: SimulatedCluster
    _in_force: dict[str, tuple[list[Link], Hindrance]] = field(default_factory=dict)

    async def disturb(self, fault: str, links: Collection[Link], hindrance: Hindrance) -> Evidence:
        listed = sorted(links)
        self._in_force[fault] = (listed, hindrance)
        for link in listed:
            if hindrance.clogged:
                self.cluster.network.clog(link)
        self._hinder(listed)
        return _evidence({link.words: self._words(link) for link in listed})

    async def holds(self, fault: str) -> Evidence:
        links, _ = self._in_force[fault]
        return _evidence({link.words: self._words(link) for link in links})

    async def calm(self, fault: str) -> Evidence:
        links, hindrance = self._in_force.pop(fault, ([], Hindrance()))
        for link in links:
            if hindrance.clogged:
                self.cluster.network.unclog(link)
        self._hinder(links)
        return _evidence({link.words: self._words(link) for link in links})

    async def verify_healed(self) -> Evidence:
        ill = self.cluster.network.disturbed
        return _evidence({}, [f"what {link.source} sends to {link.target} is disturbed" for link in ill])

    def _hinder(self, links: Iterable[Link]) -> None:
        for link in links:
            hindrances = (hindrance for others, hindrance in self._in_force.values() if link in others)
            self.cluster.network.hinder(link, together(one for one in hindrances if not one.clogged))

    def _words(self, link: Link) -> dict[str, Any]:
        way = self.cluster.network.way(*link)
        return {**way.hindrance.as_dict(), "clogged": bool(way.clogs)}


class SimulatedPower(_OnMachines):
    async def cut(self, names: Collection[str], *, after_effects: int | None = None, torn: bool = False) -> Evidence:
        machines = [machine for machine in self._machines(names) if machine.runs]
        before = {machine.name: machine.disk.lost_bytes for machine in machines}
        for machine in machines:
            if torn:
                machine.crash_torn = True
            elif after_effects is None:
                machine.lose_power()
            else:
                machine.crash_in = after_effects
        await self._until(lambda: not any(machine.runs for machine in machines))
        details = {
            machine.name: {"pid": machine.pid, "lost_bytes": machine.disk.lost_bytes - before[machine.name]}
            for machine in machines
        }
        return _evidence(details, [f"{machine.name} still runs" for machine in machines if machine.runs])

    async def restore(self, names: Collection[str]) -> Evidence:
        for machine in self._machines(names):
            machine.crash_in, machine.crash_torn = None, False
        return await self._start(names)


class SimulatedDisks(_OnMachines):
    def __init__(self, cluster: SimulatedCluster) -> None:
        super().__init__(cluster)
        self._damages: dict[str, Damage] = {}
        self._rng: Random = cluster.world.random("bit-flips")

    async def slow(self, names: Collection[str], sync_s: float) -> Evidence:
        for machine in self._machines(names):
            machine.speed = DiskSpeed(sync_s, 2 * sync_s)
        return _evidence({name: {"sync_s": sync_s} for name in names})

    async def fail(self, names: Collection[str], failure: DiskFailure) -> Evidence:
        details: dict[str, Any] = {}
        for machine in self._machines(names):
            machine.disk.failing.add(failure)
            details[machine.name] = {"fails": sorted(machine.disk.failing)}
            if failure is DiskFailure.READS:
                if machine.runs:
                    machine.kill()
                details[machine.name]["starts"] = machine.start()
        return _evidence(details)

    async def harm(self, names: Collection[str], harm: Harm) -> Evidence:
        details: dict[str, Any] = {}
        troubles: list[str] = []
        if self._damages:
            return _evidence({}, [f"{name}'s disk is damaged already" for name in self._damages])
        for machine in self._machines(names):
            if machine.runs:
                machine.kill()
            damage = machine.disk.harm(harm, self._rng)
            if damage is None:
                troubles.append(f"{machine.name}: nothing is durable there that could be harmed")
                continue
            self._damages[machine.name] = damage
            machine.damaged = True
            starts = machine.start()
            details[machine.name] = {"file": damage.file, "byte": damage.byte, "starts": starts}
            if starts:
                machine.say(f"CRITICAL storage: started from a disk that was harmed ({harm}): {damage.file}")
        return _evidence(details, troubles)

    async def mend(self, names: Collection[str]) -> Evidence:
        for machine in self._machines(names):
            machine.speed = machine.usual_speed
            machine.disk.failing.clear()
            damage = self._damages.pop(machine.name, None)
            if damage is not None:
                machine.damaged = False
            if damage is not None and not machine.runs:
                machine.disk.repair(damage)
        return await self._start(names)

    async def verify_healed(self) -> Evidence:
        ill = [
            m.name for m in self.cluster.machines.values() if m.disk.failing or m.speed != m.usual_speed or m.damaged
        ]
        return _evidence({}, [f"{name}'s disk is not mended" for name in ill])
