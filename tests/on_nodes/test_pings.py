"""What trains of pings show."""

from __future__ import annotations

from typing import Any

import pytest

from harness.on_nodes.hindrance import Hindrance
from harness.on_nodes.packets.pings import Train, answer, checksum, request

LATE = 60.0


def train(answers: list[tuple[int, float]], sent: int = 10, **hindrance: Any) -> Train:
    """Pings a second apart; `answers`: the ping, and how long its answer took."""
    made = Train(Hindrance(**hindrance))
    for number in range(sent):
        made.send(float(number))
    for number, took_s in sorted(answers, key=lambda one: one[0] + one[1]):
        made.answer(number, number + took_s)
    return made


PROMPT = [(number, 0.001) for number in range(10)]


@pytest.mark.parametrize(
    ("answers", "hindrance", "shown"),
    [
        (PROMPT, {}, True),
        (PROMPT[:-1], {}, False),
        ([*PROMPT, (4, 0.002)], {}, False),
        ([*PROMPT[:4], (4, 1.5), *PROMPT[5:]], {}, False),
        (PROMPT, {"loss": 0.1}, False),
        ([*PROMPT[:3], *PROMPT[4:]], {"loss": 0.1}, True),
        ([*PROMPT[:3], *PROMPT[4:]], {"corrupt": 0.1}, True),
        (PROMPT, {"duplicate": 0.1}, False),
        ([*PROMPT, (4, 0.002)], {"duplicate": 0.1}, True),
        (PROMPT, {"slow": 0.1, "slow_s": 2.0}, False),
        ([*PROMPT[:4], (4, 1.5), *PROMPT[5:]], {"slow": 0.1, "slow_s": 2.0}, True),
        (PROMPT, {"delay_s": 0.2, "jitter_s": 0.1}, False),
        ([(0, 0.2), (1, 0.251)], {"delay_s": 0.2, "jitter_s": 0.1}, True),
        (PROMPT, {"clogged": True}, False),
        ([], {"clogged": True}, True),
        ([], {"delay_s": 0.1}, False),
        (PROMPT[:5], {"bytes_per_s": 1000.0}, False),
        (PROMPT[:6], {"bytes_per_s": 1000.0}, True),
    ],
)
def test_what_is_looked_for_is_seen_or_not(
    answers: list[tuple[int, float]], hindrance: dict[str, Any], shown: bool
) -> None:
    assert train(answers, **hindrance).shows(LATE) == shown


def test_a_ping_is_lost_once_three_later_ones_are_answered() -> None:
    assert train(PROMPT[:3], sent=4, loss=0.1).lost(3.1) == 0
    assert train([*PROMPT[:3], *PROMPT[4:6]], sent=6, loss=0.1).lost(5.1 - 2) == 0
    assert train([*PROMPT[:3], *PROMPT[4:7]], sent=7, loss=0.1).lost(3.1) == 1
    assert train([*PROMPT[:3], *PROMPT[4:7]], sent=7, loss=0.1, slow=0.1, slow_s=9.0).lost(6.1) == 0, "it may be slow"


def test_what_is_told() -> None:
    assert train([(0, 0.002), (2, 0.004), (2, 0.005), (3, 0.003)], sent=4).as_dict(LATE) == {
        "shown": False,
        "sent": 4,
        "answered": 3,
        "lost": 1,
        "twice": 1,
        "overtaken": 0,
        "round_trip_ms": [2.0, 3.0, 4.0],
    }


def test_nothing_at_all_for_long_is_silence() -> None:
    assert train([], sent=20, loss=0.5).silent(LATE)
    assert not train([], sent=20, loss=0.5).silent(0.1)
    assert not train(PROMPT[:1], sent=20, loss=0.5).silent(LATE)


def test_requests_and_answers() -> None:
    asked = request(77, 70_000, 56)
    assert len(asked) == 56
    assert checksum(asked) == 0
    answered = bytes([0]) + asked[1:]
    assert answer(bytes([0x45]) + bytes(19) + answered, 77) == 70_000 & 0xFFFF
    assert answer(answered, 77) == 70_000 & 0xFFFF
    assert answer(bytes([0x45]) + bytes(19) + answered, 78) is None
    assert answer(bytes([0x45]) + bytes(19) + asked, 77) is None
