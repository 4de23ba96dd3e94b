"""One trial: simulated and judged in memory, the same every time."""

from __future__ import annotations

import pickle
import shlex

import pytest

from checkers.verdict import Verdict
from harness.cli.run import run
from harness.cluster.simulation.simulate import simulate
from harness.experiment import build
from harness.exploring.trial import Trial, replay_command, run_trial
from tests.exploring.simulated import BUGGY, experiment, first_finding


def test_a_bug_is_found_and_found_again() -> None:
    tried, outcome = first_finding(**BUGGY)
    assert outcome.verdict is Verdict.INVALID
    assert any(found.checker == "simulation" and found.kind == "safety" for found in outcome.findings)
    again = run_trial(Trial(tried, coverage=True))
    assert (again.digest, again.findings) == (outcome.digest, outcome.findings)
    assert again.states
    assert not outcome.states
    assert pickle.loads(pickle.dumps(again)) == again


def test_what_is_unknown_is_no_finding() -> None:
    outcome = run_trial(Trial(experiment(rate=1, time_limit=2, nemesis="none")))
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.reasons
    assert not outcome.findings
    assert outcome.trouble is None


def test_a_mistake_of_the_harness_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr("harness.cluster.simulation.simulate.simulate", fail)
    outcome = run_trial(Trial(experiment()))
    assert outcome.verdict is Verdict.UNKNOWN
    assert "by us" in (outcome.trouble or "")


def test_a_fork_leaves_what_was_before_it() -> None:
    plain, forked = (simulate(experiment(time_limit=6, fork=fork)) for fork in ((), ("3:1",)))
    common = sum(1 for one, other in zip(plain.history, forked.history, strict=False) if one == other)
    before = [line for line in plain.history if int(line.split(b'"time":')[1].split(b",")[0]) < 3_000_000_000]
    assert len(before) > 20
    assert forked.history[: len(before)] == before
    assert common < len(plain.history)
    assert forked.digest != plain.digest


def test_the_replay_command_makes_the_same_experiment() -> None:
    tried = experiment(fork=("1.5:2", "3:1:network+machine"), nodes=3, **BUGGY)
    words = shlex.split(replay_command(tried))
    assert words[:2] == ["raftstorm", "run"]
    parsed = run.make_context("run", words[2:]).params
    given = {
        name.replace("_", "-"): value
        for name, value in parsed.items()
        if value is not None and name not in ("as_json", "debug", "experiment")
    }
    assert build(given) == tried
