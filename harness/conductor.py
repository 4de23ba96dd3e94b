"""The conductor: an experiment on nodes that run, the same in every world.

    wait for a leader -> main phase (clients; faults) -> heal, verified -> final reads

What brings nodes up and down, and what keeps what was recorded, stands around it: harness/runner.py for containers,
harness/cluster/simulation/ for virtual time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from harness import plugins
from harness.cluster import Capabilities, Node
from harness.errors import CannotRun
from harness.experiment import SOME_VARIANTS, Experiment, script_of
from harness.interpreter import Interpreter
from harness.mixture import Mixture
from harness.monitor import Monitor
from harness.nemesis.commands import Stop, load_kinds
from harness.nemesis.fault import FaultKind
from harness.nemesis.feed import feed
from harness.nemesis.nemesis import Nemesis
from harness.nemesis.schedule import Timed, draw_schedule, turned
from harness.nemesis.some_variants import possible
from harness.recorder import Recorder
from harness.script import Script
from harness.system import System
from harness.workload import Workload
from harness.world import World
from harness.world.sync import Queue

log = logging.getLogger("raftstorm")
log.addHandler(logging.NullHandler())

LEADER_DEADLINE_S: Final = 20.0
LEADER_AFTER_HEAL_S: Final = 20.0
CATCH_UP_S: Final = 30.0
"""For nodes that were healed to apply what the others have, before final reads show whether they did."""
FINAL_READS_S: Final = 30.0
LOOK_AGAIN_S: Final = 0.05

Phase = Callable[..., AbstractContextManager[None]]
"""phase(name, seconds): from its beginning to its end."""


@dataclass(frozen=True)
class Stage:
    """What an experiment happens on. `able`: what can be done to the nodes."""

    world: World
    system: System
    nodes: Sequence[Node]
    able: Capabilities


@dataclass(frozen=True)
class Plan:
    """What happens. `script`: the faults, and perhaps the operations, that somebody wrote down: nothing is drawn."""

    experiment: Experiment
    workloads: Sequence[Workload]
    kinds: Mapping[str, FaultKind]
    script: Script | None = None


def plan_of(experiment: Experiment) -> Plan:
    """Raises BadInput."""
    workloads = [plugins.load("workload", name) for name in experiment.workload]
    kinds = possible(load_kinds(experiment.nemesis), SOME_VARIANTS.get(experiment.cluster, {}))
    return Plan(experiment, workloads, kinds, script_of(experiment))


class Conductor:
    def __init__(self, plan: Plan, stage: Stage, monitor: Monitor, recorder: Recorder, phase: Phase) -> None:
        self._plan = plan
        self._experiment = experiment = plan.experiment
        self._world = stage.world
        self._monitor = monitor
        self._phase = phase
        self.caught_up = True
        """Whether every node had what was committed, before the final reads."""
        self._mixture = Mixture(plan.workloads, experiment, plan.script)
        self._nemesis = Nemesis(stage.world, plan.kinds, stage.able, recorder, monitor.view)
        self.interpreter = Interpreter(
            stage.world,
            self._mixture.client_factory(stage.system, stage.nodes),
            recorder,
            concurrency=self._mixture.concurrency,
            call_timeout_s=experiment.call_timeout,
            log=_log,
        )

    def stop(self) -> None:
        """Ends the main phase in order: no new operations; then healing and final reads as ever."""
        self.interpreter.stop()

    async def conduct(self) -> None:
        """Raises CannotRun, HealFailed, and what is a mistake of the harness's own."""
        with self._phase("main", self._experiment.time_limit):
            await self._storm()
        with self._phase("healing"):
            await self._nemesis.heal_all()
            await wait_leader(self._world, self._monitor, LEADER_AFTER_HEAL_S)
            await self._wait_caught_up(CATCH_UP_S)
        with self._phase("final reads", FINAL_READS_S):
            await self.interpreter.run(self._mixture.final(FINAL_READS_S, self.interpreter.keys))
        await self.interpreter.close()

    async def _storm(self) -> None:
        commands: Queue[Any] = Queue(self._world)
        hunting = self._world.spawn(self._nemesis.run(commands), name="nemesis")
        feeding = self._world.spawn(feed(self._world, self._schedule(), commands.put), name="schedule")
        try:
            await self.interpreter.run(self._mixture.main(self._world.now()))
        finally:
            feeding.cancel()
            commands.put(Stop())
            await hunting

    def _schedule(self) -> Iterable[Timed]:
        if self._plan.script is not None:
            return self._plan.script.commands()
        commands = self._drawn(self._world.random("nemesis"))
        begins_s = self._world.now() / 1e9
        for number, fork in enumerate(self._experiment.forks, start=1):
            if fork.at_s > begins_s and fork.touches("nemesis"):
                others = self._drawn(fork.stream(self._experiment.seed or 0, "nemesis"))
                commands = turned(commands, others, fork.at_s - begins_s, f"-{number}")
        return commands

    def _drawn(self, rng: Random) -> list[Timed]:
        return draw_schedule(
            rng,
            self._plan.kinds,
            time_limit_s=self._experiment.time_limit,
            interval_s=self._experiment.interval_s,
            shape=self._experiment.schedule_shape,
        )

    async def _wait_caught_up(self, seconds: float) -> None:
        """Until every node, asked after now, has applied all that any of them has committed. A node that does not get
        there is not raised about: final reads show what it answers."""
        began = self._world.now()
        while not self._monitor.caught_up(began):
            if self._world.now() > began + int(seconds * 1e9):
                self.caught_up = False
                log.warning("not every node caught up within %g s: %s", seconds, what_they_say(self._monitor))
                return
            await self._world.sleep(LOOK_AGAIN_S)


def _log(message: str, error: BaseException | None) -> None:
    log.error("%s: %r", message, error)


async def wait_leader(world: World, monitor: Monitor, seconds: float) -> None:
    """Raises CannotRun, naming what each node says."""
    deadline = world.now() + int(seconds * 1e9)
    while monitor.leader() is None:
        if world.now() > deadline:
            raise CannotRun(f"No leader was elected within {seconds:g} s: {what_they_say(monitor)}.")
        await world.sleep(LOOK_AGAIN_S)


def what_they_say(monitor: Monitor) -> str:
    said = (
        f"{name} does not answer" if status is None else f"{name} is {status.role} in term {status.term}"
        for name, status in monitor.view().items()
    )
    return ", ".join(said)
