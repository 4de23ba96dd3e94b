"""One experiment in virtual time: the nodes, network, disks, clocks, clients, workloads and faults of a run, in one
process and from one seed.

    draw the swarm -> start -> wait for a leader -> Conductor (clients and faults; heal; final reads) -> peace

The conductor is the one of real runs, over the simulated capabilities. What the simulator sees beyond what clients see
is a `Finding` each: a broken safety property (safety.py) ends the run at once; a cluster that makes no progress when
all faults are lifted, or does not come to rest, is one too (liveness).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from random import Random
from typing import Any, Final

import msgspec

from checkers.events import NEMESIS, Event, EventType
from harness.cluster.simulation import swarm
from harness.cluster.simulation.capabilities import capabilities
from harness.cluster.simulation.cluster import SimulatedCluster, SimulatedSystem
from harness.cluster.simulation.messages import Onlooker
from harness.cluster.simulation.safety import Violation
from harness.cluster.simulation.watch import Watch
from harness.conductor import LEADER_DEADLINE_S, Conductor, Plan, Stage, plan_of, wait_leader
from harness.errors import CannotRun, HealFailed
from harness.experiment import Experiment
from harness.monitor import Monitor
from harness.nemesis.commands import load_kinds
from harness.recorder import MemoryRecorder
from harness.script import Script
from harness.world.virtual import NS, Halted, VirtualWorld

PEACE_S: Final = 3.0
"""After the final reads, with all faults lifted: nothing may change any more."""


class Finding(msgspec.Struct, frozen=True):
    """What the simulator itself saw. `property`: which one is broken."""

    kind: str
    text: str
    time: int


@dataclass
class Simulated:
    """What came of it: all that a run folder holds, in memory. Times in ns of virtual time."""

    experiment: Experiment
    """As it was drawn: its kinds of fault are those that were possible."""
    history: list[bytes] = field(default_factory=list)
    statuses: list[bytes] = field(default_factory=list)
    traces: dict[str, list[bytes]] = field(default_factory=dict)
    logs: dict[str, list[str]] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    drawn: dict[str, Any] = field(default_factory=dict)
    """What the swarm made of it, for people."""
    end: int = 0
    messages: int = 0
    steps: int = 0
    """Inputs of nodes, after each of which Raft's properties were looked at."""
    digest: str = ""
    """Of everything above: equal for equal runs."""


def simulate(experiment: Experiment, *, witness: Onlooker | None = None, script: Script | None = None) -> Simulated:
    """Runs it to its end. The experiment's seed decides everything. `script`: in the place of the experiment's own, and
    of what would be drawn."""
    return _Simulation(experiment, witness, script).run()


