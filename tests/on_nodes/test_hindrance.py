"""What links do that several faults hinder."""

from __future__ import annotations

import pytest

from harness.on_nodes.hindrance import FREE, Hindrance, together

LOSS, DELAY = Hindrance(loss=0.5, bytes_per_s=2e5), Hindrance(loss=0.5, delay_s=0.1, jitter_s=0.05, bytes_per_s=1e5)
SLOW, CLOGGED = Hindrance(slow=0.2, slow_s=1.0, delay_s=0.2), Hindrance(clogged=True)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([LOSS], LOSS.as_dict()),
        ([LOSS, DELAY], {"loss": 0.75, "delay_s": 0.1, "jitter_s": 0.05, "bytes_per_s": 1e5}),
        ([SLOW, DELAY, CLOGGED, SLOW], {"loss": 0.5, "slow": 0.36, "slow_s": 1.0, "delay_s": 0.5, "jitter_s": 0.05}
         | {"bytes_per_s": 1e5, "clogged": True}),
    ],
)  # fmt: skip
def test_what_several_ask_for_adds_up(listed: list[Hindrance], expected: dict[str, float]) -> None:
    assert together(listed).as_dict() == pytest.approx(expected)
    assert together(reversed(listed)).as_dict() == pytest.approx(expected)


def test_nothing_together_is_free() -> None:
    assert together([]) is FREE
