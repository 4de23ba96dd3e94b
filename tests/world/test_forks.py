"""Forks: what was before stays as it was, what comes after is another story."""

from __future__ import annotations

from random import Random

import pytest

from harness.nemesis.commands import Begin, End
from harness.nemesis.schedule import Timed, turned
from harness.world.streams import Fork, parse_fork
from harness.world.virtual import VirtualWorld


@pytest.mark.parametrize(
    ("text", "fork"),
    [
        ("12.5:7", Fork(12.5, 7)),
        ("0:7:network+machine", Fork(0.0, 7, ("network", "machine"))),
        ("3:0:bit-flips", Fork(3.0, 0, ("bit-flips",))),
    ],
)
def test_a_fork_is_read_and_written(text: str, fork: Fork) -> None:
    assert parse_fork(text) == fork
    assert str(fork) == text


@pytest.mark.parametrize("text", ["", "7", "x:1", "1:x", "-1:2", "1:2:", "1:2:weather", "1:2:network+"])
def test_what_is_no_fork(text: str) -> None:
    with pytest.raises(ValueError, match="fork"):
        parse_fork(text)


def drawn(*forks: Fork, names: tuple[str, ...] = ("network", "nemesis-f1")) -> dict[str, list[float]]:
    """What each stream gives, once a second from 0.5 s on."""
    world = VirtualWorld(7, forks=forks)
    numbers: dict[str, list[float]] = {name: [] for name in names}

    async def draw(name: str, rng: Random) -> None:
        await world.sleep(0.5)
        for _ in range(6):
            numbers[name].append(rng.random())
            await world.sleep(1)

    async def main() -> None:
        tasks = [world.spawn(draw(name, world.random(name)), name=name) for name in names]
        for task in tasks:
            await task

    world.run(main())
    return numbers


def test_before_a_fork_nothing_changes_and_after_it_everything() -> None:
    plain, forked = drawn(), drawn(Fork(3.0, 1))
    for name in plain:
        assert forked[name][:3] == plain[name][:3]
        assert not set(forked[name][3:]) & set(plain[name])


def test_another_salt_is_another_story_and_the_same_the_same() -> None:
    assert drawn(Fork(3.0, 1)) == drawn(Fork(3.0, 1)) != drawn(Fork(3.0, 2))


def test_a_fork_of_one_stream_leaves_the_others() -> None:
    plain, forked = drawn(), drawn(Fork(0.0, 1, ("nemesis",)))
    assert forked["network"] == plain["network"]
    assert forked["nemesis-f1"][0] != plain["nemesis-f1"][0]


def test_a_stream_that_begins_after_the_fork_is_forked_too() -> None:
    world, plain = VirtualWorld(7, forks=[Fork(1.0, 1)]), VirtualWorld(7)
    world.run_until(2_000_000_000)
    assert world.random("network").random() != plain.random("network").random()


def test_a_stream_drawn_from_another_is_forked_with_it() -> None:
    world = VirtualWorld(7, forks=[Fork(1.0, 1, ("machine",))])
    child, other = world.adopt("machine-n1", Random(5)), world.adopt("network", Random(5))
    assert child.random() == other.random()
    world.run_until(2_000_000_000)
    assert child.random() != other.random()


def spans(*faults: tuple[str, float, float]) -> list[Timed]:
    return [
        timed
        for name, begin_s, end_s in faults
        for timed in (Timed(begin_s, Begin(name, "kill", "one")), Timed(end_s, End(name)))
    ]


def test_a_schedule_turns_into_another_one() -> None:
    """What has begun ends as it would have; of the other one comes what begins later."""
    first = spans(("f1", 1, 2), ("f2", 4, 8), ("f3", 6, 7))
    second = spans(("f1", 2, 9), ("f2", 5, 6))
    assert turned(first, second, 5.0, "-1") == sorted(
        spans(("f1", 1, 2), ("f2", 4, 8), ("f2-1", 5, 6)), key=lambda timed: timed.at_s
    )
