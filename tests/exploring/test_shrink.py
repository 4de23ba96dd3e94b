"""Shrinking: over made-up failures, and one real one from end to end."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkers.verdict import Verdict
from harness.client import Invocation
from harness.exploring.pool import Pool
from harness.exploring.shrink import Failure, Shrinker, Story, cut, failure_of, on_nodes, signature
from harness.exploring.trial import Found, Outcome, Trial, replay_command, run_trial
from harness.script import Script, ScriptedFault
from results.store import RunFolder
from tests.command import command
from tests.exploring.simulated import BUGGY, FOUND, MOST_SEEDS, experiment, first_finding, outcome

SECOND = 1_000_000_000
SIGNATURES = frozenset({signature(FOUND)})


def fault(at_s: float, kind: str = "kill", **exact: Any) -> ScriptedFault:
    return ScriptedFault(at_s, at_s + 2, kind, exact=exact)


def story(*, faults: int = 6, operations: int = 40, **options: Any) -> Story:
    """Fault number i and four operations are at i + 1 seconds."""
    return Story(
        experiment(nemesis="none", **options),
        Script(
            tuple(fault(number + 1, nodes=[f"n{number % 5 + 1}"]) for number in range(faults)),
            tuple(
                Invocation(f="read", key=f"k{number}", time=(number // 4 + 1) * SECOND, process=number % 20)
                for number in range(operations)
            ),
        ),
    )


def shrinker(fails: Callable[[Trial, Script], bool], jobs: int = 1, **options: Any) -> Shrinker:
    def work(trial: Trial) -> Outcome:
        assert trial.script is not None
        assert trial.script.operations
        return outcome(1, found=fails(trial, trial.script), number=trial.number)

    return Shrinker(Pool(jobs, work), SIGNATURES, **options)


def keys(script: Script) -> set[str | None]:
    return {operation.key for operation in script.operations}


def test_what_is_needed_is_what_is_left() -> None:
    def fails(trial: Trial, script: Script) -> bool:
        return {"k3", "k10"} <= keys(script) and any(fault.at_s == 2 for fault in script.faults)

    small = shrinker(fails).shrink(story())
    assert [fault.at_s for fault in small.script.faults] == [2] or small.experiment.nodes == 3
    assert keys(small.script) == {"k3", "k10"}
    assert small.experiment.nodes == 3
    assert small.experiment.time_limit < 6


def test_nodes_that_are_needed_stay() -> None:
    small = shrinker(lambda trial, script: trial.experiment.nodes == 5).shrink(story())
    assert small.experiment.nodes == 5
    assert (len(small.script.faults), len(small.script.operations)) == (0, 1)


def test_what_comes_after_the_failure_goes_first() -> None:
    tried: list[float] = []

    def fails(trial: Trial, script: Script) -> bool:
        tried.append(trial.experiment.time_limit)
        return trial.experiment.time_limit >= 4

    small = shrinker(fails).shrink(story(), after_s=4.0)
    assert tried[0] == 4.5
    assert small.experiment.time_limit <= 4.5


def test_a_failure_of_another_kind_does_not_count() -> None:
    other = Found("register: linearizable", "stale-read", "text")
    assert not shrinker(lambda trial, script: True).fails(msgspec.structs.replace(outcome(), findings=(other,)))
    assert shrinker(lambda trial, script: True).fails(outcome(found=True))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("at 1.5 s: election safety: n1 and n2 both lead term 3", "at 9 s: election safety: n5 and n3 lead it", True),
        ("at 1.5 s: election safety: n1", "at 1.5 s: log matching: n1", False),
        ("at 1 s: n1 commits entry 5 with a gap before it", "at 2 s: n4 commits entry 77 with a gap before it", True),
    ],
)
def test_what_the_simulator_saw_is_of_the_same_kind(one: str, other: str, same: bool) -> None:
    first, second = (signature(Found("simulation", "safety", text)) for text in (one, other))
    assert (first == second) is same


def test_another_fate_is_tried_where_the_script_does_not_fail_by_itself() -> None:
    failure = Failure(story(), SIGNATURES, begins_s=0.6, after_s=None)
    found = shrinker(lambda trial, script: "0:2:network+machine" in trial.experiment.fork).reproduce(failure)
    assert found == story().with_fate("0:2:network+machine")
    assert shrinker(lambda trial, script: False).reproduce(failure) is None
    assert shrinker(lambda trial, script: True).reproduce(failure) == story()


def test_it_ends_when_it_shall_with_the_smallest_so_far() -> None:
    made = shrinker(lambda trial, script: True)
    made.stops = lambda: made.runs >= 1
    small = made.shrink(story())
    assert made.runs == 1
    assert len(small.script.operations) < 40


def test_a_cut_clips_what_lasts_longer() -> None:
    short = cut(story(), 3.5)
    assert short.experiment.time_limit == 3.5
    assert [(fault.at_s, fault.until_s) for fault in short.script.faults] == [(1, 3), (2, 3.5), (3, 3.5)]
    assert len(short.script.operations) == 12
    assert cut(story(), 0.5) == story()  # no operation would be left


def test_a_story_on_fewer_nodes() -> None:
    faults = (
        fault(1, nodes=["n2", "n4"]),
        fault(2, nodes=["n1"]),
        fault(3, "partition", groups=[["n1", "n2"], ["n3"], ["n4", "n5"]]),
        fault(4, "partition", groups=[["n1", "n3"], ["n4", "n5"]]),
        fault(5, "packets", links=[["n2", "n4"], ["n1", "n2"]], loss=0.5),
        fault(6, "packets", links=[["n1", "n2"]], loss=0.5),
    )
    whole = story().with_faults(faults)
    few = on_nodes(whole, ["n2", "n4", "n5"])
    assert few.experiment.nodes == 3
    assert [(fault.at_s, fault.exact) for fault in few.script.faults] == [
        (1, {"nodes": ["n1", "n2"]}),
        (3, {"groups": [["n1"], ["n2", "n3"]]}),
        (5, {"links": [["n1", "n2"]], "loss": 0.5}),
    ]
    nodes = {
        int(o.process) % 5: int(n.process) % 3
        for o, n in zip(whole.script.operations, few.script.operations, strict=True)
    }
    assert nodes == {0: 0, 1: 0, 2: 0, 3: 1, 4: 2}
    assert all(int(operation.process) < 12 for operation in few.script.operations)


def test_a_script_of_a_failure_fails_in_the_same_way() -> None:
    """Most do: what is not written down, as when a message was lost, may come out in another way."""
    tried, found = first_finding(**BUGGY)
    failure = failure_of(tried)
    assert failure is not None
    assert failure.signatures == frozenset(map(signature, found.findings))
    assert any(map(fails_when_scripted, range(1, MOST_SEEDS)))


def fails_when_scripted(seed: int) -> bool:
    failure = failure_of(experiment(seed=seed, **BUGGY))
    if failure is None:
        return False
    again = run_trial(Trial(failure.story.experiment, script=failure.story.script))
    return not failure.signatures.isdisjoint(map(signature, again.findings))


def test_what_does_not_fail_has_no_failure() -> None:
    assert failure_of(experiment(time_limit=2, nemesis="none")) is None


@pytest.mark.usefixtures("in_a_folder_of_its_own")
def test_from_a_run_to_a_small_one_that_can_be_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    tried, _ = first_finding(bug="forget-vote", time_limit=8)
    assert command(*shlex.split(replay_command(tried))[1:], "--name", "it") == 1
    capsys.readouterr()
    assert command("shrink", "it", "--jobs", "1", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    before, after = said["before"], said["after"]
    assert after["faults"] <= before["faults"]
    assert 1 <= after["operations"] < before["operations"]
    assert after["time_limit_s"] <= before["time_limit_s"]
    folder = RunFolder(Path(said["run"]))
    verdict = folder.verdict()
    assert verdict is not None
    assert verdict["verdict"] == Verdict.INVALID
    words = shlex.split(said["command"])
    assert said["command"] in (folder.path / "schedule.toml").read_text()
    assert command(*words[1:], "--name", "again") == 1
    again = RunFolder(Path("results/runs/again")).run()["simulation"]
    assert again["digest"] == folder.run()["simulation"]["digest"]


@pytest.mark.usefixtures("in_a_folder_of_its_own")
def test_what_cannot_be_shrunk(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("results/runs/other")
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{}")
    assert command("shrink", "other") == 3
    assert "no simulated run" in capsys.readouterr().err
    quiet = experiment(time_limit=2, nemesis="none")
    run = {"simulation": {"asked": msgspec.to_builtins(quiet)}}
    (folder / "run.json").write_bytes(msgspec.json.encode(run))
    assert command("shrink", "other", "--jobs", "1") == 3
    assert "does not fail" in capsys.readouterr().err
    monkeypatch.setattr(
        "harness.exploring.shrink.failure_of", lambda experiment: Failure(story(), SIGNATURES, 0.5, None)
    )
    monkeypatch.setattr("harness.exploring.shrink.FATES", 1)
    assert command("shrink", "other", "--jobs", "1") == 2
    assert "in 2 attempts" in capsys.readouterr().err
