"""Clients: what turns an invocation into requests, and answers into outcomes.

The outcome contract: a call is `fail` only if it certainly did not happen. A write that timed out, or whose
connection broke after sending, is `info`; a read that did not answer is `fail`. Clients never retry a write by
themselves. Cancelling is never an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from checkers.events import EventType
from harness.world import World


class Invocation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a generator asks a process to do. The generator that it comes from fills in `time` (not before which it
    is to be done) and `process`, from the context: whoever writes an invocation down leaves them out."""

    f: str
    key: str | None = None
    value: Any = None
    read: str | None = None
    time: int = 0
    process: int | str = 0


class Completion(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of it: the fields of the completing event that the client knows."""

    type: EventType
    value: Any = None
    actual: Any = msgspec.UNSET
    error: str | None = None
    node: str | None = None
    log_index: int | None = None
    min_index: int | None = None
    session: str | None = None


READ_MODES: Final = ("linearizable", "lease", "sequential", "stale")
READ_ONLY: Final = ("read", "get", "contains", "watch", "catch-up")


def is_read_only(f: str, value: Any) -> bool:
    """Whether an operation changes nothing, so that one without an answer certainly had no effect. Of transactions
    those that only read."""
    return f in READ_ONLY or (f == "txn" and all(step[0] == "r" for step in value))


def keys_of(f: str, key: str | None, value: Any) -> Sequence[str]:
    """The keys that an operation is about: its own, or those of a transaction's steps."""
    if key is not None:
        return (key,)
    return tuple(dict.fromkeys(step[1] for step in value)) if f == "txn" else ()


class Client(Protocol):
    """One process's client. The interpreter calls `invoke` for one invocation at a time, closes the client when an
    outcome is info, and opens a new one for the process that takes over."""

    async def invoke(self, invocation: Invocation) -> Completion: ...

    async def close(self) -> None: ...


ClientFactory = Callable[[World, int], Client]
"""World and process number to a client. Opening connections is the client's own business, on first use."""
