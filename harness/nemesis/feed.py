"""Feeding a schedule to the nemesis, at its times."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from harness.nemesis.commands import Command
from harness.nemesis.schedule import Timed
from harness.world import World

NANOSECONDS: Final = 1_000_000_000


async def feed(world: World, schedule: Iterable[Timed], put: Callable[[Command], object]) -> None:
    """Puts each command when its time has come, counted from now. `schedule` is in the order of times."""
    began = world.now()
    for timed in schedule:
        ahead_s = timed.at_s - (world.now() - began) / NANOSECONDS
        if ahead_s > 0:
            await world.sleep(ahead_s)
        put(timed.command)
