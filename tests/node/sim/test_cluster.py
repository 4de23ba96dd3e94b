"""Whole nodes under faults, one seed a run: Raft's five safety properties at every step (paper, figure 3), every
client's answers against the committed log, a retried write's single effect, and liveness when the faults have stopped.

Each finding's note says how to see it again. Thirty seeds by default; `-m slow` runs a thousand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from harness.cluster.simulation.safety import Violation
from node_image.bugs import BUGS
from node_image.raft import Entry, HardState
from node_image.storage import Storage
from tests.node.sim.run import Summary, run

DEFAULT_SEEDS = range(30)
once = cache(run)


@pytest.mark.parametrize("seed", DEFAULT_SEEDS)
def test_promises_hold(seed: int) -> None:
    assert once(seed).operations > 0


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_promises_hold_for_many_seeds(first: int) -> None:
    for seed in range(first, first + 50):
        run(seed)


CHANGES_SEEDS = range(15)


@pytest.mark.parametrize("seed", CHANGES_SEEDS)
def test_promises_hold_while_the_membership_changes(seed: int) -> None:
    assert once(seed, changes=True).operations > 0


def test_enough_changes_in_these_runs() -> None:
    summaries: list[Summary] = [once(seed, changes=True) for seed in CHANGES_SEEDS]
    assert sum(summary.changes for summary in summaries) > 40
    assert sum(summary.transfers for summary in summaries) > 3


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 50))
def test_promises_hold_for_many_seeds_of_changes(first: int) -> None:
    for seed in range(first, first + 50):
        run(seed, changes=True)


ENOUGH = {
    "operations": 400,
    "retries": 200,
    "terms": 30,
    "starts": 80,
    "installed": 3,
    "tears": 3,
    "cut_tails": 3,
    "removed_segments": 50,
    "expired": 15,
}


def test_enough_happens_in_these_runs() -> None:
    summaries: list[Summary] = [once(seed) for seed in range(15)]
    happened = {what: sum(getattr(summary, what) for summary in summaries) for what in ENOUGH}
    assert {what: count for what, count in happened.items() if count < ENOUGH[what]} == {}


def test_a_seed_decides_everything() -> None:
    assert run(7) == run(7)


# --- it can fail --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bug", "first", "finding"),
    [
        ("ack-before-sync", 0, "election safety|leader append-only|leader completeness|state machine safety"),
        ("ignore-client-index", 0, "at least index .* was due"),
        ("read-without-confirming", 18, "at least index .* was due"),
    ],
)
def test_a_deliberate_bug_is_found(bug: str, first: int, finding: str) -> None:
    assert bug in BUGS
    with pytest.raises(Violation, match=finding):
        run_until_found(lambda seed: run(seed, bug=bug), first)


def test_a_storage_that_forgets_votes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Storage.append

    def forgetful(self: Storage, hard_state: HardState | None, entries: tuple[Entry, ...]) -> None:
        append(self, hard_state and HardState(hard_state.term), entries)

    monkeypatch.setattr(Storage, "append", forgetful)
    with pytest.raises(Violation, match="election safety"):
        run_until_found(run)


def run_until_found(attempt: Callable[[int], object], first: int = 0) -> None:
    """`first`: where to begin looking, since some bugs show in few runs."""
    for seed in range(first, first + 80):
        attempt(seed)
