"""What only the virtual world promises: no time is lost, and the same seed gives the same run."""

from __future__ import annotations

import time

import pytest

from harness.world import Connection, Unreachable
from harness.world.virtual import Deadlock, VirtualWorld


def test_an_hour_takes_no_time_and_is_exact() -> None:
    world = VirtualWorld()
    began = time.monotonic()
    world.run(world.sleep(3600))
    assert world.now() == 3600 * 10**9
    assert time.monotonic() - began < 1


def test_waiting_for_nothing_is_a_deadlock() -> None:
    world = VirtualWorld()

    async def body() -> None:
        await world.sleep(2)
        await world.future()

    with pytest.raises(Deadlock, match=r"at 2\.000000 s"):
        world.run(body())


def test_what_nobody_heard_is_raised_at_the_end() -> None:
    world = VirtualWorld()

    async def broken() -> None:
        raise ValueError("unheard")

    async def body() -> None:
        world.spawn(broken(), name="broken")
        await world.sleep(1)

    with pytest.raises(ValueError, match="unheard"):
        world.run(body())


def test_a_silent_server_times_out() -> None:
    world = VirtualWorld()

    async def serve(connection: Connection) -> None: ...

    async def body() -> None:
        world.listen("n1", 1, serve).silent = True
        with pytest.raises(Unreachable, match="within 2 s"):
            await world.connect("n1", 1, timeout_s=2)

    world.run(body())
    assert world.now() == 2 * 10**9


def test_one_seed_one_run() -> None:
    def trace(seed: int) -> list[tuple[int, int]]:
        world, seen = VirtualWorld(seed), []

        async def walker(number: int) -> None:
            rng = world.random(f"walker-{number}")
            for _ in range(20):
                await world.sleep(rng.choice([0, 0.001, 0.5]))
                seen.append((world.now(), number))

        async def body() -> None:
            for task in [world.spawn(walker(number), name="walker") for number in range(5)]:
                await task

        world.run(body())
        return seen

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)