class _Simulation:
    def __init__(self, experiment: Experiment, witness: Onlooker | None, script: Script | None) -> None:
        assert experiment.seed is not None
        self._world = VirtualWorld(experiment.seed, forks=experiment.forks)
        rng = self._world.random("swarm-nodes")
        plan = plan_of(experiment)
        plan = replace(plan, kinds=swarm.simulated(plan.kinds))
        if script is not None:
            plan = _scripted(plan, script)
            experiment = plan.experiment
        if experiment.swarm:
            plan = _drawn_plan(self._world.random("swarm-faults"), plan)
        self._plan, experiment = plan, plan.experiment
        names = experiment.node_names
        configs = swarm.configurations(rng, names, experiment.bug)
        self._cluster = SimulatedCluster(
            self._world, configs, oscillators=swarm.oscillators(rng, names), witness=witness
        )
        if witness is not None:
            witness.attend(self._cluster)
        speed = swarm.disk_speed(rng)
        for machine in self._cluster.machines.values():
            machine.speed = machine.usual_speed = speed
        self._outcome = Simulated(experiment, drawn=_drawn(configs[names[0]], speed))
        self._recorder = MemoryRecorder(self._world.now)
        self._healed = False
        self._final_reads: Counter[EventType] = Counter()
        self._recorder.subscribe(self._observe)

    def run(self) -> Simulated:
        try:
            self._world.run(self._live())
        except (Halted, Violation):
            assert self._cluster.safety.violation is not None
            self._find("safety", self._cluster.safety.violation)
        except (CannotRun, HealFailed) as error:
            self._find("liveness", str(error))
        return self._collect()

    async def _live(self) -> None:
        world, cluster = self._world, self._cluster
        system = SimulatedSystem(cluster)
        monitor = Monitor(world, system, cluster.nodes, self._outcome.statuses.append, wall_base_ns=WALL_BASE_NS)
        watch = Watch(cluster, lambda text: self._find("liveness", text))
        cluster.start()
        monitor.start()
        watching = world.spawn(watch.run(), name="watch")
        with self._phase("waiting for a leader"):
            await wait_leader(world, monitor, LEADER_DEADLINE_S)
        stage = Stage(world, system, cluster.nodes, capabilities(cluster))
        conductor = Conductor(self._plan, stage, monitor, self._recorder, self._phase)
        await conductor.conduct()
        if not conductor.caught_up:
            self._find("liveness", "not every node has caught up with what is committed, long after all faults ended")
        with self._phase("peace"):
            await self._peace()
        watching.cancel()
        monitor.stop()

    async def _peace(self) -> None:
        before = self._terms()
        await self._world.sleep(PEACE_S)
        if self._final_reads[EventType.INVOKE] and not self._final_reads[EventType.OK]:
            self._find("liveness", "no final read was answered, with all faults lifted and a leader elected")
        if self._terms() != before:
            self._find("liveness", f"terms go on changing without any fault: {before}, then {self._terms()}")

    def _terms(self) -> dict[str, int]:
        return {machine.name: machine.node.raft.term for machine in self._cluster.running if machine.node is not None}

    def _observe(self, event: Event) -> None:
        if self._healed and event.process != NEMESIS:
            self._final_reads[event.type] += 1

    @contextmanager
    def _phase(self, name: str, seconds: float | None = None) -> Iterator[None]:
        phase: dict[str, Any] = {"name": name, "begin": self._world.now()}
        self._outcome.phases.append(phase)
        self._healed = self._healed or name == "final reads"
        try:
            yield
        finally:
            phase["end"] = self._world.now()

    def _find(self, kind: str, text: str) -> None:
        self._outcome.findings.append(Finding(kind, text, self._world.now()))

    def _collect(self) -> Simulated:
        outcome = self._outcome
        outcome.history = self._recorder.lines
        for name, machine in self._cluster.machines.items():
            outcome.traces[name] = machine.traces
            outcome.logs[name] = machine.log
        outcome.end = self._world.now()
        outcome.messages = self._cluster.network.sent
        outcome.steps = self._cluster.safety.steps
        outcome.digest = _digest(outcome)
        return outcome


WALL_BASE_NS: Final = 1_700_000_000 * NS


def _scripted(plan: Plan, script: Script) -> Plan:
    experiment = msgspec.structs.replace(plan.experiment, nemesis=script.kinds, swarm=False)
    return replace(plan, experiment=experiment, kinds=load_kinds(script.kinds), script=script)


def _drawn_plan(rng: Random, plan: Plan) -> Plan:
    kinds = swarm.some_kinds(rng, plan.kinds)
    workloads = swarm.some_workloads(rng, plan.workloads)
    read_mode = swarm.read_mode(rng)
    concurrency = swarm.concurrency(rng)
    asked = plan.experiment
    experiment = msgspec.structs.replace(
        asked,
        nemesis=tuple(kinds),
        nemesis_interval=max(round(asked.interval_s * swarm.interval_factor(rng), 3), 0.5),
        workload=tuple(workload.name for workload in workloads),
        read_mode=asked.read_mode or read_mode,
        concurrency=asked.concurrency or concurrency,
    )
    return replace(plan, experiment=experiment, kinds=kinds, workloads=workloads)


def _drawn(config: Any, speed: Any) -> dict[str, Any]:
    names = ("election_timeout_s", "heartbeat_interval_s", "snapshot_every_entries", "trailing_entries")
    return {name: round(getattr(config, name), 6) for name in names} | {"sync_s": speed.sync_s}


def _digest(outcome: Simulated) -> str:
    digest = blake2b(digest_size=16)
    for lines in (outcome.history, outcome.statuses, *outcome.traces.values()):
        digest.update(b"".join(lines) + b"\0")
    for log in outcome.logs.values():
        digest.update("\n".join(log).encode() + b"\0")
    digest.update(f"{outcome.messages} {outcome.end} {outcome.findings}".encode())
    return digest.hexdigest()
