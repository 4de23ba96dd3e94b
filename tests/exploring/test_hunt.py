"""`raftstorm bugs hunt`: the matrix, over made-up trials; one real bug; and runs on Docker, played by a fake."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.verdict import Verdict
from harness.cli.hunt import DockerWork
from harness.errors import BadInput
from harness.experiment import Experiment, build
from harness.exploring.hunt import Hunt, Hunting, Record, Row, told
from harness.exploring.pool import Pool
from harness.exploring.trial import Outcome, Trial
from results.store import RunFolder
from tests.command import command
from tests.exploring.simulated import experiment, outcome

HUNTING = Hunting(options={"nodes": 5}, first_seed=1, version="0")
NEVER = 1 << 30
FOUND_AT = {"easy": 1, "hard": 7, "too-hard": NEVER, None: NEVER}
"""The seed at which each is found."""


pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


class Clock:
    """Each trial takes ten seconds."""

    def __init__(self) -> None:
        self.s = 0.0
        self.tried: list[tuple[str | None, int]] = []

    def __call__(self, trial: Trial) -> Outcome:
        self.s += 10
        bug, seed = trial.experiment.bug, trial.experiment.seed or 0
        self.tried.append((bug, seed))
        return outcome(seed, found=seed >= FOUND_AT[bug], number=trial.number)


def hunted(
    clock: Clock, *, seconds_per_bug: float = 100, stops: Callable[[], bool] = lambda: False, runs: int | None = None
) -> dict[str | None, Row]:
    record = Record(Path("hunt.jsonl"), HUNTING)
    hunt = Hunt(experiment(), 1, record, seconds_per_bug, lambda: clock.s, stops, runs)
    with Pool(1, clock) as pool:
        return {row.bug: row for row in hunt.hunt(list(FOUND_AT), pool, lambda row: None)}


def test_the_matrix() -> None:
    rows = hunted(Clock())
    assert list(rows) == ["easy", "hard", "too-hard", None]
    assert {bug: (row.runs, row.wall_s, row.found is not None) for bug, row in rows.items()} == {
        "easy": (1, 10, True),
        "hard": (7, 70, True),
        "too-hard": (10, 100, False),
        None: (10, 100, False),
    }
    assert rows["hard"].virtual_s == 140
    easy = told(rows["easy"], "raftstorm run")
    assert (easy["found"], easy["checkers"], easy["seed"]) == (True, ["simulation"], 1)
    assert told(rows[None], None)["found"] is False


def test_runs_are_limited_where_they_shall_be() -> None:
    assert {bug: row.runs for bug, row in hunted(Clock(), runs=3).items()} == {
        "easy": 1,
        "hard": 3,
        "too-hard": 3,
        None: 3,
    }


def test_a_hunt_goes_on_where_it_was_stopped() -> None:
    """Nothing is tried twice, the time of earlier sessions counts, and the table is that of a hunt that was not
    stopped."""
    first, second = Clock(), Clock()
    assert set(hunted(first, stops=lambda: len(first.tried) >= 4)) == {"easy"}
    rows = hunted(second)
    tried = first.tried + second.tried
    assert len(tried) == len(set(tried)) == 28
    assert {bug: (row.runs, row.wall_s) for bug, row in rows.items()} == {
        "easy": (1, 10),
        "hard": (7, 70),
        "too-hard": (10, 100),
        None: (10, 100),
    }
    third = Clock()
    assert hunted(third).keys() == rows.keys()
    assert not third.tried


def test_a_line_that_was_cut_off_is_tried_again() -> None:
    hunted(Clock(), runs=2)
    path = Path("hunt.jsonl")
    path.write_bytes(path.read_bytes()[:-10])
    again = Clock()
    hunted(again, runs=2)
    assert again.tried == [(None, 2)]


def test_another_hunt_in_the_same_file_is_refused() -> None:
    hunted(Clock(), runs=1)
    with pytest.raises(BadInput, match="other settings"):
        Record(Path("hunt.jsonl"), msgspec.structs.replace(HUNTING, first_seed=2))


def hunt_command(*arguments: str) -> int:
    """Its exit code."""
    return command("bugs", "hunt", *arguments)


def test_a_bug_is_found_in_the_simulator_and_no_bug_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (
        "short-majority",
        "--jobs",
        "1",
        "--runs-per-bug",
        "2",
        "--time-limit",
        "8",
        "--seed",
        "3",
        "--workload",
        "register",
    )
    code = hunt_command(*arguments, "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["bug"] for row in said["bugs"]] == ["short-majority", None]
    assert code == (0 if said["bugs"][0]["found"] else 2)
    assert not said["bugs"][1]["found"]
    assert Path("results/hunts/sim.jsonl").exists()
    assert hunt_command(*arguments) == code
    assert "(no bug)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("short-majoritty",), "short-majority"),
        (("--bug", "short-majority"), "raftstorm bugs hunt short-majority"),
        (("--minutes-per-bug", "0"), "--minutes-per-bug takes more than 0"),
    ],
)
def test_what_cannot_be_hunted(arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert hunt_command(*arguments) == 3
    assert sentence in capsys.readouterr().err


def verdict(found: bool) -> dict[str, Any]:
    anomalies = [{"checker": "register: linearizable", "kind": "stale-read", "text": text} for text in ("one", "two")]
    return {
        "verdict": "invalid" if found else "unknown",
        "anomalies": anomalies if found else [],
        "faults": [{"kind": "kill", "effective": 2, "asked": 3}],
    }


class FakeRuns:
    """In the place of `raftstorm run`: the bug is found with its second seed."""

    def __init__(self, interrupted_at: int = NEVER) -> None:
        self.made: list[tuple[str | None, int | None, str]] = []
        self._interrupted_at = interrupted_at

    def __call__(
        self, experiment: Experiment, folder: RunFolder, progress: object, shown: object
    ) -> tuple[dict[str, Any], bool]:
        assert folder.path.is_dir()
        self.made.append((experiment.bug, experiment.seed, experiment.cluster))
        return verdict(experiment.bug is not None and experiment.seed == 2), len(self.made) >= self._interrupted_at


def test_on_docker_runs_are_made_one_after_another(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = FakeRuns()
    monkeypatch.setattr("harness.cli.run.record_and_judge", runs)
    assert hunt_command("forget-vote", "--cluster", "docker", "--runs-per-bug", "3", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert runs.made == [("forget-vote", 1, "docker"), ("forget-vote", 2, "docker")] + [
        (None, seed, "docker") for seed in (1, 2, 3)
    ]
    found = said["bugs"][0]
    assert (found["runs"], found["seed"], found["checkers"]) == (2, 2, ["register: linearizable"])
    assert found["anomalies"] == [{"checker": "register: linearizable", "kind": "stale-read", "text": "one"}]
    assert found["command"].endswith("--seed 2 --bug forget-vote")
    assert Path("results/hunts/docker.jsonl").exists()


def test_a_run_on_docker_that_was_interrupted_ends_the_hunt(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = FakeRuns(interrupted_at=1)
    monkeypatch.setattr("harness.cli.run.record_and_judge", runs)
    assert hunt_command("forget-vote", "--cluster", "docker") == 2
    assert len(runs.made) == 1


def test_what_only_simulations_show_is_not_hunted_on_docker_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = FakeRuns()
    monkeypatch.setattr("harness.cli.run.record_and_judge", runs)
    hunt_command("--cluster", "docker", "--runs-per-bug", "1")
    made = {bug for bug, _, _ in runs.made}
    assert {"forget-vote", None} <= made
    assert "cut-at-every-append" not in made


def test_the_outcome_of_a_run_on_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.cli.run.record_and_judge", FakeRuns())
    made = DockerWork(lambda text: None)(Trial(build({"seed": 5, "bug": "forget-vote"}), 4))
    assert (made.number, made.seed, made.verdict, made.findings) == (4, 5, Verdict.UNKNOWN, ())
    assert made.faults == {"kill": 2}
