"""A trial: one experiment with one seed, simulated and judged in memory, and what came of it in a few words."""

from __future__ import annotations

import shlex
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from checkers.checker import Recording
from checkers.events import EventType
from checkers.history import History, decode
from checkers.verdict import Result, Verdict, merge
from harness.experiment import Experiment, flags
from harness.judging import judge_all
from harness.script import Script

if TYPE_CHECKING:
    from harness.cluster.simulation.simulate import Simulated

CHECKER_LIMIT_S: Final = 60.0
"""Of each checker, in a trial: a time-out is no finding."""
DEFAULTS: Final[Mapping[str, Any]] = {"cluster": "sim", "workload": "all", "time-limit": 20.0, "rate": 60.0}
"""Of searches, where they differ from those of a run: shorter and calmer runs are more runs, and more beginnings; of
all workloads each run draws some."""
OWN: Final = ("runs", "name", "results", "keep")
"""Options that say nothing about what happens in a trial."""


@dataclass(frozen=True)
class Trial:
    """`experiment` has its seed. `script`: in the place of what would be drawn. `coverage`: whether the states that it
    reaches are of interest."""

    experiment: Experiment
    number: int = 0
    parent: int | None = None
    """The number of the trial that it is a variation of."""
    script: Script | None = None
    coverage: bool = False


class Found(msgspec.Struct, frozen=True):
    """The first anomaly of its kind that a checker found."""

    checker: str
    kind: str
    text: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0
    """The trial's, in its search."""
    parent: int | None = None
    """The number of the trial that it was a variation of."""
    seed: int
    fork: tuple[str, ...] = ()
    verdict: Verdict
    findings: tuple[Found, ...] = ()
    """None where it is unknown: too few operations, or a fault that never took effect, are no finding."""
    reasons: tuple[str, ...] = ()
    """Why it is unknown."""
    trouble: str | None = None
    """A mistake of raftstorm's own that ended it: a traceback."""
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    """Simulating and judging."""
    digest: str = ""
    faults: dict[str, int] = {}
    """Those that took effect, by kind."""
    states: tuple[tuple[int, float], ...] = ()
    """Fingerprints of states (harness/cluster/simulation/coverage.py), each with the time (s) at which it was first
    reached, the oldest first."""


def run_trial(trial: Trial) -> Outcome:
    """Raises nothing: what goes wrong in the harness is the outcome's `trouble`."""
    seed = trial.experiment.seed
    assert seed is not None
    began = time.process_time()
    try:
        outcome = _simulated(trial, seed)
    except Exception:
        outcome = Outcome(seed=seed, verdict=Verdict.UNKNOWN, trouble=traceback.format_exc())
    return msgspec.structs.replace(
        outcome,
        number=trial.number,
        parent=trial.parent,
        fork=trial.experiment.fork,
        cpu_s=round(time.process_time() - began, 3),
    )


def _simulated(trial: Trial, seed: int) -> Outcome:
    from harness.cluster.simulation.coverage import Coverage  # the node's code, which most commands have no use for
    from harness.cluster.simulation.simulate import simulate

    coverage = Coverage() if trial.coverage else None
    simulated = simulate(trial.experiment, witness=coverage, script=trial.script)
    history = decode(b"".join(simulated.history))
    results = judge_simulated(simulated, history)
    verdict = merge(result.verdict for result in results)
    return Outcome(
        seed=seed,
        verdict=verdict,
        findings=tuple(first_findings(results)) if verdict is Verdict.INVALID else (),
        reasons=tuple(f"{result.checker}: {result.reason}" for result in results if result.verdict is Verdict.UNKNOWN),
        virtual_s=round(simulated.end / 1e9, 3),
        digest=simulated.digest,
        faults=dict(_effective(history)),
        states=tuple((state, round(at / 1e9, 6)) for state, at in coverage.fingerprints()) if coverage else (),
    )


def judge_simulated(simulated: Simulated, history: History) -> list[Result]:
    """As judge_run judges its folder."""
    experiment = simulated.experiment
    recording = Recording(
        history,
        {name: [msgspec.json.decode(line) for line in lines] for name, lines in simulated.traces.items()},
        {name: "\n".join(lines) for name, lines in simulated.logs.items()},
        experiment.nemesis,
    )
    seen = {"findings": msgspec.to_builtins(simulated.findings), "steps": simulated.steps}
    return judge_all(experiment, recording, seen, CHECKER_LIMIT_S, 1)


def first_findings(results: Iterable[Result]) -> Iterable[Found]:
    seen: set[tuple[str, str]] = set()
    for result in results:
        for anomaly in result.anomalies if result.verdict is Verdict.INVALID else ():
            if (result.checker, anomaly.kind) not in seen:
                seen.add((result.checker, anomaly.kind))
                yield Found(result.checker, anomaly.kind, anomaly.text)


def _effective(history: History) -> Counter[str]:
    return Counter(
        event.f
        for event in history.nemesis
        if event.type is EventType.OK and isinstance(event.value, dict) and event.value.get("action") == "begin"
    )


def replay_command(experiment: Experiment, left_out: Sequence[str] = ()) -> str:
    """What makes the run again, and keeps it."""
    return shlex.join(["raftstorm", "run", *flags(experiment, (*OWN, *left_out))])
