"""The runner: one experiment, from nothing to a recorded run folder, ready to be judged.

    cluster up -> install, start -> wait for a leader -> main phase (clients; faults from the schedule)
    -> heal, verified -> final reads -> logs and traces collected -> cluster down

What was recorded is on disk the moment it happened. What goes wrong before the first operation means that the
experiment could not run, and is raised. What goes wrong later is the run's `trouble`, in run.json: the run is judged
all the same, and is unknown at best.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, BinaryIO, Final

from harness import plugins
from harness.capabilities import lacking
from harness.cluster import Cluster, Node
from harness.conductor import LEADER_DEADLINE_S, Conductor, Stage, plan_of, wait_leader
from harness.errors import HealFailed, RaftstormError
from harness.experiment import Experiment
from harness.monitor import Monitor
from harness.place import Opening, open_place
from harness.progress import Display, Progress
from harness.recorder import Recorder
from harness.script import write_script
from harness.system import System
from harness.traffic import Traffic
from harness.world.real import RealWorld
from results.store import RunFolder

log = logging.getLogger("raftstorm")

REFRESH_S: Final = 0.25


class Runner:
    """Records one experiment into its folder. `progress` is kept up to date, `shown` redrawn."""

    def __init__(self, experiment: Experiment, folder: RunFolder, progress: Progress, shown: Display) -> None:
        assert experiment.seed is not None
        self._experiment = experiment
        self._folder = folder
        self._progress = progress
        self._shown = shown
        self._seed: int = experiment.seed
        self._system: System = plugins.load("system", experiment.system)
        self._plan = plan_of(experiment)
        self._conductor: Conductor | None = None
        self._traffic: Traffic | None = None
        self.stopped = False
        """Whether `stop` was called."""
        self._run: dict[str, Any] = {}
        self._phases: list[dict[str, Any]] = []
        self._clock: Callable[[], int] = lambda: 0

    def stop(self) -> None:
        """Ends the run in order: no new operations, then healing, final reads and collecting as ever."""
        self.stopped = True
        if self._conductor is not None:
            self._conductor.stop()

    @property
    def recording(self) -> bool:
        """Whether there is, or may be, anything recorded that is worth judging."""
        return self._conductor is not None

    async def record(self) -> None:
        """Raises RaftstormError where the experiment could not run at all."""
        if self._plan.script is not None:
            self._folder.save_schedule(write_script(self._plan.script))
        self._save_run(created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **self._facts())
        refresher = asyncio.ensure_future(self._refresh())
        try:
            with self._harness_log():
                await self._record()
        except BaseException as error:
            self._save_run(trouble=str(error) or type(error).__name__)
            raise
        finally:
            refresher.cancel()
            self._shown.refresh()

    def _facts(self) -> dict[str, Any]:
        return {
            "name": self._folder.name,
            "version": version("raftstorm"),
            "seed": self._seed,
            "command": shlex.join(["raftstorm", *sys.argv[1:]]),
            "options": self._experiment.as_run(),
            "python": platform.python_version(),
            "phases": self._phases,
        }

    def _save_run(self, **facts: Any) -> None:
        self._run |= facts
        self._folder.save_run(self._run)

    @contextmanager
    def _harness_log(self) -> Iterator[None]:
        handler = logging.FileHandler(self._folder.log_path, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            handler.close()

    async def _refresh(self) -> None:
        while True:
            self._shown.refresh()
            await asyncio.sleep(REFRESH_S)

    @contextmanager
    def _phase(self, name: str, seconds: float | None = None) -> Iterator[None]:
        log.info("phase: %s", name)
        self._progress.begin(name, seconds)
        phase = {"name": name, "begin": self._clock()}
        self._phases.append(phase)
        try:
            yield
        finally:
            phase["end"] = self._clock()

    async def _record(self) -> None:
        opening = Opening(self._experiment, self._folder.name, self._shown, self._progress, self._phase)
        async with open_place(opening, self._system) as place:
            world = RealWorld(self._seed)
            self._clock = world.now
            self._save_run(
                nodes=[_node_facts(node) for node in place.nodes],
                wall_base_ns=world.wall_base_ns,
                mono_base_ns=world.mono_base_ns,
                engine=place.engine,
            )
            with self._folder.status_path.open("ab", buffering=0) as status_file:
                await self._on_place(world, place, status_file)

    async def _on_place(self, world: RealWorld, place: Cluster, status_file: BinaryIO) -> None:
        if self._experiment.tcpdump:
            self._traffic = Traffic(place.nodes)
            with self._phase("keeping traffic"):
                await self._traffic.keep()
        monitor = Monitor(world, self._system, place.nodes, status_file.write, wall_base_ns=world.wall_base_ns)
        self._progress.leader = lambda: _leader_words(monitor)
        monitor.start()
        try:
            with self._phase("waiting for a leader", LEADER_DEADLINE_S):
                await wait_leader(world, monitor, LEADER_DEADLINE_S)
            with closing(Recorder(self._folder.history_path, world.now)) as recorder:
                recorder.subscribe(self._progress.observe)
                await self._drive(world, place, monitor, recorder)
        finally:
            monitor.stop()
            with self._phase("collecting logs"):
                await self._collect(place)
            self._save_run(phases=self._phases, run_seconds=world.now() / 1e9)

    async def _drive(self, world: RealWorld, place: Cluster, monitor: Monitor, recorder: Recorder) -> None:
        """The clients' part. From here on trouble is kept, not raised."""
        able = place.able(world, self._system).without(lacking(self._system))
        stage = Stage(world, self._system, place.nodes, able)
        self._conductor = Conductor(self._plan, stage, monitor, recorder, self._phase)
        if self.stopped:
            self._conductor.stop()
        try:
            await self._conductor.conduct()
        except (RaftstormError, HealFailed) as error:
            log.error("%s", error)
            self._trouble(str(error))
        except Exception as error:
            log.exception("a mistake of the harness's own")
            self._trouble(f"A mistake of raftstorm's own: {type(error).__name__}: {error}; harness.log shows where.")

    def _trouble(self, sentence: str) -> None:
        self._shown.say(sentence)
        self._save_run(trouble=sentence)

    async def _collect(self, place: Cluster) -> None:
        """Every node's logs and traces. A node that cannot be reached loses its own alone."""
        await asyncio.gather(*(self._collect_node(node) for node in place.nodes))

    async def _collect_node(self, node: Node) -> None:
        target = self._folder.node_folder(node.name)
        target.mkdir(parents=True, exist_ok=True)
        if self._traffic is not None:
            await self._traffic.collect(node, target)
        for name, path in self._system.log_files(node).items():
            try:
                (target / name).write_bytes(await node.control.read_file(path))
            except (RaftstormError, OSError) as error:
                log.warning("%s of %s was not collected: %s", name, node.name, error)


def _node_facts(node: Node) -> dict[str, Any]:
    return {"name": node.name, "host": node.host, "port": node.port, "peer_address": node.peer_address}


def _leader_words(monitor: Monitor) -> str:
    leader = monitor.leader()
    return "none seen" if leader is None else f"{leader.id} in term {leader.term}"
