"""The benchmark that compares ways to search: no trial twice, and figures that say what they seem to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import memory
from benchmarks.explore import Repeat, Row, each, holm, summary
from benchmarks.memory import Memory, OutOfTime
from harness.errors import BadInput
from harness.exploring.trial import Outcome, Trial
from tests.exploring.simulated import experiment, outcome


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds of trials that were really made."""
    seeds: list[int] = []

    def run(trial: Trial) -> Outcome:
        assert trial.experiment.seed is not None
        seeds.append(trial.experiment.seed)
        return outcome(trial.experiment.seed, states=(1, 2), number=trial.number, parent=trial.parent)

    monkeypatch.setattr(memory, "run_trial", run)
    return seeds


def trial(seed: int, number: int = 0, parent: int | None = None) -> Trial:
    return Trial(experiment(seed=seed), number, parent)


def test_no_trial_is_made_twice_not_even_by_another_process(tmp_path: Path, made: list[int]) -> None:
    path = tmp_path / "memory.jsonl"
    first = Memory(path, is_over=lambda: False)
    outcomes = [first.work(trial(seed)) for seed in (1, 2, 1)]
    second = Memory(path, is_over=lambda: True)
    assert second.work(trial(2)) == outcomes[1]
    assert made == [1, 2]


def test_what_is_remembered_has_the_number_and_parent_of_who_asks(made: list[int]) -> None:
    remembered = Memory(None, is_over=lambda: False)
    remembered.work(trial(1, number=4))
    again = remembered.work(trial(1, number=9, parent=3))
    assert (again.number, again.parent, made) == (9, 3, [1])


def test_nothing_new_is_begun_when_the_time_is_over(made: list[int]) -> None:
    with pytest.raises(OutOfTime):
        Memory(None, is_over=lambda: True).work(trial(1))
    assert made == []


def test_what_other_code_has_made_is_refused(tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "memory.jsonl"
    Memory(path, is_over=lambda: False).work(trial(1))
    monkeypatch.setattr(memory, "DECIDES", ("checkers",))
    with pytest.raises(BadInput, match="other code"):
        Memory(path, is_over=lambda: False)


def repeat(runs: int, *, found: bool = True) -> Repeat:
    return Repeat(runs=runs, found=found, found_varied=False, varied=0, states=0)


def test_a_missed_repeat_counts_its_runs_and_no_finding() -> None:
    assert each([repeat(3), repeat(5)]) == 4
    assert each([repeat(3), repeat(9, found=False)]) == 12
    assert each([repeat(9, found=False)]) is None


@pytest.mark.parametrize(
    ("ps", "corrected"),
    [
        ([0.5], [0.5]),
        ([0.01, 0.02, 0.03], [0.03, 0.04, 0.04]),
        ([0.04, 0.001], [0.04, 0.002]),
        ([0.9, 0.8, 0.7], [1.0, 1.0, 1.0]),
    ],
)
def test_holm(ps: list[float], corrected: list[float]) -> None:
    assert holm(ps) == pytest.approx(corrected)


def row(learned: list[int], blind: list[int]) -> Row:
    return Row("bug", [repeat(runs) for runs in learned], [repeat(runs) for runs in blind])


def test_a_difference_is_seen_and_sameness_too() -> None:
    better, same = row([1] * 20, [9] * 20), row([3, 4], [3, 4])
    assert better.p < 0.001
    assert same.p == 1.0
    told = list(summary([better, same], holm([better.p, same.p])))
    assert told[0] == "2 bugs, 1 of them with the same runs in both; 2 found by both"
    assert "learning needs fewer runs: 1 bugs, 1 of them decided bug" in told
    assert told[-2].startswith("pairs: 20 with fewer runs, 0 with more, of 22 (signed ranks: p = ")
    assert told[-1].startswith("repeats, all bugs together: 2 with fewer runs, 0 with more, of 2 (signed ranks: p = ")
