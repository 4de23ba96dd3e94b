"""Bringing things up and down at once, such that whatever was begun is there to be removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def all_of(works: Sequence[Awaitable[T]]) -> list[T]:
    """All results, or the first exception once all have ended."""
    outcomes = await asyncio.gather(*works, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


async def to_the_end(work: Awaitable[T]) -> T:
    """Waits for the work's end also when cancelled: what it makes must be there to be removed."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        with suppress(asyncio.CancelledError):
            working.exception()  # nobody else will ask for it
        raise
