"""Small trials, and made-up outcomes."""

from __future__ import annotations

from typing import Any, Final

from checkers.verdict import Verdict
from harness.experiment import Experiment, build
from harness.exploring.trial import DEFAULTS, Found, Outcome, Trial, run_trial

BUGGY: Final = {"bug": "short-majority"}
"""Two of five elect a leader: most seeds show it."""
MOST_SEEDS: Final = 30

FOUND: Final = Found("simulation", "safety", "at 1.000 s: election safety: n1 and n2 both lead term 3")


def experiment(**options: Any) -> Experiment:
    return build(
        DEFAULTS,
        {"seed": 1, "workload": "register,follower-reads"}
        | {name.replace("_", "-"): value for name, value in options.items()},
    )


def first_finding(**options: Any) -> tuple[Experiment, Outcome]:
    """The first seed that fails."""
    for seed in range(1, MOST_SEEDS):
        tried = experiment(seed=seed, **options)
        outcome = run_trial(Trial(tried))
        assert outcome.trouble is None
        if outcome.findings:
            return tried, outcome
    raise AssertionError(f"{options} is not found in {MOST_SEEDS} seeds")


def outcome(seed: int = 1, *, found: bool = False, states: tuple[int, ...] = (), **facts: Any) -> Outcome:
    """State number s is reached at s seconds."""
    return Outcome(
        seed=seed,
        verdict=Verdict.INVALID if found else Verdict.VALID,
        findings=(FOUND,) if found else (),
        virtual_s=20.0,
        cpu_s=0.5,
        states=tuple((state, float(state)) for state in states),
        **facts,
    )
