"""Events: the lines of a history, and the words for what happened.

A history is a list of events in the order in which the harness recorded them, and that order (the `index`) is the
only precedence that checkers may use: an invocation is recorded before its request leaves, a completion after its
answer has come. Times are nanoseconds since the run began, for people to read.

The three completions are the whole of what a client can know:

- `ok`: it happened, with this result.
- `fail`: it certainly did not happen.
- `info`: unknown. It may have happened, may yet happen at any later time, or never.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

NEMESIS: Final = "nemesis"
"""The `process` of events that tell of faults."""


MOST_TIME_NS: Final = 1 << 62
"""146 years: what is more is no time since a run began."""


class EventType(StrEnum):
    INVOKE = "invoke"
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, frozen=True, gc=False):
    """One line of history.jsonl. The optional fields are left out of the line when they have no value."""

    index: int
    """Position in the history, from 0, without gaps."""
    time: Annotated[int, msgspec.Meta(le=MOST_TIME_NS)]
    """Nanoseconds since the run began, never decreasing."""
    process: int | str
    """A client process, or NEMESIS."""
    type: EventType
    f: str
    """What was done: read, write, cas, txn, ...; for the nemesis the kind of fault."""
    key: str | None = None
    value: Any
    """What the operation is about (docs/history-format.md lists them all). write: the value; cas: [expected, new];
    read: null when invoked, the value seen when ok. An ok cas with the value [expected, new] matched; one that did not
    match is ok too, with `actual` holding the value that it saw."""
    actual: Any = msgspec.UNSET
    """ok cas that did not match: the value that it saw instead (may be null). Left out when it matched."""
    node: str | None = None
    """The node that the client spoke to."""
    error: str | None = None
    """For fail and info: the reason, a short kebab-case word, then perhaps ": " and details."""
    log_index: int | None = None
    """write, cas: the log index of the entry; reads: the log index that the state read had reached."""
    min_index: int | None = None
    """Sequential reads, on completion: the highest log index the client had seen, as sent with the request."""
    session: str | None = None
    read: str | None = None
    """Reads, on invoke and completion: the mode asked for: linearizable, lease, sequential or stale."""
    fault: str | None = None
    """Nemesis: the id that pairs a fault's begin with its end ("f1", "f2", ...)."""
    evidence: Any = None
    """Nemesis completions: what the thing that was hit shows (see docs/faults.md)."""
