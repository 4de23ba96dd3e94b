"""The long search: every checker of this folder against its brute force, 100,000 histories in all.

pytest -m slow tests/checkers/invariants
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.checkers.invariants import (
    test_bank,
    test_causal_reverse,
    test_counter,
    test_exactly_once,
    test_fenced_locks,
    test_long_fork,
    test_monotonic,
    test_set_full,
    test_total_queue,
    test_unique_ids,
)

CASES = 10_000
"""For each."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "against",
    [
        test_bank.against_every_choice,
        test_causal_reverse.against_all_pairs,
        test_counter.against_every_choice,
        test_exactly_once.against_counting,
        test_fenced_locks.against_every_order,
        test_long_fork.against_every_order,
        test_monotonic.against_every_order,
        test_set_full.against_every_order,
        test_total_queue.against_everything,
        test_unique_ids.against_pairs,
    ],
    ids=lambda against: against.__module__.rsplit("test_")[-1],
)
def test_many_cases(against: Callable[[Random], None]) -> None:
    for seed in range(CASES):
        try:
            against(Random(seed))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
