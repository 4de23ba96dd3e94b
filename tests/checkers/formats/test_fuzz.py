"""The importers meet bytes that nobody wrote as a history (fuzzing.py has the command for a million of them)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checkers.formats.fuzzing import FORMATS, SEEDS, TOKENS, inputs, outcome

pieces = st.one_of(st.binary(max_size=20), st.sampled_from(TOKENS), st.sampled_from(SEEDS))


@given(st.lists(pieces, max_size=8).map(b" ".join), st.sampled_from(FORMATS))
def test_any_bytes(data: bytes, format: str) -> None:
    assert outcome(data, format) in ("history", "refused")


@pytest.mark.parametrize("seed", range(4))
def test_changed_histories(seed: int) -> None:
    for data in inputs(seed, 100):
        for format in FORMATS:
            assert outcome(data, format) in ("history", "refused")


@pytest.mark.parametrize("data", SEEDS, ids=range(len(SEEDS)))
def test_what_is_changed_was_a_history(data: bytes) -> None:
    assert outcome(data, "auto") == "history"


@pytest.mark.slow
def test_many_changed_histories() -> None:
    for data in inputs(7, 50_000):
        for format in FORMATS:
            assert outcome(data, format) in ("history", "refused")
