"""Whole nodes under faults, one seed a run: Raft's five safety properties at every step (paper, figure 3), every
client's answers against the committed log, a retried write's single effect, and liveness when the faults have stopped.

Each finding's note says how to see it again. Thirty seeds by default; `-m slow` runs a thousand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from node_image.bugs import BUGS
from node_image.raft import Entry, HardState
from node_image.storage import Storage
from tests.node.sim.run import Summary, run
from tests.node.sim.safety import Violation

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


@pytest.mark.parametrize(
    ("what", "least"),
    [
        ("operations", 400),
        ("retries", 200),
        ("terms", 30),
        ("starts", 80),
        ("installed", 3),
        ("tears", 3),
        ("cut_tails", 3),
        ("removed_segments", 50),
    ],
)
def test_enough_happens_in_these_runs(what: str, least: int) -> None:
    summaries: list[Summary] = [once(seed) for seed in range(10)]
    assert sum(getattr(summary, what) for summary in summaries) >= least


def test_a_seed_decides_everything() -> None:
    assert run(7) == run(7)


# --- it can fail --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bug", ["ack-before-sync", "ignore-client-index", "read-without-confirming"])
def test_a_deliberate_bug_is_found(bug: str) -> None:
    assert bug in BUGS
    with pytest.raises(Violation):
        run_until_found(lambda seed: run(seed, bug=bug))


def test_a_storage_that_forgets_votes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    append = Storage.append

    def forgetful(self: Storage, hard_state: HardState | None, entries: tuple[Entry, ...]) -> None:
        append(self, hard_state and HardState(hard_state.term), entries)

    monkeypatch.setattr(Storage, "append", forgetful)
    with pytest.raises(Violation, match="election safety"):
        run_until_found(run)


def run_until_found(attempt: Callable[[int], object], seeds: int = 80) -> None:
    for seed in range(seeds):
        attempt(seed)
