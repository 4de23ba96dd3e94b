"""Figure 3 under random faults. A failure prints the seed; `Storm(SIZE, SEED)` replays it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.node.raft.storm import Storm, Violation

SMALL = {"max_entries_per_message": 3, "max_inflight": 3, "snapshot_chunk_bytes": 200, "trailing_entries": 5}


def weather(size: int, seed: int, steps: int = 4000, **options: Any) -> Storm:
    storm = Storm(size, seed, **SMALL, **options)
    storm.run(steps)
    return storm


@pytest.mark.parametrize("seed", range(8))
def test_safety_in_a_storm_and_liveness_after_it(seed: int) -> None:
    storm = weather(3 + seed % 3, seed)
    assert storm.history.highest_committed > 50
    assert len(storm.history.leaders) > 1
    storm.calm_down()


@pytest.mark.parametrize("seed", range(100, 108))
def test_safety_while_the_configuration_changes(seed: int) -> None:
    """Paper, section 6: no two majorities decide apart, whatever is lost of a change."""
    storm = weather(4 + seed % 3, seed, changes=True)
    assert storm.changes_begun > 2
    assert storm.history.highest_committed > 50
    storm.calm_down()


def test_leaders_hand_over_in_these_storms() -> None:
    assert weather(4, 107, 1500, changes=True).transfers_begun > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2000, 2060))
def test_safety_in_many_storms_of_changes(seed: int) -> None:
    weather(3 + seed % 5, seed, 8000, changes=True).calm_down()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_safety_in_many_storms(seed: int) -> None:
    weather(2 + seed % 4, seed, 8000).calm_down()


def test_one_seed_is_one_storm() -> None:
    first, again = (weather(5, 7, 600) for _ in range(2))
    assert [(packet.sender, packet.to, packet.message) for packet in first.sent] == [
        (packet.sender, packet.to, packet.message) for packet in again.sent
    ]


def a_wall_clock_that_jumps_back(storm: Storm, name: str) -> float:
    """By 3 s, every 3 s."""
    return storm.now % 3.0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"bugs": ["read-without-confirming"]}, "answers a read at"),
        ({"bugs": ["wall-clock-lease"]}, "by its lease"),
        ({"lying_disks": True}, "log matching|election safety|leader completeness|state machine safety"),
    ],
    ids=["read-without-confirming", "wall-clock-lease", "disks that lie"],
)
def test_a_storm_finds_what_is_wrong(options: dict[str, Any], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks see what they are for: one of a few seeds fails, for the right reason."""
    monkeypatch.setattr(Storm, "wall", a_wall_clock_that_jumps_back)
    with pytest.raises(Violation, match=what):
        weather_of_many_seeds(options)


def weather_of_many_seeds(options: dict[str, Any]) -> None:
    for seed in range(6, 30):  # The first one finds all three; the others are for when the code's dice fall otherwise.
        weather(5, seed, **options)
