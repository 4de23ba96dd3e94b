"""Judging a history that stands alone: a file of ours or of another tool, without traces, logs or an experiment.

By a model (checkers/library.py), whatever the format. Or, where no model is named, and the history is one of ours, by
the workload that each operation's key belongs to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from checkers import library
from checkers.checker import Recording
from checkers.formats import AUTO, UnknownFormat, read
from checkers.history import READS, History, HistoryError, Operation
from checkers.library import BadInitial, UnknownModel
from checkers.verdict import Result
from harness import plugins
from harness.client import READ_MODES
from harness.errors import BadInput
from harness.experiment import Experiment
from harness.judging import TIME_LIMIT_S, Budgets, budgets, only, verdict_object, workload_results
from harness.workload import Workload


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a history is to be judged. `initial` and `nil_reads_say_nothing` as in checkers/library.py."""

    model: str | None = None
    format: str = AUTO
    initial: Any = library.DEFAULT
    nil_reads_say_nothing: bool | None = None
    time_limit_s: float = TIME_LIMIT_S
    jobs: int | None = None


def judge_lone(source: str, data: bytes, asked: Asked) -> tuple[dict[str, Any], History]:
    """The object that --json prints, and the history. `source` names the bytes in sentences.

    Raises BadInput where they are no history, where something was asked for that does not exist, and where the history
    holds operations that nobody can judge."""
    began = time.monotonic()
    try:
        history, format_ = _read(data, asked)
        results = _by_workloads(source, history, asked) if asked.model is None else [_by_model(history, asked)]
    except HistoryError as error:
        raise BadInput(f"{source} cannot be judged: {error}.") from error
    except (UnknownModel, UnknownFormat, BadInitial) as error:
        raise BadInput(str(error)) from error
    verdict = verdict_object(results, history, ())
    _point_into_file(verdict, history)
    return verdict | {
        "source": source,
        "format": format_,
        "model": asked.model,
        "algorithm": results[0].algorithm if asked.model is not None else None,
        "seed": None,
        "timed": history.timed,
        "seconds": round(time.monotonic() - began, 3),
    }, history


def _read(data: bytes, asked: Asked) -> tuple[History, str]:
    if asked.model is not None:
        library.checker_for(asked.model, initial=asked.initial)  # a wrong request is told before a long file is read
        silent = asked.nil_reads_say_nothing
        return library.load(data, asked.model, format=asked.format, nil_reads_say_nothing=silent)
    history, format_ = read(data, asked.format)
    if format_ != "raftstorm":
        raise BadInput(
            f"A history in {format_} does not say what it is of: name it with --model, "
            f"one of {', '.join(library.MODELS)}."
        )
    return history, format_


def _by_model(history: History, asked: Asked) -> Result:
    assert asked.model is not None
    with budgets(asked.time_limit_s, len(history.operations), asked.jobs) as budget:
        return library.check(history, asked.model, initial=asked.initial, budget=budget(), clock=time.monotonic)


def _by_workloads(source: str, history: History, asked: Asked) -> list[Result]:
    workloads: list[Workload] = [plugins.load("workload", name) for name in plugins.names("workload")]
    used = [workload for workload in workloads if any(map(workload.owns, history.operations))]
    if not used:
        raise BadInput(
            f"{source} holds no operation of a workload that there is ({', '.join(plugins.names('workload'))}); "
            "--model judges it by what it is of."
        )
    with budgets(asked.time_limit_s, len(history.operations), asked.jobs) as budget:
        return [result for workload in used for result in _by_workload(workload, history, budget)]


def _by_workload(workload: Workload, history: History, budget: Budgets) -> Iterator[Result]:
    """Each read mode promises something else, so each is judged by itself, beside the writes."""
    modes = _read_modes(workload, history)
    for mode in modes:
        shown = history if len(modes) == 1 else only(history, partial(_without_other_reads, mode))
        for result in workload_results([workload], Experiment(read_mode=mode), Recording(shown), budget):
            if len(modes) > 1:
                result.checker = f"{result.checker} ({mode or 'unnamed'} reads)"
            yield result


def _read_modes(workload: Workload, history: History) -> list[str | None]:
    """The modes that the reads were asked for in, as far as a history tells it: None for reads that name none, and
    where there are no reads. Raises BadInput for what is no mode."""
    own = [operation for operation in history.operations if workload.owns(operation)]
    named = {operation.invoke.read for operation in own if operation.invoke.read is not None}
    if not named <= {*READ_MODES}:
        raise BadInput(
            f"The reads of {workload.name} were asked for as {', '.join(sorted(named - {*READ_MODES}))}: "
            f"there are {', '.join(READ_MODES)}."
        )
    unnamed = any(operation.f in READS and operation.invoke.read is None for operation in own)
    return [*([None] if unnamed or not named else []), *sorted(named)]


def _without_other_reads(mode: str | None, operation: Operation) -> bool:
    asked = operation.invoke.read
    return asked == mode or (asked is None and operation.f not in READS)


def _point_into_file(verdict: dict[str, Any], history: History) -> None:
    """Anomalies name events by position; people look for lines."""
    for anomaly in verdict["anomalies"]:
        anomaly["lines"] = [history.line_of(index) for index in anomaly["operations"]]
    if not history.timed:
        verdict["latencies"] = []
