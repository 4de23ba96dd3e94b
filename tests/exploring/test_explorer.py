"""The search itself, over made-up trials: where it ends, what it keeps, how it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.exploring.book import Book, Search, create_book, open_book
from harness.exploring.explorer import Explorer
from harness.exploring.pool import Pool
from harness.exploring.trial import Outcome, Trial
from tests.exploring.simulated import experiment, outcome

Work = Callable[[Trial], Outcome]


def book(folder: Path, *, learns: bool = False) -> Book:
    return create_book(folder, Search(options={}, first_seed=10, learns=learns, version="0"))


def work(trial: Trial) -> Outcome:
    """Every fifth number is a finding; each trial is at a state of its own and at one that all are at."""
    seed = trial.experiment.seed or 0
    return outcome(
        seed,
        found=trial.number % 5 == 4,
        states=(1, 2 + trial.number),
        number=trial.number,
        parent=trial.parent,
        fork=trial.experiment.fork,
        faults={"kill": 2},
    )


def explore(kept: Book, runs: int, *, keep_going: bool = False, work: Work = work) -> tuple[Explorer, list[Outcome]]:
    explorer = Explorer(experiment(), kept, ends=lambda begun: begun >= runs, keep_going=keep_going)
    with Pool(1, work) as pool:
        return explorer, [found for _, found in explorer.explore(pool, lambda: None)]


def test_it_stops_at_the_first_finding(tmp_path: Path) -> None:
    explorer, found = explore(book(tmp_path / "a"), 100)
    assert [outcome.seed for outcome in found] == [14]
    assert explorer.tally.runs == 5
    assert explorer.tally.states == 6
    assert explorer.tally.faults["kill"] == 10
    assert explorer.tally.virtual_s == 100.0


def test_it_keeps_going_where_it_is_told_to(tmp_path: Path) -> None:
    explorer, found = explore(book(tmp_path / "a"), 12, keep_going=True)
    assert [outcome.seed for outcome in found] == [14, 19]
    assert explorer.tally.runs == 12


@pytest.mark.parametrize("learns", [False, True])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path, learns: bool) -> None:
    whole, stopped = book(tmp_path / "whole", learns=learns), book(tmp_path / "stopped", learns=learns)
    expected, _ = explore(whole, 20, keep_going=True)
    for _ in range(4):
        resumed, _ = explore(open_book(stopped.folder), 5, keep_going=True)
    assert list(whole.outcomes()) == list(open_book(stopped.folder).outcomes())
    assert resumed.tally == expected.tally


def test_a_line_that_was_cut_off_is_tried_again(tmp_path: Path) -> None:
    kept = book(tmp_path / "a")
    explore(kept, 3)
    path = kept.folder / "trials.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    explore(open_book(kept.folder), 2)
    assert [outcome.number for outcome in open_book(kept.folder).outcomes()] == [0, 1, 2, 3]


def test_trouble_is_no_finding_and_is_told(tmp_path: Path) -> None:
    def fails(trial: Trial) -> Outcome:
        return outcome(trial.experiment.seed or 0, number=trial.number, trouble="a traceback")

    explorer, found = explore(book(tmp_path / "a"), 3, work=fails)
    assert not found
    assert len(explorer.tally.troubles) == 3


def test_a_folder_that_holds_no_search(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no search"):
        open_book(tmp_path)
    (tmp_path / "explore.json").write_text("{}")
    with pytest.raises(BadInput, match="not what raftstorm wrote"):
        open_book(tmp_path)
    book(tmp_path / "a")
    with pytest.raises(BadInput, match="there already"):
        book(tmp_path / "a")


def test_lines_that_are_something_else(tmp_path: Path) -> None:
    kept = book(tmp_path / "a")
    (kept.folder / "trials.jsonl").write_text('{"seed": 1}\n')
    with pytest.raises(BadInput, match="line 1"):
        list(kept.outcomes())
