"""A workload, run whole in the virtual world against a system in memory, and judged."""

from __future__ import annotations

from pathlib import Path

from checkers.checker import Budget, Recording
from checkers.history import History, decode
from checkers.judge import judge_one
from checkers.verdict import Verdict
from harness import generator as gen
from harness.interpreter import Interpreter
from harness.recorder import Recorder
from harness.workload import Workload, WorkloadOptions
from harness.world.virtual import VirtualWorld
from tests.workloads.memory import MemorySystem, make_nodes

OPTIONS = WorkloadOptions(keys=3, ops_per_key=60, call_timeout_s=1.0)
NODES = make_nodes(3)


class Run:
    """A run of some seconds at 200 operations a second by six processes, with final reads."""

    def __init__(
        self,
        workload: Workload,
        folder: Path,
        *,
        options: WorkloadOptions = OPTIONS,
        seed: int = 1,
        bug: str | None = None,
        crashes: bool = False,
        seconds: float = 4.0,
        processes: int = 6,
    ) -> None:
        self.world = VirtualWorld(seed)
        self.system = MemorySystem(self.world, NODES, bug=bug)
        path = folder / "history.jsonl"
        with Recorder(path, self.world.now) as recorder:
            factory = workload.client(self.system, NODES, options)
            self._interpreter = Interpreter(self.world, factory, recorder, concurrency=processes, call_timeout_s=1.0)
            main = gen.time_limit(seconds, gen.rate(200, workload.generator(options, processes)))
            self.world.run(self._both(workload, options, main, crashes))
        self.keys = self._interpreter.keys
        self.history: History = decode(path.read_bytes())
        recording = Recording(self.history)
        checkers = workload.checkers(options)
        results = [judge_one(checker, recording, Budget(), lambda: 0.0) for checker in checkers]
        self.results = {result.checker: result for result in results}

    async def _both(self, workload: Workload, options: WorkloadOptions, main: gen.Generator, crashes: bool) -> None:
        crashing = self.world.spawn(self._crash(), name="crash") if crashes else None
        await self._interpreter.run(main)
        if crashing is not None:
            await crashing
        self.final_from = self.world.now()
        await self._interpreter.run(
            workload.final_generator(options, self._interpreter.concurrency, self._interpreter.keys)
        )
        await self._interpreter.close()

    async def _crash(self) -> None:
        for node in NODES:
            await self.world.sleep(0.7)
            self.system.crash(node.name)
            await self.world.sleep(0.3)
            self.system.listen(node.name)

    def verdicts(self) -> dict[str, Verdict]:
        return {name: result.verdict for name, result in self.results.items()}
