"""Steps of transactions, worked out from what their keys held."""

from __future__ import annotations

from typing import Any

import pytest

from harness.system import Refused
from harness.systems.etcd.transactions import keys_needed, perform

R, A, W = ["r", "x", None], ["append", "x", 3], ["w", "x", 5]


@pytest.mark.parametrize(
    ("steps", "needed"),
    [
        ([R], ["x"]),
        ([W, R], []),
        ([R, W], ["x"]),
        ([A, ["r", "y", None], A], ["x", "y"]),
        ([["add", "z", 1], W], ["z"]),
    ],
)
def test_keys_whose_first_step_is_a_blind_write_need_not_be_read(steps: list[Any], needed: list[str]) -> None:
    assert keys_needed(steps) == needed


@pytest.mark.parametrize(
    ("steps", "held", "done", "written"),
    [
        ([R], {"x": 1}, [["r", "x", 1]], {}),
        ([R, W, R], {"x": 1}, [["r", "x", 1], W, ["r", "x", 5]], {"x": 5}),
        ([A, R, A], {}, [A, ["r", "x", [3]], A], {"x": [3, 3]}),
        ([A, R], {"x": [1]}, [A, ["r", "x", [1, 3]]], {"x": [1, 3]}),
        (
            [["add", "x", 2], ["add", "x", -3], R],
            {"x": None},
            [["add", "x", 2], ["add", "x", -3], ["r", "x", -1]],
            {"x": -1},
        ),
        ([["at-least", "x", 4], ["add", "x", -4]], {"x": 4}, [["at-least", "x", 4], ["add", "x", -4]], {"x": 0}),
        ([["at-least", "x", -4]], {}, [["at-least", "x", -4]], {}),
    ],
)
def test_steps(steps: list[Any], held: dict[str, Any], done: list[Any], written: dict[str, Any]) -> None:
    assert perform(steps, held) == (done, written)


def test_a_condition_that_does_not_hold() -> None:
    with pytest.raises(Refused, match="condition-failed"):
        perform([["at-least", "x", 5], ["add", "x", -5]], {"x": 4})
