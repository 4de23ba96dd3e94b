"""Judging a run: from a run folder to verdict.json, report.html and junit.xml.

A fresh run and a stored one are judged by the same code, from what is on disk alone: the experiment (run.json), the
history, the nodes' traces. Each workload's checkers see that workload's operations; beside them stand the checkers
that every run has: were the faults real, was there one leader a term, did the state machines agree.
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
from pathlib import Path
from typing import Any, Final

import msgspec

from checkers.checker import Budget, Checker, Recording, serial_map
from checkers.faults import FaultCoverage, coverage
from checkers.history import History, HistoryError, decode
from checkers.judge import judge
from checkers.logs import NodeLogs
from checkers.stats import COMPLETIONS, latencies
from checkers.traces import ElectionSafety, StateMachineSafety
from checkers.verdict import Result, Verdict, merge
from harness import plugins
from harness.errors import BadInput
from harness.experiment import READ_MODES, Experiment
from harness.workload import Workload
from results.junit import write_junit
from results.report import render
from results.store import RunFolder

Budgets = Callable[[], Budget]

TIME_LIMIT_S: Final = 300.0
"""Of each checker."""
PARALLEL_FROM: Final = 50_000
"""Operations from which on starting processes pays."""


def judge_run(folder: RunFolder, *, time_limit_s: float = TIME_LIMIT_S) -> dict[str, Any]:
    """Judges a run folder and stores the answer; returns the object of verdict.json.

    Raises StoreError, HistoryError and BadInput where the folder does not hold what a run folder holds."""
    began = time.monotonic()
    run = folder.run()
    experiment = stored_experiment(run)
    history = folder.history()
    workloads: list[Workload] = [plugins.load("workload", name) for name in experiment.workload]
    recording = Recording(history, folder.traces(), folder.logs(), experiment.nemesis)
    results = _judge_all(workloads, experiment, recording, time_limit_s)
    verdict = _verdict_object(results, history, experiment.nemesis)
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


def judge_history_file(path: Path, *, time_limit_s: float = TIME_LIMIT_S) -> dict[str, Any]:
    """Judges a history.jsonl that stands alone: what can be known of it without traces, by the workload that each
    operation's key belongs to. Raises BadInput where it cannot be read or is no history."""
    began = time.monotonic()
    try:
        history = decode(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except HistoryError as error:
        raise BadInput(f"{path} is not a history: {error}.") from error
    workloads = [plugins.load("workload", name) for name in plugins.names("workload")]
    used = [workload for workload in workloads if any(map(workload.owns, history.operations))]
    if not used:
        raise BadInput(
            f"{path} holds no operation of a workload that there is: {', '.join(plugins.names('workload'))}."
        )
    with _budget(time_limit_s, len(history.operations)) as budget:
        results = [
            result
            for workload in used
            for result in _workload_results([workload], _promised(history, workload), Recording(history), budget)
        ]
    verdict = _verdict_object(results, history, ())
    return verdict | {"source": str(path), "seed": None, "seconds": round(time.monotonic() - began, 3)}


def _promised(history: History, workload: Workload) -> Experiment:
    """The experiment as far as a history tells it: which read mode was asked for. Raises BadInput for several."""
    own = filter(workload.owns, history.operations)
    modes = {operation.invoke.read for operation in own if operation.invoke.read is not None}
    if len(modes) > 1 or not modes <= {*READ_MODES}:
        raise BadInput(
            f"The reads of {workload.name} were asked for as {', '.join(sorted(modes))}: judged is one of "
            f"{', '.join(READ_MODES)}."
        )
    return Experiment(read_mode=next(iter(modes), None))


def stored_experiment(run: Mapping[str, Any]) -> Experiment:
    """The experiment in run.json. Raises BadInput."""
    try:
        return msgspec.convert(run.get("options", {}), Experiment)
    except msgspec.ValidationError as error:
        raise BadInput(f"run.json holds no experiment of this version of raftstorm: {error}.") from error


def _judge_all(
    workloads: Sequence[Workload], experiment: Experiment, recording: Recording, time_limit_s: float
) -> list[Result]:
    common: list[Checker] = [ElectionSafety(), StateMachineSafety(), NodeLogs()]
    if experiment.nemesis:
        common.insert(0, FaultCoverage())
    with _budget(time_limit_s, len(recording.history.operations)) as budget:
        results = list(_workload_results(workloads, experiment, recording, budget))
        return [*results, *judge(common, recording, budget, time.monotonic)]


def _workload_results(
    workloads: Sequence[Workload], experiment: Experiment, recording: Recording, budget: Budgets
) -> Iterator[Result]:
    for workload in workloads:
        own = replace(recording, history=only(recording.history, workload))
        for result in judge(workload.checkers(experiment.workload_options), own, budget, time.monotonic):
            result.checker = f"{workload.name}: {result.checker}"
            yield result


def only(history: History, workload: Workload) -> History:
    """The history with one workload's operations alone. Event indexes stay as they are."""
    kept: set[int] = set()
    for operation in history.operations:
        if workload.owns(operation):
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
def _budget(time_limit_s: float, operations: int) -> Iterator[Budgets]:
    """Budgets of `time_limit_s` seconds each, from when they are made."""
    if operations < PARALLEL_FROM or (os.cpu_count() or 1) == 1:
        yield lambda: Budget(Deadline(time.monotonic() + time_limit_s), serial_map)
        return
    with ProcessPoolExecutor(mp_context=get_context("forkserver")) as pool:

        def parallel_map(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            return pool.map(function, items)

        yield lambda: Budget(Deadline(time.monotonic() + time_limit_s), parallel_map)


def _verdict_object(results: Sequence[Result], history: History, asked_faults: Sequence[str]) -> dict[str, Any]:
    outcomes = Counter(operation.outcome for operation in history.operations)
    anomalies = [
        msgspec.to_builtins(anomaly) | {"checker": result.checker} for result in results for anomaly in result.anomalies
    ]
    return {
        "verdict": merge(result.verdict for result in results).value,
        "operations": {"total": len(history.operations)}
        | {outcome.value: outcomes[outcome] for outcome in COMPLETIONS},
        "anomalies": anomalies,
        "checkers": [msgspec.to_builtins(result) for result in results],
        "faults": coverage(history.nemesis, asked_faults),
        "latencies": latencies(history.operations),
        "history_cut": history.cut,
    }


def _add_trouble(verdict: dict[str, Any], trouble: str) -> None:
    """A run in which the harness itself failed, or which could not be healed, is not valid."""
    result = Result(checker="run", verdict=Verdict.UNKNOWN, reason=trouble)
    verdict["checkers"].append(msgspec.to_builtins(result))
    verdict["verdict"] = merge([Verdict(verdict["verdict"]), Verdict.UNKNOWN]).value
