"""Effects: what the node asks of the world, and the inputs by which the world answers.

`driver.node.Node` is sans-IO. It is given inputs (a peer's message, a client's line, the time, a finished sync) and
hands out effects. `runtime/` carries them out with sockets and files; the simulator carries out the same ones. The
order within one batch of effects is binding: a `Reply` after a `Write` does not wait for it; what must wait is handed
out only after the `Synced` input that it depends on.

Files are few and append-only: a `Write` adds bytes at the end of a file and is volatile until a `Sync` of that file
has completed. `Replace` (write a whole new file, sync it, rename it over the old, sync the folder) is atomic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Write:
    """Append bytes to a file (made when it is not there)."""

    file: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Sync:
    """Make all that was written to the file so far durable, then give the node `Synced(token)`. At most one Sync is
    in flight: what gathers meanwhile shares the next one (group commit)."""

    file: str
    token: int


@dataclass(frozen=True, slots=True)
class Truncate:
    """Cut the file to this size (a torn tail, at recovery only). Durable when it returns."""

    file: str
    size: int


@dataclass(frozen=True, slots=True)
class Replace:
    """Atomically put `data` in place of the file, then give the node `Synced(token)`."""

    file: str
    data: bytes
    token: int


@dataclass(frozen=True, slots=True)
class Remove:
    file: str


@dataclass(frozen=True, slots=True)
class Send:
    """A message to a peer, at most once, in no promised order. `message` is a raft or replica message; the runtime
    encodes it with `driver.wire`."""

    peer: str
    message: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a client's connection; `response` is a JSON-able dict."""

    connection: int
    response: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Trace:
    """One record of trace.jsonl; the runtime adds the clocks."""

    record: dict[str, Any]


Effect = Write | Sync | Truncate | Replace | Remove | Send | Reply | Trace


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds. `monotonic` drives everything; `wall` is there for the status request (and for one bug)."""

    monotonic: float
    wall: float
