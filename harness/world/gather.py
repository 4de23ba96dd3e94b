"""Many at once: built from spawn alone, so that it is the same in every world."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable, Mapping
from typing import Any, TypeVar

from harness.world import World

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


async def gather(world: World, coroutines: Mapping[K, Coroutine[Any, Any, T]], *, name: str) -> dict[K, T]:
    """Runs them beside each other and waits for all. Where some raise, the first one's exception (in the order of the
    mapping) is raised once all have ended, so that nothing goes on behind the caller's back."""
    tasks = {key: world.spawn(coroutine, name=f"{name}-{key}") for key, coroutine in coroutines.items()}
    results: dict[K, T] = {}
    errors: list[Exception] = []
    try:
        for key, task in tasks.items():
            try:
                results[key] = await task
            except Exception as error:
                errors.append(error)
    except BaseException:
        for task in tasks.values():
            task.cancel()
        raise
    if errors:
        raise errors[0]
    return results
