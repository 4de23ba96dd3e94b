"""Judging a run: from a run folder to verdict.json, report.html and junit.xml.

A fresh run and a stored one are judged by the same code, from what is on disk alone: the experiment (run.json), the
history, the nodes' logs and traces. Each workload's checkers see that workload's operations; beside them stand those of
the system, for what its nodes wrote down (was there one leader a term, did the state machines agree, did a server fail
by itself), and those that every run has: were the faults real, did a client fail by itself, how much was served.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Any, Final

import msgspec

from checkers.checker import Budget, Checker, Recording, serial_map
from checkers.events import NEMESIS, EventType
from checkers.faults import FaultCoverage, coverage
from checkers.history import History, Operation
from checkers.invariants import Availability, UnhandledExceptions
from checkers.judge import judge
from checkers.stats import latencies
from checkers.verdict import Anomaly, Result, Verdict, merge
from harness import plugins
from harness.errors import BadInput
from harness.experiment import Experiment
from harness.system import System
from harness.workload import Workload
from results.junit import write_junit
from results.report import render
from results.store import RunFolder

Budgets = Callable[[], Budget]

TIME_LIMIT_S: Final = 300.0
"""Of each checker."""
PARALLEL_FROM: Final = 50_000
"""Operations from which on starting processes pays."""


def judge_run(folder: RunFolder, *, time_limit_s: float = TIME_LIMIT_S, jobs: int | None = None) -> dict[str, Any]:
    """Judges a run folder and stores the answer; returns the object of verdict.json.

    Raises StoreError, HistoryError and BadInput where the folder does not hold what a run folder holds."""
    began = time.monotonic()
    run = folder.run()
    experiment = stored_experiment(run)
    history = folder.history()
    recording = Recording(history, folder.traces(), folder.logs(), experiment.nemesis)
    results = judge_all(experiment, recording, run.get("simulation"), time_limit_s, jobs)
    verdict = verdict_object(results, history, experiment.nemesis)
    verdict |= {
        "run": str(folder.path),
        "seed": run.get("seed"),
        "phases": run.get("phases", []),
        "seconds": round(run.get("run_seconds", 0.0) + time.monotonic() - began, 3),
    }
    if trouble := run.get("trouble"):
        _add_trouble(verdict, trouble)
    folder.save_verdict(verdict)
    write_junit(folder.path)
    render(folder.path)
    return verdict


def stored_experiment(run: Mapping[str, Any]) -> Experiment:
    """The experiment in run.json. Raises BadInput."""
    try:
        return msgspec.convert(run.get("options", {}), Experiment)
    except msgspec.ValidationError as error:
        raise BadInput(f"run.json holds no experiment of this version of raftstorm: {error}.") from error


def judge_all(
    experiment: Experiment,
    recording: Recording,
    simulation: Mapping[str, Any] | None,
    time_limit_s: float,
    jobs: int | None,
) -> list[Result]:
    """By all checkers of a run. `simulation`: as in run.json, None where there was none."""
    workloads: list[Workload] = [plugins.load("workload", name) for name in experiment.workload]
    system: System = plugins.load("system", experiment.system)
    common: list[Checker] = [
        *system.checkers(),
        UnhandledExceptions(),
        Availability(
            {workload.name: workload.owns for workload in workloads},
            least_share=None if experiment.least_served is None else experiment.least_served / 100,
            longest_gap_s=experiment.longest_gap,
            longest_recovery_s=experiment.longest_recovery,
        ),
    ]
    if experiment.nemesis:
        common.insert(0, FaultCoverage())
    with budgets(time_limit_s, len(recording.history.operations), jobs) as budget:
        results = list(workload_results(workloads, experiment, recording, budget))
        results += judge(common, recording, budget, time.monotonic)
    return results if simulation is None else [*results, simulation_result(simulation)]


def simulation_result(simulation: Mapping[str, Any]) -> Result:
    """What the simulator saw at the nodes themselves, each a finding: `findings`. It judged the nodes' `steps`."""
    anomalies = [
        Anomaly(kind=finding["kind"], text=f"at {finding['time'] / 1e9:.3f} s: {finding['text']}")
        for finding in simulation["findings"]
    ]
    return Result(
        checker="simulation",
        verdict=Verdict.INVALID if anomalies else Verdict.VALID,
        anomalies=anomalies,
        operations=simulation.get("steps", 0),
        details={
            "promise": "Raft's five safety properties, and the rules they rest on, hold at every step; without faults "
            "there is progress."
        },
    )


def workload_results(
    workloads: Sequence[Workload], experiment: Experiment, recording: Recording, budget: Budgets
) -> Iterator[Result]:
    for workload in workloads:
        own = replace(recording, history=only(recording.history, workload.owns))
        for result in judge(workload.checkers(experiment.workload_options), own, budget, time.monotonic):
            result.checker = f"{workload.name}: {result.checker}"
            yield result


def only(history: History, kind: Callable[[Operation], bool]) -> History:
    """The history with the operations of one kind alone, and what the nemesis did. Event indexes stay as they are."""
    kept = {event.index for event in history.nemesis}
    for operation in history.operations:
        if kind(operation):
            kept.add(operation.invoke.index)
            if operation.completion is not None:
                kept.add(operation.completion.index)
    return History([event for event in history.events if event.index in kept], history.cut)


@dataclass(frozen=True)
class Deadline:
    """Seconds left until a moment of the monotonic clock, which is the same in every process of this machine. An
    object, not a closure: it goes to other processes."""

    at_s: float

    def __call__(self) -> float:
        return self.at_s - time.monotonic()


@contextmanager
def budgets(time_limit_s: float, operations: int, jobs: int | None = None) -> Iterator[Budgets]:
    """Budgets of `time_limit_s` seconds each, from when they are made. `jobs`: how many processes judge keys; None:
    as many as there are processors, where operations are so many that it pays to start them."""
    if jobs is None:
        jobs = 1 if operations < PARALLEL_FROM else os.cpu_count() or 1
    if jobs == 1:
        yield lambda: Budget(Deadline(time.monotonic() + time_limit_s), serial_map)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("forkserver")) as pool:

        def parallel_map(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            return pool.map(function, items)

        yield lambda: Budget(Deadline(time.monotonic() + time_limit_s), parallel_map)


def verdict_object(results: Sequence[Result], history: History, asked_faults: Sequence[str]) -> dict[str, Any]:
    anomalies = [
        msgspec.to_builtins(anomaly) | {"checker": result.checker} for result in results for anomaly in result.anomalies
    ]
    return {
        "verdict": merge(result.verdict for result in results).value,
        "operations": _counts(history),
        "anomalies": anomalies,
        "checkers": [msgspec.to_builtins(result) for result in results],
        "faults": coverage(history.nemesis, asked_faults),
        "latencies": latencies(history.operations),
        "history_cut": history.cut,
    }


def _counts(history: History) -> dict[str, int]:
    """Operations by outcome; what never ended is unknown."""
    types = Counter(event.type for event in history.events if event.process != NEMESIS)
    ok, fail, total = types[EventType.OK], types[EventType.FAIL], types[EventType.INVOKE]
    return {"total": total, "ok": ok, "fail": fail, "info": total - ok - fail}


def _add_trouble(verdict: dict[str, Any], trouble: str) -> None:
    """A run in which the harness itself failed, or which could not be healed, is not valid."""
    result = Result(checker="run", verdict=Verdict.UNKNOWN, reason=trouble)
    verdict["checkers"].append(msgspec.to_builtins(result))
    verdict["verdict"] = merge([Verdict(verdict["verdict"]), Verdict.UNKNOWN]).value
