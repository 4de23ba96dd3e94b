"""Delta debugging: what is left fails, and nothing of it can be taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.exploring.ddmin import ddmin

Fails = Callable[[Sequence[int]], bool]


def first(fails: Fails) -> Callable[[Sequence[Sequence[int]]], int | None]:
    return lambda candidates: next((place for place, items in enumerate(candidates) if fails(items)), None)


@pytest.mark.parametrize("needed", [set(), {0}, {99}, {3, 4}, {0, 50, 99}, {7, 8, 9, 60, 61}])
def test_what_is_needed_is_what_is_left(needed: set[int]) -> None:
    assert ddmin(range(100), first(lambda items: needed <= set(items))) == sorted(needed)


def test_nothing_at_all_is_only_tried_where_it_may_be() -> None:
    tried: list[Sequence[int]] = []

    def fails(items: Sequence[int]) -> bool:
        tried.append(items)
        return True

    assert len(ddmin(range(8), first(fails), empty=False)) == 1
    assert [] not in tried


@given(st.lists(st.sets(st.integers(0, 19), min_size=1, max_size=4), min_size=1, max_size=3))
def test_what_is_left_is_1_minimal(enough: list[set[int]]) -> None:
    """It fails with any of several sets of items."""

    def fails(items: Sequence[int]) -> bool:
        return any(needed <= set(items) for needed in enough)

    left = ddmin(range(20), first(fails))
    assert fails(left)
    assert not any(fails([other for other in left if other != item]) for item in left)
