"""`raftstorm explore`, over real simulations."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.exploring.book import open_book
from harness.exploring.pool import Pool, interruptible
from harness.exploring.trial import Trial
from harness.judging import stored_experiment
from results.store import RunFolder
from tests.command import command
from tests.exploring.simulated import experiment, outcome

SMALL = ("--time-limit", "4", "--nemesis", "none", "--jobs", "1", "--workload", "register")


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def explore(*arguments: str) -> int:
    """Its exit code."""
    return command("explore", *arguments)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return said


def test_a_bug_is_found_and_kept_as_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        explore("--bug", "short-majority", "--seed", "1", "--runs", "40", "--jobs", "1", "--name", "s", "--json") == 1
    )
    said = told(capsys)
    assert said["verdict"] == "invalid"
    assert said["states"] > 0
    [finding] = said["findings"]
    folder = RunFolder(Path(finding["run"]))
    run = folder.run()
    assert run["command"] == finding["command"]
    assert run["simulation"]["digest"] == finding["digest"]
    assert stored_experiment(run).bug == "short-majority"
    verdict = folder.verdict()
    assert verdict is not None
    assert verdict["verdict"] == "invalid"
    assert folder.report_path.exists()


def test_nothing_found_and_going_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert explore(*SMALL, "--runs", "2", "--seed", "5", "--name", "quiet") == 0
    assert "nothing was found" in capsys.readouterr().out
    assert explore("--resume", "results/explore/quiet", "--runs", "1", "--jobs", "1", "--json") == 0
    said = told(capsys)
    assert said["runs"] == 3
    assert said["verdict"] == "valid"


@pytest.mark.parametrize(("asked", "learns"), [((), False), (("--blind",), False), (("--learn",), True)])
def test_whether_it_learns_is_kept(asked: tuple[str, ...], learns: bool) -> None:
    assert explore(*SMALL, *asked, "--runs", "1", "--seed", "5", "--name", "kept") == 0
    assert open_book(Path("results/explore/kept")).search.learns is learns


def test_processes_give_the_same_outcomes() -> None:
    trials = [Trial(experiment(seed=seed, time_limit=3, nemesis="none"), seed) for seed in (1, 2)]

    def outcomes(jobs: int) -> dict[int, str]:
        waiting = list(trials)
        with Pool(jobs) as pool:
            return {o.number: o.digest for _, o in pool.run(lambda: waiting.pop() if waiting else None)}

    assert outcomes(2) == outcomes(1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--bug", "no-such-bug"), "no-such-bug"),
        (("--runs", "0"), "--runs takes more than 0"),
        (("--resume", "nowhere"), "holds no search"),
        (("--resume", "nowhere", "--seed", "3"), "leave --seed out"),
        (("--resume", "nowhere", "--learn"), "leave --learn out"),
        (("--resume", "nowhere", "--blind"), "leave --blind out"),
        (("--nodes", "99"), "--nodes"),
        (("--workload", "registre"), "register"),
    ],
)
def test_what_cannot_be_searched(arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert explore(*arguments) == 3
    assert sentence in capsys.readouterr().err
    assert not Path("results").exists()


def test_the_first_interrupt_ends_in_order_and_the_second_at_once() -> None:
    said: list[str] = []

    def interrupted(trial: Trial) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return outcome()

    with interruptible(said.append) as stopping, Pool(1, interrupted) as pool:
        first = pool.run(lambda: None if stopping() else Trial(experiment()))
        assert len(list(first)) == 1
        with pytest.raises(KeyboardInterrupt):
            list(pool.run(lambda: Trial(experiment())))
    assert len(said) == 1
